"""What waits is bounded, what comes too late is refused, and nothing ends the thread."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from conftest import FakeReader
from fastapi import Request
from fastapi.testclient import TestClient

from api.admission import Inference
from api.app import create_app
from rag.engine import Dateline
from rag.errors import BusyError, UnavailableError
from rag.settings import Settings


class Gate:
    """Work that goes on until it is opened, and says when it began."""

    def __init__(self) -> None:
        self.began, self.opened = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.began.set()
        assert self.opened.wait(10)
        return "read"


class Client:
    """As much of a request as admission looks at."""

    def __init__(self) -> None:
        self.gone = False

    async def is_disconnected(self) -> bool:
        return self.gone


@pytest.fixture
def gate() -> Iterator[Gate]:
    given = Gate()
    yield given
    given.opened.set()


def busy(gate: Gate, room: int = 30, deadline: float = 10.0) -> Inference:
    """An inference that is reading ten passages until the gate is opened."""
    inference = Inference(room, deadline)
    inference.submit(gate, 10)
    assert gate.began.wait(10)
    return inference


def test_one_reads_at_a_time_in_the_order_they_came() -> None:
    inference = Inference(1000, 10.0)
    seen: list[tuple[int, str]] = []

    def work(number: int) -> None:
        seen.append((number, threading.current_thread().name))

    for turn in [inference.submit(lambda n=n: work(n), 10) for n in range(20)]:  # type: ignore[misc]
        turn.result(10)
    assert [number for number, _ in seen] == list(range(20))
    assert len({thread for _, thread in seen}) == 1
    assert inference.waiting == 0


def test_a_full_room_refuses_and_has_room_again_when_work_has_ended(gate: Gate) -> None:
    inference = busy(gate)
    waiting = inference.submit(lambda: "later", 20)
    with pytest.raises(BusyError, match="30 passages wait to be read") as refused:
        inference.submit(lambda: "never", 1)
    assert refused.value.retry_after == 1  # 30 passages of 20 ms
    gate.opened.set()
    assert waiting.result(10) == "later"
    assert inference.submit(lambda: "now", 30).result(10) == "now"


def test_a_question_larger_than_the_room_is_read_when_nothing_else_waits() -> None:
    assert Inference(5, 10.0).submit(lambda: "read", 100).result(10) == "read"


def test_the_time_to_come_back_grows_with_what_waits(gate: Gate) -> None:
    inference = busy(gate, room=500, deadline=100.0)
    inference.submit(lambda: None, 490)
    with pytest.raises(BusyError) as refused:
        inference.submit(lambda: None, 10)
    assert refused.value.retry_after == 10


def test_what_would_have_to_wait_too_long_is_refused_when_it_comes(gate: Gate) -> None:
    inference = busy(gate, room=500, deadline=0.7)
    inference.submit(lambda: None, 10)  # 20 passages of 20 ms: more than half of 0.7 s
    with pytest.raises(BusyError, match="20 passages wait"):
        inference.submit(lambda: None, 10)


def test_what_waited_too_long_is_not_read(gate: Gate) -> None:
    inference = busy(gate, deadline=0.5)
    late = inference.submit(lambda: pytest.fail("read too late"), 10)
    time.sleep(0.6)
    gate.opened.set()
    with pytest.raises(UnavailableError, match=r"waited longer than 0\.5 s"):
        late.result(10)


def test_who_goes_loses_the_place_and_is_not_read(gate: Gate) -> None:
    inference = busy(gate)
    client = Client()

    async def ask() -> None:
        asked = asyncio.ensure_future(
            inference.answer(cast(Request, client), lambda: pytest.fail("nobody listens"), 20)
        )
        await asyncio.sleep(0.01)
        assert inference.waiting == 30
        client.gone = True
        with pytest.raises(UnavailableError, match="the client has gone"):
            await asked

    asyncio.run(ask())
    assert inference.waiting == 10


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, RuntimeError])
def test_an_error_fails_its_own_question_and_no_other(error: type[BaseException]) -> None:
    inference = Inference(30, 10.0)

    def fail() -> None:
        raise error

    broken, sound = inference.submit(fail, 10), inference.submit(lambda: "read", 10)
    with pytest.raises(UnavailableError if not issubclass(error, Exception) else error):
        broken.result(1)
    assert sound.result(1) == "read"
    assert inference.waiting == 0


def test_stopping_finishes_what_is_read_and_drops_what_waits(gate: Gate) -> None:
    inference = busy(gate)
    waiting = inference.submit(lambda: "never", 10)
    stopping = threading.Thread(target=inference.stop)
    stopping.start()
    while not inference.stopped:
        time.sleep(0.001)
    with pytest.raises(UnavailableError, match="going down"):
        inference.submit(lambda: "never", 10)
    gate.opened.set()
    stopping.join(10)
    assert waiting.cancelled()


# --- over HTTP


class SlowReader(FakeReader):
    """Reads no question before the gate is opened."""

    gate: Gate

    def read(self, question: str, passages: Any) -> Any:
        self.gate()
        return super().read(question, passages)


def test_over_http_a_full_room_is_429_and_going_down_is_503(dateline: Dateline, gate: Gate) -> None:
    reader = SlowReader()
    reader.gate = gate
    vars(dateline)["reader"] = reader
    app = create_app(dateline, Settings(max_waiting=15))
    with TestClient(app) as client:
        client.post("/v1/articles", json={"text": "The answer: Tuesday 3.5 is read.", "id": "a"})
        first = threading.Thread(
            target=lambda: client.post("/v1/ask", json={"question": "When was it?"})
        )
        first.start()
        assert gate.began.wait(10)
        began = time.monotonic()
        refused = client.post("/v1/ask", json={"question": "When was it?"})
        assert time.monotonic() - began < 1
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        assert int(refused.headers["retry-after"]) >= 1
        page = client.get("/", params={"q": "When was it?"})
        assert page.status_code == 429
        assert page.headers["content-type"].startswith("text/html")
        gate.opened.set()
        first.join(10)
        assert client.post("/v1/ask", json={"question": "When was it?"}).status_code == 200
        app.state.inference.stop()
        down = client.get("/readyz")
        assert (down.status_code, down.headers["retry-after"]) == (503, "5")
        assert client.get("/healthz").status_code == 200
