"""What makes the index small again goes on behind the requests of a service."""

import logging
import threading

import pytest
from conftest import FakeEncoder, FakeReader, article, in_words
from fastapi.testclient import TestClient

from api import tidying
from api.app import create_app
from rag.engine import Dateline
from rag.errors import StorageFullError, UnavailableError
from rag.index import _FEW_CHANGES, EmbeddedIndex, IndexState
from rag.outage import Outage
from rag.store import Store

WAIT_S = 20.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "_LOOK_S", 0.02)


def test_a_delete_is_answered_while_the_index_is_tidied_up(
    store: Store, index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def compact(wait: bool = False) -> None:
        began.set()
        assert go_on.wait(WAIT_S)

    store.put([in_words(article("A storm came"))])
    index.refresh()  # as after every write here: no lag tells that there is something to do
    monkeypatch.setattr(index, "compact", compact)
    try:
        with TestClient(create_app(Dateline(store, index, FakeEncoder(), FakeReader))) as client:
            assert began.wait(WAIT_S)
            assert client.delete("/v1/articles/a").status_code == 204
            assert not go_on.is_set()
            go_on.set()
    finally:
        go_on.set()


def test_a_service_tidies_up_what_another_process_wrote(store: Store, index: EmbeddedIndex) -> None:
    tidied = threading.Event()
    compact = index.compact

    def watched(wait: bool = False) -> None:
        compact(wait)
        if index.state.generation_seq == store.seq:
            tidied.set()

    index.compact = watched  # type: ignore[method-assign]
    with TestClient(create_app(Dateline(store, index, FakeEncoder(), FakeReader))):
        store.put([in_words(article(" ".join(f"w{i}" for i in range(_FEW_CHANGES + 1))))])
        assert tidied.wait(WAIT_S)


def test_a_lost_database_is_told_once_and_its_return_once(
    store: Store,
    index: EmbeddedIndex,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Dateline(store, index, FakeEncoder(), FakeReader)
    state, away, looks = engine.index_state, threading.Event(), threading.Semaphore(0)

    def look() -> IndexState:
        looks.release()
        if away.is_set():
            raise UnavailableError("database 'news' cannot be reached", 5)
        return state()

    def wait_for_looks(number: int) -> None:
        for _ in range(number):
            assert looks.acquire(timeout=WAIT_S)

    def told() -> list[str]:
        return [r.getMessage() for r in caplog.records if "tidied" in r.getMessage()]

    caplog.set_level(logging.INFO, "dateline")
    monkeypatch.setattr(engine, "index_state", look)
    with TestClient(create_app(engine)):
        for round_ in (1, 2):
            away.set()
            wait_for_looks(5)
            assert len(told()) == 2 * round_ - 1
            away.clear()
            while len(told()) < 2 * round_:
                wait_for_looks(1)
    lost = "the index is not tidied up for now: database 'news' cannot be reached"
    assert told() == [lost, "the index is tidied up again"] * 2
    assert not any(record.exc_info for record in caplog.records)


def test_what_fails_in_an_unknown_way_is_told_once_with_its_traceback(
    store: Store,
    index: EmbeddedIndex,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = Dateline(store, index, FakeEncoder(), FakeReader)
    looks = threading.Semaphore(0)

    def look() -> IndexState:
        looks.release()
        raise ValueError("a mistake of ours")

    monkeypatch.setattr(engine, "index_state", look)
    with TestClient(create_app(engine)):
        for _ in range(5):
            assert looks.acquire(timeout=WAIT_S)
    (record,) = [r for r in caplog.records if r.exc_info]
    assert record.getMessage() == "the index is not tidied up for now"


def test_another_error_of_the_same_outage_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dateline")
    outage = Outage("it pauses", "it goes on")
    for error in (StorageFullError("no room"), UnavailableError("no database", 5)):
        for _ in range(3):
            outage.goes_on(error)
    outage.is_over()
    outage.goes_on(UnavailableError("no database", 5))
    lost = "it pauses: no database"
    assert caplog.messages == ["it pauses: no room", lost, "it goes on", lost]
