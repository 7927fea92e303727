"""What makes the index small again goes on behind the requests of a service."""

import threading

import pytest
from conftest import FakeEncoder, FakeReader, article, in_words
from fastapi.testclient import TestClient

from api import tidying
from api.app import create_app
from rag.engine import Dateline
from rag.index import _FEW_CHANGES, EmbeddedIndex
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
