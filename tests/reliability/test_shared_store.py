"""A store on PostgreSQL: several machines write it, and it goes away and comes back."""

import itertools
import json
import multiprocessing
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import article
from fastapi.testclient import TestClient
from ingest_jobs import wait
from postgres_server import PASSWORD, PostgresServer
from storage_children import FULL, Expected, churn, opened, stored, text_of, write
from test_app import assert_problem

import rag.index
from api.app import create_app
from api.security import Access
from rag import job_runner
from rag.doctor import examine
from rag.engine import Dateline
from rag.errors import UnavailableError
from rag.job_inputs import list_input
from rag.job_runner import JobRunner
from rag.store import Store
from rag.types import Ingested

KILLS = 60 if FULL else 3
RESTARTS = [signal.SIGINT, signal.SIGQUIT]
"""The server closes its connections; the server falls over."""


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["storage_children"])
    return context


@pytest.fixture
def one(tmp_path: Path, postgres_url: str) -> Iterator[Dateline]:
    with opened(tmp_path / "one", postgres_url) as dateline:
        yield dateline


@pytest.fixture
def other(one: Dateline, tmp_path: Path, postgres_url: str) -> Iterator[Dateline]:
    """Another machine with the collection of `one`."""
    with opened(tmp_path / "other", postgres_url) as dateline:
        yield dateline


def found(dateline: Dateline, query: str) -> list[str]:
    return [hit.passage.article.id for hit in dateline.search(query)]


# --- several machines


def test_machines_see_each_others_writes_and_deletes(
    one: Dateline, other: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.index, "_FEW_CHANGES", 5)
    for n in range(8):  # also after one of them has written a generation
        writer, reader = (one, other) if n % 2 else (other, one)
        list(writer.ingest([article(text_of(f"a{n}", n), f"a{n}")]))
        assert found(reader, f"a{n} storm edition{n}")[0] == f"a{n}"
    one.delete("a1")
    assert "a1" not in found(other, "a1 storm edition1")
    list(other.ingest([article("The vote of edition2 was lost.", "a2")]))
    assert found(one, "vote")[0] == "a2"
    assert one.counts() == other.counts() == (7, 7)


def test_four_processes_on_machines_of_their_own_lose_nothing(
    tmp_path: Path, postgres_url: str, processes: multiprocessing.context.ForkServerContext
) -> None:
    rounds, names = 40 if FULL else 6, ("n", "e", "s", "w")
    children = [
        processes.Process(target=write, args=(tmp_path / name, name, rounds, postgres_url))
        for name in names
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * 4
    own = {f"{name}{n}" for name in names for n in range(rounds) if n % 3 != 0}
    texts = stored(tmp_path / "n", searched=10, url=postgres_url)
    assert set(texts) == own | {"all0", "all1", "all2"}
    for name in names:
        found = examine(tmp_path / name, url=postgres_url)
        assert [problem for problem in found if problem.check != "files"] == []
    print(f"4 processes: {4 * rounds} batches and {len(texts)} articles left, 0 errors")


def test_killed_writers_lose_nothing_that_was_acknowledged(
    tmp_path: Path, postgres_url: str, processes: multiprocessing.context.ForkServerContext
) -> None:
    folder, log = tmp_path / "data", tmp_path / "log"
    log.touch()
    rng, expected = random.Random(7), Expected()
    for kill in range(KILLS):
        lines = log.read_bytes().count(b"\n") + rng.randint(1, 8)
        child = processes.Process(target=churn, args=(folder, log, kill, postgres_url))
        child.start()
        while log.read_bytes().count(b"\n") < lines:
            assert child.is_alive()
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.04))
        child.kill()
        child.join()
        assert child.exitcode == -9
        with Store.open(folder, postgres_url) as store, store._write():
            pass  # what the dead one had sent to the server is done with, or given up
        expected.check(log, stored(folder, url=postgres_url))
    assert [p for p in examine(folder, url=postgres_url) if p.check != "files"] == []
    assert expected.acknowledged > KILLS
    print(f"{KILLS} kills, {expected.acknowledged} acknowledged writes, 0 lost")


# --- a server that goes and comes


@pytest.mark.parametrize("how", RESTARTS)
def test_a_restart_of_the_server_between_two_questions_is_not_noticed(
    one: Dateline, postgres: PostgresServer, how: signal.Signals
) -> None:
    list(one.ingest([article(text_of("a", 1), "a")]))
    for _ in range(2):
        assert one.ask("When did the storm come?").answers[0].text == "day1"
        with postgres.down(how):
            pass
    assert one.ask("When did the storm come?").answers[0].text == "day1"
    list(one.ingest([article(text_of("b", 2), "b")]))
    assert one.counts() == (2, 2)


def test_while_the_server_is_down_that_is_said_without_its_password(
    one: Dateline, postgres: PostgresServer
) -> None:
    list(one.ingest([article(text_of("a", 1), "a")]))
    with postgres.down():
        for use in (lambda: one.search("storm"), lambda: one.delete("a"), one.counts):
            with pytest.raises(
                UnavailableError, match=r"cannot be reached .*start the server"
            ) as e:
                use()
            assert PASSWORD not in str(e.value)
            assert "\n" not in str(e.value)
    assert found(one, "storm") == ["a"]


@pytest.mark.parametrize("how", RESTARTS)
def test_what_was_acknowledged_before_the_server_went_is_there_and_the_rest_is_sent_again(
    one: Dateline, postgres: PostgresServer, how: signal.Signals
) -> None:
    news = (article(text_of(f"a{n}", n), f"a{n}") for n in itertools.count())
    acknowledged: list[str] = []
    some = threading.Event()

    def ingest() -> None:
        for fate in one.ingest(news):
            assert isinstance(fate, Ingested)
            acknowledged.append(fate.article_id)
            some.set()

    def cut_off() -> None:
        with pytest.raises(UnavailableError, match="send again what was not confirmed"):
            ingest()

    writer = threading.Thread(target=cut_off)
    writer.start()
    assert some.wait(60)
    with postgres.down(how):
        writer.join()
    kept = {a.id for a in one.articles(10_000)}
    assert set(acknowledged) <= kept
    # A batch whose commit was cut off is there as a whole, or not at all.
    assert len(kept) - len(acknowledged) in (0, 32)
    total = len(kept) + 10
    again = one.ingest(article(text_of(f"a{n}", n), f"a{n}") for n in range(total))
    assert [fate.status for fate in again] == ["unchanged"] * len(kept) + ["added"] * 10  # type: ignore[union-attr]
    assert one.counts() == (total, total)
    last = f"a{total - 1}"
    assert found(one, f"{last} storm edition{total - 1}")[0] == last


def test_the_service_says_that_its_server_is_down_and_goes_on_after_it(
    one: Dateline, postgres: PostgresServer, tmp_path: Path
) -> None:
    list(one.ingest([article(text_of("a", 1), "a")]))
    app = create_app(one, access=Access(tmp_path / "rates"))
    here, asked = "http://127.0.0.1:8000", {"question": "When did the storm come?"}
    with TestClient(app, here, client=("127.0.0.1", 4000)) as client:
        assert client.post("/v1/ask", json=asked).json()["answer"] == "day1"
        with postgres.down():
            for _ in range(2):
                response = client.post("/v1/ask", json=asked)
                assert "cannot be reached" in assert_problem(response, 503)["detail"]
                assert int(response.headers["Retry-After"]) > 0
                assert PASSWORD not in response.text
            for path in ("/readyz", "/metrics", "/v1/articles", "/v1/jobs", "/"):
                assert client.get(path).status_code == 503, path
            assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.post("/v1/ask", json=asked).json()["answer"] == "day1"


def test_a_job_waits_for_the_server_and_goes_on(
    one: Dateline, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_runner, "_RETRY_S", 0.1)
    items = [{"id": f"a{n}", "text": text_of(f"a{n}", n)} for n in range(100)]
    job = one.jobs.submit((list_input(json.dumps(items).encode()),), 100)
    runner = JobRunner(one.jobs, one.ingest_batch, kept_s=60.0, lease_s=1.0)
    runner.start()
    try:
        wait(lambda: one.jobs.get(job.id).processed > 0)
        with postgres.down():
            time.sleep(0.3)
        wait(lambda: one.jobs.get(job.id).finished is not None)
    finally:
        runner.stop()
    ended = one.jobs.get(job.id)
    assert (ended.state, ended.processed, ended.skipped, ended.error) == ("done", 100, 0, None)
    assert one.counts() == (100, 100)
