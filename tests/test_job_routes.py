"""Ingest jobs over HTTP: posted, followed, cancelled."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

import httpx2
import pytest
from conftest import FakeEncoder, FakeReader
from fastapi.testclient import TestClient
from ingest_jobs import LEASE_S, STORM, VOTE, WEEK_S, add_all, claimed, listed, submit, wait

from api import jobs as service_jobs
from api.app import create_app
from embeddings.encoder import Vectors
from rag import jobs
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.job_runner import JobRunner
from rag.jobs import Jobs
from rag.store import Store
from rag.types import Job

pytestmark = pytest.mark.every_database


@pytest.fixture
def client(dateline: Dateline) -> Iterator[TestClient]:
    with TestClient(create_app(dateline), raise_server_exceptions=False) as opened:
        yield opened


def post(client: TestClient, articles: object, **headers: str) -> httpx2.Response:
    response = client.post("/v1/jobs", json=articles, headers=headers)
    assert response.status_code == 202, response.text
    return response


def ended(client: TestClient, job_id: str) -> dict[str, Any]:
    wait(lambda: client.get(f"/v1/jobs/{job_id}").json()["finished"] is not None)
    job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
    return job


def events(text: str) -> list[dict[str, Any]]:
    """The events of a stream, without its comments."""
    found = []
    for block in text.split("\n\n"):
        lines = [line.split(": ", 1) for line in block.splitlines() if not line.startswith(":")]
        if lines:
            fields: dict[str, Any] = dict(lines)
            found.append({**fields, "data": json.loads(fields["data"])})
    return found


def test_a_posted_list_becomes_a_job_that_can_be_followed_to_its_end(client: TestClient) -> None:
    response = post(client, [STORM, {"text": " "}, 7, VOTE])
    assert response.json()["expected"] == 4
    assert response.headers["location"] == f"/v1/jobs/{response.json()['id']}"
    job = ended(client, response.json()["id"])
    assert job["state"] == "done"
    assert (job["added"], job["skipped"], job["processed"]) == (2, 2, 4)
    assert [fate["status"] for fate in job["articles"]] == ["added", "skipped", "skipped", "added"]
    assert [fate["where"] for fate in job["articles"]] == [None, "[1]", "[2]", None]
    assert all(fate["reason"] for fate in job["articles"][1:3])
    assert client.get("/v1/articles/storm").json()["text"] == STORM["text"]
    assert job["created"] <= job["started"] <= job["finished"]
    listing = client.get("/v1/jobs").json()
    assert (listing["total"], listing["jobs"][0]["id"]) == (1, job["id"])
    assert "articles" not in listing["jobs"][0]


def test_what_a_job_waits_for_is_told_and_stands_on_its_page(
    dateline: Dateline, queue: Jobs
) -> None:
    job = submit(queue, listed(STORM))
    assert queue.wait(claimed(queue), "for memory")
    with TestClient(create_app(dateline)) as client:
        assert client.get(f"/v1/jobs/{job.id}").json()["error"] == "for memory"
        assert "It waits: for memory." in client.get(f"/add/{job.id}").text


def test_the_articles_of_a_job_come_in_pages(client: TestClient) -> None:
    job = ended(client, post(client, [STORM, VOTE, STORM]).json()["id"])
    page = client.get(f"/v1/jobs/{job['id']}", params={"limit": 1, "offset": 1}).json()
    assert [fate["id"] for fate in page["articles"]] == ["vote"]


def test_posted_files_become_a_job(client: TestClient) -> None:
    files = [
        ("file", ("wire.jsonl", json.dumps(VOTE).encode())),
        ("file", ("storm.txt", b"The storm reached Portmore at night.")),
    ]
    response = client.post("/v1/jobs", files=files)
    assert response.status_code == 202, response.text
    job = ended(client, response.json()["id"])
    assert [(fate["id"], fate["status"]) for fate in job["articles"]] == [
        ("vote", "added"),
        ("storm", "added"),
    ]
    again = client.post("/v1/jobs", files=files).json()
    assert ended(client, again["id"])["unchanged"] == 2


def test_a_request_sent_again_with_its_key_makes_no_second_job(client: TestClient) -> None:
    first = post(client, [STORM], **{"Idempotency-Key": '"abc"'}).json()
    assert post(client, [STORM], **{"Idempotency-Key": "abc"}).json()["id"] == first["id"]
    other = client.post("/v1/jobs", json=[VOTE], headers={"Idempotency-Key": "abc"})
    assert other.status_code == 422
    assert "was used for job" in other.json()["detail"]
    assert client.get("/v1/jobs").json()["total"] == 1


def test_files_sent_again_are_the_same_whatever_divides_them(client: TestClient) -> None:
    ids = {
        client.post(
            "/v1/jobs",
            files={"file": ("storm.txt", b"The storm came.")},
            headers={
                "Idempotency-Key": "k",
                "Content-Type": f"multipart/form-data; boundary={boundary}",
            },
        ).json()["id"]
        for boundary in ("one", "two")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"text": "one"}}, 422),
        ({"content": b"[", "headers": {"content-type": "application/json"}}, 422),
        ({"content": b"[]", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b"[]"}, 415),
        ({"content": b"x", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"files": {"file": ("", b"x")}}, 422),
        ({"data": {"a": "b"}, "files": {"file": ("a.txt", b"x")}}, 422),
        ({"json": [], "headers": {"Idempotency-Key": ""}}, 422),
        ({"json": [], "headers": {"Idempotency-Key": "x" * 256}}, 422),
        ({"json": [], "headers": {"Idempotency-Key": b"\xff"}}, 422),
    ],
)
def test_what_makes_no_job_is_a_problem(
    client: TestClient, sent: dict[str, Any], status: int
) -> None:
    response = client.post("/v1/jobs", **sent)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert client.get("/v1/jobs").json()["total"] == 0


def test_a_full_queue_says_when_to_come_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 0)
    response = client.post("/v1/jobs", json=[STORM])
    assert response.status_code == 429
    assert response.headers["retry-after"] == "30"


def test_unknown_and_ended_jobs_cannot_be_cancelled(client: TestClient) -> None:
    job = ended(client, post(client, [STORM]).json()["id"])
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 409
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        response = client.request(method, f"/v1/jobs/nowhere{path}")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_events_tell_every_article_once_and_then_the_end(client: TestClient) -> None:
    job = post(client, [{"id": str(n), "text": f"Storm {n} came."} for n in range(120)]).json()
    with client.stream("GET", f"/v1/jobs/{job['id']}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        *progress, done = events(response.read().decode())
    assert {event["event"] for event in progress} == {"progress"}
    assert (done["event"], done["id"], done["data"]["state"]) == ("done", "120", "done")
    told = [fate["id"] for event in (*progress, done) for fate in event["data"]["articles"]]
    assert told == [str(n) for n in range(120)]


def test_events_go_on_after_the_last_one_that_was_seen(client: TestClient) -> None:
    job = ended(client, post(client, [STORM, VOTE, STORM]).json()["id"])
    for seen, left in (("2", 1), ("3", 0), ("99", 0)):
        path = f"/v1/jobs/{job['id']}/events"
        (done,) = events(client.get(path, headers={"Last-Event-ID": seen}).text)
        assert done["event"] == "done"
        assert len(done["data"]["articles"]) == left
    assert client.get(path, headers={"Last-Event-ID": "x"}).status_code == 422


def streamed(
    dateline: Dateline, job: Job, runner: JobRunner, enough: Callable[[bytes], bool]
) -> bytes:
    """What the event stream of a job sends before it ends by itself, or because the client, having
    seen enough, has gone. TimeoutError if it goes on then."""
    app = create_app(dateline)
    app.state.job_runner = runner
    sent = b""
    left = asyncio.Event()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "path": f"/v1/jobs/{job.id}/events",
        "query_string": b"",
        "headers": [],
    }

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal sent
        sent += message.get("body", b"")
        if enough(sent):
            left.set()

    asyncio.run(asyncio.wait_for(app(scope, receive, send), 10))
    return sent


def test_an_idle_stream_keeps_alive_and_ends_when_its_client_has_gone(
    dateline: Dateline, queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    job = submit(queue, listed(STORM))
    runner = JobRunner(queue, add_all, WEEK_S)
    sent = streamed(dateline, job, runner, lambda sent: b": ping" in sent)
    assert [event["event"] for event in events(sent.decode())] == ["progress"]


def test_a_stream_ends_when_the_server_is_to_exit(dateline: Dateline, queue: Jobs) -> None:
    job = submit(queue, listed(STORM))
    runner = JobRunner(queue, add_all, WEEK_S)

    def drain(_: bytes) -> bool:
        runner.drain()
        return False

    sent = streamed(dateline, job, runner, drain)
    assert [event["event"] for event in events(sent.decode())] == ["progress"]


class SlowEncoder(FakeEncoder):
    """Takes half a second for each portion."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        time.sleep(0.5)
        return super().encode_passages(texts)


def test_an_article_that_takes_minutes_does_not_hold_up_the_end_of_the_service(
    store: Store, index: EmbeddedIndex, queue: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_jobs, "_BATCH_S", 1.5)
    engine = Dateline(store, index, SlowEncoder(), FakeReader)
    long = " ".join(f"Storm {n} came to the harbour in the night." for n in range(5_000))
    with TestClient(create_app(engine)) as client:
        sent = client.post("/v1/jobs", json=[{"id": "long", "text": long}])
        wait(lambda: queue.get(sent.json()["id"]).state == "running")
        time.sleep(0.5)
        began = time.monotonic()
    assert time.monotonic() - began < 8
    (job,) = queue.page()
    assert (job.state, job.processed) == ("queued", 0)
    assert queue.claim("next", LEASE_S) is not None
