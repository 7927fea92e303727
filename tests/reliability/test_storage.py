"""Several threads, processes and workers on one collection; a full disk; what is deleted."""

import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import sqlalchemy as sa
from conftest import FakeEncoder, FakeReader, article, in_words
from fastapi.testclient import TestClient
from storage_children import FULL, answer, opened, stored, text_of, write

from api.app import create_app
from rag.doctor import examine
from rag.engine import Dateline, Ingested
from rag.errors import CollectionError, ModelMismatchError
from rag.index import EmbeddedIndex
from rag.repair import purge
from rag.store import Store


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["storage_children"])
    return context


# --- row 8


def test_an_acknowledged_article_is_found_at_once_while_others_ask(tmp_path: Path) -> None:
    articles = 300 if FULL else 40
    with opened(tmp_path / "data") as dateline:
        stop = threading.Event()
        torn: list[str] = []

        def ask() -> None:
            while not stop.is_set():
                for hit in dateline.search("storm", 20):
                    if hit.passage.article.text[hit.passage.start : hit.passage.end] == "":
                        torn.append(hit.passage.article.id)

        askers = [threading.Thread(target=ask) for _ in range(2)]
        for asker in askers:
            asker.start()
        slowest = 0.0
        try:
            for n in range(articles):
                list(dateline.ingest([article(text_of(f"a{n}", n), f"a{n}")]))
                began = time.perf_counter()
                (first, *_) = dateline.search(f"a{n} storm edition{n}")
                slowest = max(slowest, time.perf_counter() - began)
                assert first.passage.article.id == f"a{n}"
        finally:
            stop.set()
            for asker in askers:
                asker.join()
    assert torn == []
    assert slowest <= 1.0
    print(f"row 8: {articles} articles, each found in the next search, at most {slowest:.3f} s on")


# --- row 9


def test_racing_duplicates_are_one_article(tmp_path: Path) -> None:
    text = text_of("cup", 1)
    with ExitStack() as stack, ThreadPoolExecutor(10) as threads:
        workers = [stack.enter_context(opened(tmp_path / "data")) for _ in range(5)]

        def ingest(n: int) -> str:
            ((fate),) = workers[n % 5].ingest([article(text, "cup")])
            assert isinstance(fate, Ingested)
            return fate.status

        statuses = list(threads.map(ingest, range(50)))
        assert workers[0].counts() == (1, 1)
    assert sorted(statuses) == ["added"] + 49 * ["unchanged"]
    print("row 9: 50 racing in 5 collections' objects: 1 added, 49 unchanged, one row")


def test_racing_files_of_one_name_are_two_articles(tmp_path: Path) -> None:
    with (
        opened(tmp_path / "data") as one,
        opened(tmp_path / "data") as other,
        ThreadPoolExecutor(2) as threads,
    ):
        for n in range(20):
            files = [article(f"{side} {n}", f"vote{n}", origin=f"/{side}/vote{n}") for side in "ab"]
            done = threads.map(lambda w, f: list(w.ingest([f])), (one, other), files)
            assert {fate.status for fates in done for fate in fates} == {"added"}
        assert one.counts()[0] == 40


# --- row 10


@pytest.fixture
def workers(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> Iterator[list[Connection]]:
    """Two processes that search the collection in `tmp_path / "data"`."""
    ends, children = [], []
    for _ in range(2):
        ours, theirs = processes.Pipe()
        child = processes.Process(target=answer, args=(tmp_path / "data", theirs))
        child.start()
        assert ours.recv() == "ready"
        ends.append(ours)
        children.append(child)
    yield ends
    for end, child in zip(ends, children, strict=True):
        end.send(None)
        child.join()


def _found(workers: list[Connection], query: str) -> list[list[str]]:
    for worker in workers:
        worker.send(query)
    return [worker.recv() for worker in workers]


def test_every_worker_sees_the_last_write_in_its_next_answer(
    tmp_path: Path, workers: list[Connection]
) -> None:
    rounds = 30 if FULL else 8
    with opened(tmp_path / "data") as dateline:
        for n in range(rounds):
            list(dateline.ingest([article(text_of(f"a{n}", n), f"a{n}")]))
            assert _found(workers, f"a{n} edition{n}")[0][:1] == [f"a{n}"]
            assert _found(workers, f"a{n} edition{n}")[1][:1] == [f"a{n}"]
            dateline.delete(f"a{n}")
            assert _found(workers, f"a{n} edition{n}") == [[], []]
    print(f"row 10: {rounds} articles added and deleted, seen by 2 workers in their next answer")


def test_a_generation_of_one_process_is_taken_over_by_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index._FEW_CHANGES", 10)
    folder = tmp_path / "data"
    with Store.create(folder, FakeEncoder.name) as store, Store.open(folder) as same:
        reader = EmbeddedIndex(folder / "index", same, FakeEncoder.dimension)
        writer = EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
        for n in range(4):
            words = " ".join(f"p{n}w{i}" for i in range(20))
            store.put([in_words(article(words, f"a{n}"))])
            writer.compact()
            reader.refresh()
            named = (folder / "index" / "CURRENT").read_text()
            assert reader._snapshot.generation.named == named
            assert len(reader._snapshot.delta.vectors) == 0
            assert len(reader.lexical(f"p{n}w7", 5)) == 1


def test_a_purged_article_is_nowhere_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.index._FEW_CHANGES", 10)
    folder = tmp_path / "data"
    secret = " ".join(f"zanzibar{n}" for n in range(500))
    with opened(folder) as dateline:
        for n in range(6):
            list(dateline.ingest([article(f"{text_of(f'a{n}', n)} " * 20, f"a{n}")]))
            list(dateline.ingest([article(f"{secret} {n}", f"secret{n}", title="zanzibar")]))
        assert _files_with(folder, b"zanzibar")
        for n in range(6):
            dateline.delete(f"secret{n}")
    purge(folder)
    assert _files_with(folder, b"zanzibar") == []
    assert len(stored(folder)) == 6
    assert examine(folder) == []
    print("row 10: 6 deleted articles of 500 words: 0 files hold one of their words")


def _files_with(folder: Path, word: bytes) -> list[str]:
    files = [p for p in folder.rglob("*") if p.is_file()]
    return [p.name for p in files if word in p.read_bytes().lower()]


# --- row 17


def test_processes_that_write_at_once_lose_nothing(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    rounds = 60 if FULL else 8
    names = ("ann", "bob", "cid", "dee")
    children = [
        processes.Process(target=write, args=(tmp_path / "data", name, rounds)) for name in names
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    own = {f"{name}{n}" for name in names for n in range(rounds) if n % 3 != 0}
    texts = stored(tmp_path / "data", searched=20)
    assert set(texts) == own | {"all0", "all1", "all2"}
    for shared in ("all0", "all1", "all2"):
        assert texts[shared] in {text_of(shared, n) for n in range(rounds)}
    assert [p for p in examine(tmp_path / "data") if p.check != "files"] == []
    print(f"row 17: 4 processes, {4 * rounds} batches and {len(texts)} articles left, 0 errors")


@pytest.mark.every_database
def test_a_forked_process_opens_its_own_connection(
    tmp_path: Path, database_url: str | None
) -> None:
    script = f"""
import os, sys
from pathlib import Path
from conftest import article, whole
from rag.store import Store
store = Store.create(Path({str(tmp_path / "data")!r}), "fake-encoder", {database_url!r})
store.put([whole(article("A storm came", "a"))])
mine = store._engine.raw_connection().driver_connection
child = os.fork()
if child == 0:
    store.put([whole(article("A vote came", "b"))])
    theirs = store._engine.raw_connection().driver_connection
    os._exit(0 if theirs is not mine and store.counts()[0] == 2 else 1)
_, status = os.waitpid(child, 0)
store.put([whole(article("A match came", "c"))])
print(os.waitstatus_to_exitcode(status), store.counts())
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout.split("\n")[0], done.stderr) == ("0 (3, 3)", "")


# --- row 5


class SmallDisk:
    """Gives every connection of a store at most so many pages."""

    def __init__(self, store: Store) -> None:
        self.pages = 2**30
        sa.event.listen(store._engine, "begin", self._on_begin)

    def _on_begin(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {self.pages}")


def _pages(store: Store) -> int:
    with store._engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


def test_a_full_disk_is_told_and_recovered_from(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = Store.create(folder, FakeEncoder.name)
    index = EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
    dateline = Dateline(store, index, FakeEncoder(), FakeReader)
    large = [{"id": f"b{n}", "text": f"A vote was lost in town {n}. " * 50} for n in range(30)]
    disk = SmallDisk(store)
    with TestClient(create_app(dateline)) as client:
        first = client.post("/v1/articles", json={"id": "a", "text": text_of("a", 1)})
        assert first.json()["added"] == 1
        disk.pages = _pages(store) + 3
        full = client.post("/v1/articles", json=large)
        assert full.status_code == 507
        assert "free some of its disk" in full.json()["detail"]
        assert client.get("/v1/articles").json()["total"] == 1
        asked = client.post("/v1/ask", json={"question": "When did the storm come?"})
        assert asked.json()["answers"][0]["text"] == "day1"
        disk.pages = 2**30
        assert client.post("/v1/articles", json=large).json()["added"] == 30
    assert examine(folder) == []
    print("row 5: 507, nothing of it stored, asking went on, recovered by itself")


SMALL_DISK = """
import sys
from pathlib import Path
from conftest import article
from rag.errors import StorageFullError
from storage_children import opened, stored, text_of

disk = Path(sys.argv[1])
filler = disk / "filler"
filler.write_bytes(bytes(3_000_000))
kept, full = {}, 0
with opened(disk / "data") as dateline:
    for n in range(50):
        some = {f"a{n}": text_of(f"a{n}", n) + " word" * 12000}
        try:
            list(dateline.ingest(article(text, id) for id, text in some.items()))
        except StorageFullError:
            full += 1
            (hit, *_) = dateline.search("a0 storm edition0")
            assert hit.passage.article.id == "a0"
            if full == 3:
                filler.unlink()
            if full > 3:
                break
        else:
            kept |= some
    assert {a.id: a.text for a in dateline.articles(1000)} == kept
assert stored(disk / "data") == kept
print(f"row 5: {len(kept)} articles on a small disk, full {full} times, 0 lost")
"""


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f"mount -t tmpfs -o size=5m tmpfs {disk}"
    private = ["unshare", "-Urm", "sh", "-c"]
    if subprocess.run([*private, mounted], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    done = subprocess.run(
        [*private, f'{mounted} && exec "$0" -c "$1" {disk}', sys.executable, SMALL_DISK],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("row 5"), done.stdout
    print(done.stdout.strip())


# --- row 18


def test_another_encoder_dimension_or_schema_is_refused(tmp_path: Path) -> None:
    with Store.create(tmp_path, FakeEncoder.name) as store:
        store.put([in_words(article("A storm came"))])
        for name, dimension, says in (
            ("e5", 4, "encoder 'fake-encoder', the encoder is now 'e5': set DATELINE_ENCODER"),
            ("fake-encoder", 7, "4 dimensions, encoder 'fake-encoder' now gives 7: set DATELINE_"),
        ):
            with pytest.raises(ModelMismatchError, match=says):
                store.check_encoder(name, dimension)
        with store._write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CollectionError, match=r"schema 9999, .* reads up to 0001: update Dateline"):
        Store.open(tmp_path)
    print("row 18: encoder, dimension and schema: 3 refused, each with both and the mend")
