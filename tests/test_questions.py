"""Asking over HTTP while the inference thread is busy, loading, or dead."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx2
import pytest
from conftest import article
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.inference import Inference
from api.ingest import MAX_INGESTS
from rag.engine import Dateline
from rag.settings import Settings

WAIT_S = 10.0
QUESTION = {"question": "When did the storm come?"}


def inference_of(client: TestClient) -> Inference:
    inference: Inference = client.app.state.inference  # type: ignore[attr-defined]
    return inference


@contextmanager
def busy(client: TestClient) -> Iterator[None]:
    """All inference threads are at work meanwhile."""
    inference = inference_of(client)
    let_go = threading.Event()
    futures = []
    for _ in range(inference.limits.at_once):
        begun = threading.Event()
        futures.append(inference.submit(partial(_work, begun, let_go), 1))
        assert begun.wait(WAIT_S)
    try:
        yield
    finally:
        let_go.set()
        for future in futures:
            future.result(WAIT_S)


def _work(begun: threading.Event, let_go: threading.Event) -> None:
    begun.set()
    assert let_go.wait(WAIT_S)


@pytest.fixture
def client(dateline: Dateline) -> Iterator[TestClient]:
    """A service with one article, where one question may wait."""
    list(dateline.ingest([article("The storm came. answer: Tuesday 3 it was.")]))
    with TestClient(create_app(dateline, Settings(max_waiting=1))) as opened:
        yield opened


def assert_refused(response: httpx2.Response, status: int, reason: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert int(response.headers["retry-after"]) >= 1
    assert reason in response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/ask", QUESTION), ("/v1/search", {"query": "storm"})]
)
def test_a_question_without_room_is_429_and_everything_else_goes_on(
    client: TestClient, path: str, body: dict[str, str]
) -> None:
    with busy(client):
        waiting = inference_of(client).submit(lambda: None, 1)
        assert_refused(client.post(path, json=body), 429, "too many questions wait already (1,")
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 200  # ready, only full
        assert client.get("/v1/articles").json()["total"] == 1
    waiting.result(WAIT_S)
    assert client.post(path, json=body).status_code == 200


def test_it_is_refused_before_its_body_is_read(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    with busy(client):
        inference_of(client).submit(lambda: None, 1)
        assert client.post("/v1/ask", content=body()).status_code == 429


@pytest.mark.parametrize("question", ["", " \n", "why " * 250_000])
def test_what_cannot_be_asked_is_refused_without_waiting(client: TestClient, question: str) -> None:
    with busy(client):
        assert client.post("/v1/ask", json={"question": question}).status_code == 422
        assert inference_of(client).waiting == 0


def ask_and_leave(
    app: FastAPI, leave: Callable[[], bool], method: str, path: str, query: bytes = b""
) -> list[dict[str, Any]]:
    """What the service sends to a client that goes once `leave` says so."""
    sent: list[dict[str, Any]] = []
    body = json.dumps(QUESTION).encode() if method == "POST" else b""
    messages = [{"type": "http.request", "body": body}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        while not leave():
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "server": ("testserver", 80),
        "client": ("testclient", 50000),
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), WAIT_S))  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize(
    ("method", "path", "query"), [("POST", "/v1/ask", b""), ("GET", "/", b"q=When+did+it+come?")]
)
def test_a_question_whose_client_has_gone_is_not_read(
    client: TestClient,
    dateline: Dateline,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    query: bytes,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(dateline, "ask", lambda question, **_: asked.append(question))
    inference = inference_of(client)
    with busy(client):
        app: FastAPI = client.app  # type: ignore[assignment]
        sent = ask_and_leave(app, lambda: inference.waiting == 1, method, path, query)
        assert sent[0]["status"] == 499
        inference.check_room()
    inference.submit(lambda: None, 1).result(WAIT_S)
    assert asked == []


def test_pages_that_wait_for_an_answer_take_no_thread_from_other_routes(
    dateline: Dateline,
) -> None:
    questions = 50  # more than the threads there are for all routes
    with (
        TestClient(create_app(dateline, Settings(deadline=300))) as client,
        ThreadPoolExecutor(questions) as readers,
    ):
        with busy(client):
            asking = [
                readers.submit(client.get, path, params={"q": "When?"})
                for _ in range(questions // 2)
                for path in ("/", "/articles")
            ]
            until = time.monotonic() + WAIT_S
            while inference_of(client).waiting < questions and time.monotonic() < until:
                time.sleep(0.01)
            assert inference_of(client).waiting == questions
            assert client.get("/v1/articles").status_code == 200
        assert {page.result(WAIT_S).status_code for page in asking} == {200}


def test_ingests_without_room_are_429_and_take_no_thread_from_other_routes(
    client: TestClient, dateline: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go, begun = threading.Event(), threading.Semaphore(0)

    def ingest(_: object) -> list[object]:
        begun.release()
        assert let_go.wait(WAIT_S)
        return []

    monkeypatch.setattr(dateline, "ingest", ingest)
    storm = {"text": "The storm came."}
    with ThreadPoolExecutor(MAX_INGESTS) as writers:
        writing = [
            writers.submit(client.post, "/v1/articles", json=storm) for _ in range(MAX_INGESTS)
        ]
        try:
            assert all(begun.acquire(timeout=WAIT_S) for _ in range(MAX_INGESTS))
            assert_refused(client.post("/v1/articles", json=storm), 429, "POST /v1/jobs")
            assert client.get("/v1/articles").json()["total"] == 1
        finally:
            let_go.set()
        assert {response.result(WAIT_S).status_code for response in writing} == {200}
    assert client.post("/v1/articles", json=storm).status_code == 200
