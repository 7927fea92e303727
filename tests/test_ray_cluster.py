"""Ray really started: on this machine, and as a cluster of two nodes, one of which is killed.

DATELINE_SCALE=full also kills a node while articles are embedded, and the connection to Ray while
questions are asked.
"""

import json
import os
import sqlite3
import subprocess
import time
from pathlib import Path

import httpx2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from processes import ARTICLES, ROOT, command, environment, run, serving
from ray_nodes import nodes

from rag.formats import read_articles
from rag.store import Store
from rag.types import Article

pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = pytest.mark.real
FULL = os.environ.get("DATELINE_SCALE") == "full"

QUESTIONS = [
    "At what depth did the wreck of the Skerry Dawn lie?",
    "Which judge was put at the head of the inquiry into the Skerry Dawn?",
    "Why won't the Aldmoor railway use the old tunnel?",
]


def vectors(data: Path) -> dict[tuple[str, int, int], NDArray[np.float32]]:
    """(article id, start, end) of each stored passage -> its vector."""
    query = 'SELECT article_id, start, "end", vector FROM passages JOIN vectors ON passage_id = id'
    with sqlite3.connect(data / "dateline.sqlite3") as connection:
        rows = connection.execute(query).fetchall()
    connection.close()
    found = {(i, start, end): np.frombuffer(v, np.float32) for i, start, end, v in rows}
    assert len(found) == len(rows)
    return found


def assert_same(one: Path, other: Path) -> None:
    expected, got = vectors(one), vectors(other)
    assert expected.keys() == got.keys()
    assert max(np.abs(expected[key] - got[key]).max() for key in expected) < 1e-3


def test_ingest_on_ray_is_an_ordinary_ingest(tmp_path: Path) -> None:
    run(tmp_path / "plain", "ingest", ARTICLES)
    first = sorted(ARTICLES.iterdir())[:8]
    run(tmp_path / "ray", "ingest", *first)  # a batch by itself, as the others then are
    again = run(
        tmp_path / "ray", "ingest", *first, tmp_path / "none.txt", "--ray", code=1, seconds=300
    )
    assert (again["added"], again["unchanged"], again["skipped"]) == (0, 8, 1)
    done = run(tmp_path / "fresh", "ingest", ARTICLES, "--ray", seconds=300)
    assert done["added"] == len(list(ARTICLES.iterdir()))
    assert_same(tmp_path / "plain", tmp_path / "fresh")


def answers(client: httpx2.Client) -> list[object]:
    replies = [client.post("/v1/ask", json={"question": question}) for question in QUESTIONS]
    assert [reply.status_code for reply in replies] == [200] * len(QUESTIONS)
    return [reply.json()["answers"] for reply in replies]


@pytest.mark.skipif(not FULL, reason="takes half a minute: DATELINE_SCALE=full")
def test_replicas_answer_as_the_reader_here_and_one_may_die(tmp_path: Path) -> None:
    run(tmp_path, "ingest", ARTICLES)
    with serving(tmp_path) as (client, _):
        expected = answers(client)
    with serving(tmp_path, "--ray", "--ray-replicas", "2", seconds=180) as (client, process):
        assert answers(client) == expected
        started = psutil.Process(process.pid).children(recursive=True)
        replicas = [p for p in started if p.name().startswith("ray::ServeRepli")]
        assert len(replicas) == 2
        replicas[0].kill()
        assert answers(client) == expected
        if FULL:
            lose_ray(client, started)
            assert answers(client) == expected
        process.terminate()
        assert process.wait(60) == 0


def lose_ray(client: httpx2.Client, started: list[psutil.Process]) -> None:
    """Kill the process that is connected to Ray, be refused, and wait until it is there again."""
    next(p for p in started if any("ray_serving" in part for part in p.cmdline())).kill()
    ask = {"question": QUESTIONS[0]}
    refused = client.post("/v1/ask", json=ask)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    until = time.monotonic() + 180
    while client.post("/v1/ask", json=ask).status_code == 503:
        assert time.monotonic() < until
        time.sleep(1)


@pytest.mark.skipif(not FULL, reason="takes minutes: DATELINE_SCALE=full")
def test_a_node_that_dies_while_embedding_loses_and_doubles_nothing(tmp_path: Path) -> None:
    wire = tmp_path / "wire.jsonl"
    found = [a for a in read_articles([ARTICLES]) if isinstance(a, Article)]
    lines = [
        {"id": f"{one.id}-{n}", "title": one.title, "text": f"{one.text}\n\nEdition {n}."}
        for n in range(4)
        for one in found
    ]
    wire.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run(tmp_path / "plain", "ingest", wire, seconds=300)
    with nodes(2) as (cluster, started):
        process = subprocess.Popen(
            command("ingest", wire, "--ray", "--ray-address", cluster.address, "--json"),
            env=environment(tmp_path / "data"),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        while not (tmp_path / "data" / "dateline.sqlite3").exists() or count(tmp_path / "data") < 1:
            assert process.poll() is None
            time.sleep(0.2)
        cluster.remove_node(started[1], allow_graceful=False)
        at_kill = count(tmp_path / "data")
        output, _ = process.communicate(timeout=500)
    assert process.returncode == 0
    assert 0 < at_kill < len(lines)
    assert json.loads(output)["added"] == len(lines)
    assert_same(tmp_path / "plain", tmp_path / "data")


def count(data: Path) -> int:
    with Store.open(data) as store:
        return store.counts()[0]
