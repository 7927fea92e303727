"""kill -9 at random moments of ingesting and deleting loses nothing that was acknowledged."""

import multiprocessing
import random
import time
from pathlib import Path

from storage_children import FULL, Expected, churn, stored

from rag.collection import DATABASE_FILE
from rag.doctor import examine

KILLS = 200 if FULL else 20


def _lines(log: Path) -> int:
    return log.read_bytes().count(b"\n")


def test_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["storage_children"])
    folder, log = tmp_path / "data", tmp_path / "log"
    log.touch()
    rng = random.Random(5)
    expected = Expected()
    in_commit = in_build = 0
    for kill in range(KILLS):
        lines = _lines(log) + rng.randint(1, 8)
        child = processes.Process(target=churn, args=(folder, log, kill))
        child.start()
        while _lines(log) < lines:
            assert child.is_alive()
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.04))
        child.kill()
        child.join()
        assert child.exitcode == -9
        in_commit += (folder / f"{DATABASE_FILE}-journal").exists()
        in_build += any((folder / "index").glob("gen-*.tmp"))
        # Leftovers of a build are all that a kill may leave.
        assert [p for p in examine(folder) if p.check != "files"] == []
        expected.check(log, stored(folder))
    assert expected.acknowledged > KILLS
    print(
        f"row 3: {KILLS} kills ({in_commit} inside a commit, {in_build} inside an index build), "
        f"{expected.acknowledged} acknowledged writes, 0 lost"
    )
