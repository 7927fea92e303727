"""/readyz: true, quick, and cheap, whatever has become of what a question depends on."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from conftest import FakeEncoder, FakeReader, article, whole
from fastapi.testclient import TestClient
from milvus_servers import LiteServer, ServerProcess, started
from postgres_server import PostgresServer
from test_app import assert_problem

from api import readiness
from api.app import create_app
from api.security import Access
from rag.engine import Dateline
from rag.errors import UnavailableError
from rag.index import EmbeddedIndex, open_index
from rag.ray_reader import RayReader
from rag.reader import Reader
from rag.store import Store

STORM = article("The storm came on answer: Tuesday 3.5 at night.", "storm")
HERE = "http://127.0.0.1:8000"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LIMIT_S", 0.5)


def serving(engine: Dateline, access: Access | None = None) -> TestClient:
    return TestClient(create_app(engine, access=access), HERE, client=("127.0.0.1", 4000))


def refused(response: httpx2.Response, reason: str) -> None:
    problem = assert_problem(response, 503)
    assert reason in problem["detail"]
    assert int(response.headers["Retry-After"]) > 0


def until(ready: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


class Hanging:
    """An index that is asked and does not answer until it is let go."""

    def __init__(self, index: EmbeddedIndex) -> None:
        self._index = index
        self.asked = 0
        self.go_on = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def check(self) -> None:
        self.asked += 1
        assert self.go_on.wait(30)


@pytest.fixture
def hanging(index: EmbeddedIndex) -> Iterator[Hanging]:
    made = Hanging(index)
    yield made
    made.go_on.set()


def test_a_probe_counts_nothing(dateline: Dateline, store: Store) -> None:
    list(dateline.ingest([STORM]))
    statements: list[str] = []

    def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement.lower())

    with serving(dateline) as client:
        sa.event.listen(store._engine, "before_cursor_execute", heard)
        assert client.get("/readyz").status_code == 200
        sa.event.remove(store._engine, "before_cursor_execute", heard)
    assert any("from meta" in statement for statement in statements)
    assert not any("count(" in statement for statement in statements)


def test_what_hangs_is_told_soon_and_asked_by_one_thread(store: Store, hanging: Hanging) -> None:
    with serving(Dateline(store, hanging, FakeEncoder(), FakeReader)) as client:  # type: ignore[arg-type]
        for _ in range(3):
            began = time.monotonic()
            refused(client.get("/readyz"), "the index does not answer")
            assert time.monotonic() - began < 5
        assert hanging.asked == 1
        assert client.get("/healthz").status_code == 200
        hanging.go_on.set()
        until(lambda: client.get("/readyz").status_code == 200)


def test_what_fails_in_an_unknown_way_is_503(
    store: Store, hanging: Hanging, caplog: pytest.LogCaptureFixture
) -> None:
    def odd() -> None:
        raise ValueError("odd")

    hanging.check = odd  # type: ignore[method-assign]
    with serving(Dateline(store, hanging, FakeEncoder(), FakeReader)) as client:  # type: ignore[arg-type]
        refused(client.get("/readyz"), "the index cannot be used (ValueError)")


def test_a_thread_that_could_not_be_started_is_tried_again(
    dateline: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, failures = threading.Thread.start, iter(["can't start new thread"])

    def scarce(thread: threading.Thread) -> None:
        if thread.name == "dateline-readiness":
            for failure in failures:
                raise RuntimeError(failure)
        start(thread)

    app = create_app(dateline)
    monkeypatch.setattr(threading.Thread, "start", scarce)
    with TestClient(app, HERE, client=("127.0.0.1", 4000), raise_server_exceptions=False) as client:
        assert client.get("/readyz").status_code == 500
        assert client.get("/readyz").status_code == 200


# --- what is elsewhere


@pytest.fixture
def milvus(tmp_path: Path) -> Iterator[ServerProcess]:
    running = started(LiteServer, tmp_path / "milvus")
    yield running
    running.kill()


def test_milvus_is_asked(store: Store, tmp_path: Path, milvus: ServerProcess) -> None:
    index = open_index(tmp_path / "data" / "index", store, FakeEncoder.dimension, milvus.uri)
    store.put([whole(STORM)])
    with serving(Dateline(store, index, FakeEncoder(), FakeReader)) as client:
        until(lambda: client.get("/readyz").status_code == 200)
        milvus.stop()
        refused(client.get("/readyz"), "the index does not answer")
        milvus.go_on()
        until(lambda: client.get("/readyz").status_code == 200)
        milvus.kill()
        until(lambda: milvus.uri in client.get("/readyz").json().get("detail", ""))
        milvus.start()
        until(lambda: client.get("/readyz").status_code == 200)


def test_a_reader_on_ray_is_asked(store: Store, index: EmbeddedIndex, tmp_path: Path) -> None:
    path = tmp_path / "reader"
    reader: Reader = RayReader(str(path), FakeReader.name, FakeReader.calibration)
    with serving(Dateline(store, index, FakeEncoder(), lambda: reader)) as client:
        refused(client.get("/readyz"), "the connection to Ray is being made again")
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(path))
            silent.listen()
            refused(client.get("/readyz"), "the reader does not answer")
            connection, _ = silent.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b'{"spans": [], "read": 0}\n')
            until(lambda: not any(t.name == "dateline-readiness" for t in threading.enumerate()))


def test_postgres_is_asked(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    """By the guard, too, which looks for keys there before anything else."""
    with Store.create(tmp_path / "data", FakeEncoder.name, postgres_url) as store:
        index = EmbeddedIndex(tmp_path / "data" / "index", store, FakeEncoder.dimension)
        engine = Dateline(store, index, FakeEncoder(), FakeReader)
        for access in (None, Access(tmp_path / "rates")):
            with serving(engine, access) as client:
                assert client.get("/readyz").status_code == 200
                with postgres.hung():
                    began = time.monotonic()
                    refused(client.get("/readyz"), "the database does not answer")
                    assert time.monotonic() - began < 5
                    assert client.get("/healthz").status_code == 200
                until(lambda client=client: client.get("/readyz").status_code == 200)  # type: ignore[misc]
                with postgres.down():
                    refused(client.get("/readyz"), "cannot be reached")
                until(lambda client=client: client.get("/readyz").status_code == 200)  # type: ignore[misc]


def test_the_index_on_milvus_says_what_it_is_asked(
    store: Store, tmp_path: Path, milvus: ServerProcess
) -> None:
    store.put([whole(STORM)])
    index = open_index(tmp_path / "data" / "index", store, FakeEncoder.dimension, milvus.uri)
    index.check()
    milvus.kill()
    with pytest.raises(UnavailableError, match="does not answer"):
        index.check()
