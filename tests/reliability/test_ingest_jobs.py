"""Ingest jobs: killed, raced for, watched and stopped, in processes of their own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from conftest import FakeEncoder
from test_real import serving

from rag.job_inputs import count_articles, list_input
from rag.store import Store
from rag.types import Ingested, Job

TESTS = Path(__file__).parent.parent
FULL = os.environ.get("DATELINE_RELIABILITY") == "full"
KILLS = 200 if FULL else 5

WORKER = """
import sys, time
from pathlib import Path
from conftest import FakeEncoder, FakeReader
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.job_runner import JobRunner
from rag.store import Store

class SlowEncoder(FakeEncoder):
    def encode_passages(self, texts):
        time.sleep(0.01)
        return super().encode_passages(texts)

folder = Path(sys.argv[1])
store = Store.create(folder, FakeEncoder.name)
index = EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
engine = Dateline(store, index, SlowEncoder(), FakeReader)

def ingest(batch):
    print(*(item.id for item in batch), flush=True)
    return engine.ingest_batch(batch)

runner = JobRunner(store.jobs, ingest, kept_s=3600.0, lease_s=float(sys.argv[2]))
runner.start()
print("started", flush=True)
sys.stdin.read()
runner.stop()
"""


def worker(folder: Path, lease_s: float) -> subprocess.Popen[str]:
    """A process that runs the jobs of the collection, once it prints "started", and then the ids
    of each batch; it ends when its stdin is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), str(lease_s)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def await_start(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"


def submit(store: Store, ids: list[str]) -> Job:
    articles = [{"id": i, "text": f"Storm {i} reached Portmore."} for i in ids]
    inputs = (list_input(json.dumps(articles).encode()),)
    return store.jobs.submit(inputs, count_articles(inputs))


def acknowledged(store: Store, job: Job) -> list[str]:
    _, fates = store.jobs.fates(job.id, limit=10_000)
    assert all(isinstance(fate, Ingested) for fate in fates)
    return [fate.article_id for fate in fates if isinstance(fate, Ingested)]


def assert_kept(store: Store, job: Job, ids: list[str]) -> None:
    """What the job says it did is there, once each, and is what was to be done first."""
    told = acknowledged(store, job)
    assert told == ids[: len(told)]
    assert {article.id for article in store.get_many(told)} == set(told)


def wait_for_end(store: Store, job: Job) -> Job:
    until = time.monotonic() + 60
    while (now := store.jobs.get(job.id)).finished is None:
        assert time.monotonic() < until, now
        time.sleep(0.05)
    return now


def test_killed_at_any_moment_a_job_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seeded = random.Random(9)
    with Store.create(tmp_path, FakeEncoder.name) as store:
        submitted: list[tuple[Job, list[str]]] = []
        midway = 0
        for kill in range(KILLS):
            if not submitted or store.jobs.get(submitted[-1][0].id).finished is not None:
                ids = [f"{kill}-{n}" for n in range(400)]
                submitted.append((submit(store, ids), ids))
            process = worker(tmp_path, lease_s=0.3)
            await_start(process)
            time.sleep(seeded.uniform(0.2, 0.9))
            process.kill()
            process.communicate()
            assert_kept(store, *submitted[-1])
            midway += 0 < store.jobs.get(submitted[-1][0].id).processed < 400
        process = worker(tmp_path, lease_s=0.3)
        for job, ids in submitted:
            done = wait_for_end(store, job)
            assert (done.state, done.processed) == ("done", len(ids))
            assert_kept(store, job, ids)
        process.communicate()
        articles, passages = store.counts()
        assert articles == passages == sum(len(ids) for _, ids in submitted)
    assert midway >= KILLS // 2
    print(f"row 3, jobs: {KILLS} kills ({midway} midway), {articles} articles, 0 lost, 0 doubled")


def test_of_several_processes_one_runs_a_job(tmp_path: Path) -> None:
    with Store.create(tmp_path, FakeEncoder.name) as store:
        processes = [worker(tmp_path, lease_s=30.0) for _ in range(3)]
        for process in processes:
            await_start(process)
        ids = [str(n) for n in range(200)]
        jobs = [submit(store, ids[start : start + 50]) for start in range(0, 200, 50)]
        for job in jobs:
            assert wait_for_end(store, job).added == 50
        printed = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(i for some in printed for i in some) == sorted(ids)
    print("several workers: 4 jobs of 50 articles, 3 processes, each article taken once")


def lines(count: int) -> bytes:
    articles = (
        {"id": f"a{n}", "text": f"Envoy number {n} reached Lake Serrin on the {n % 28 + 1}th."}
        for n in range(count)
    )
    return b"\n".join(json.dumps(article).encode() for article in articles)


def follow(client: httpx2.Client, job_id: str, seen: str | None) -> Iterator[dict[str, Any]]:
    """The events of a job as they come, until the stream ends."""
    headers = {} if seen is None else {"Last-Event-ID": seen}
    with client.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
        assert response.status_code == 200
        event: dict[str, Any] = {}
        for line in response.iter_lines():
            if not line and event:
                yield {**event, "data": json.loads(event["data"])}
                event = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                event[name] = value


@pytest.mark.real
def test_a_server_killed_and_stopped_in_a_job_goes_on_and_tells_every_article_once(
    tmp_path: Path,
) -> None:
    count = 600
    told: list[str] = []
    seen: str | None = None

    def send(client: httpx2.Client) -> str:
        response = client.post(
            "/v1/jobs",
            files={"file": ("wire.jsonl", lines(count))},
            headers={"Idempotency-Key": '"the-wire"'},
        )
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def look(client: httpx2.Client, job_id: str, most: int) -> str:
        """Note events until `most` articles were told; the last event's name."""
        nonlocal seen
        name = ""
        for event in follow(client, job_id, seen):
            name, seen = event["event"], event["id"]
            told.extend(fate["id"] for fate in event["data"]["articles"])
            if len(told) >= most:
                break
        return name

    with serving(tmp_path / "data") as (client, process):
        job_id = send(client)
        assert look(client, job_id, 30) == "progress"
        process.kill()
        process.wait()
    with serving(tmp_path / "data") as (client, process):
        assert send(client) == job_id
        assert look(client, job_id, len(told) + 30) == "progress"
        stream = follow(client, job_id, seen)
        event = next(stream)
        seen = event["id"]
        told.extend(fate["id"] for fate in event["data"]["articles"])
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        for event in stream:
            seen = event["id"]
            told.extend(fate["id"] for fate in event["data"]["articles"])
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)
        stopped_after = time.monotonic() - began
    assert len(told) < count, "the server was to be stopped in the middle of the job"
    with serving(tmp_path / "data") as (client, _):
        assert look(client, job_id, count + 1) == "done"
        job = client.get(f"/v1/jobs/{job_id}").json()
        total = client.get("/v1/articles").json()["total"]
    assert told == [f"a{n}" for n in range(count)]
    assert (job["state"], job["processed"], job["skipped"]) == ("done", count, 0)
    assert total == count
    print(
        f"restart: killed once, stopped once (in {stopped_after:.1f} s with an open stream); "
        f"{count} articles told once each, 0 lost"
    )


@pytest.mark.real
def test_fifty_requests_with_one_key_make_one_job(tmp_path: Path) -> None:
    articles = [{"id": f"a{n}", "text": f"Envoy {n} reached Lake Serrin."} for n in range(3)]
    mixed = [articles[0], 3, {"text": ""}, articles[1], {"id": "x" * 201, "text": "y"}, articles[2]]
    with serving(tmp_path / "data") as (client, _):

        def send(_: int) -> httpx2.Response:
            headers = {"Idempotency-Key": "raced"}
            return client.post("/v1/jobs", json=mixed, headers=headers)

        with ThreadPoolExecutor(50) as pool:
            responses = list(pool.map(send, range(50)))
        assert {response.status_code for response in responses} == {202}
        (job_id,) = {response.json()["id"] for response in responses}
        *_, done = follow(client, job_id, None)
        job = client.get(f"/v1/jobs/{job_id}").json()
        assert done["event"] == "done"
        assert client.get("/v1/jobs").json()["total"] == 1
        assert client.get("/v1/articles").json()["total"] == 3
    assert [fate["status"] == "skipped" for fate in job["articles"]] == [
        type(item) is int or "id" not in item or len(item["id"]) > 200 for item in mixed
    ]
    print("row 9: 50 racing requests with one key, 1 job")
    print("row 16: 3 bad articles of 6, a status each, the 3 good ones committed")
