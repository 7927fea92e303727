"""The index on Milvus follows the store, whatever becomes of the server and of other processes."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from conftest import FakeEncoder, FakeReader, article, at, in_words, whole
from fastapi.testclient import TestClient
from milvus_servers import LiteServer, RealServer, ServerProcess, started
from processes import ARTICLES, ROOT, command, environment, free_port

from api.app import create_app
from rag.doctor import examine
from rag.engine import Dateline
from rag.errors import CollectionError, InputError, UnavailableError
from rag.index import _FEW_CHANGES, open_index
from rag.milvus import MilvusIndex, problems, rebuild
from rag.milvus_generations import alias_of
from rag.milvus_schema import LONGEST_TEXT, text_of
from rag.milvus_server import MilvusServer
from rag.repair import purge, repair
from rag.settings import Settings
from rag.store import Embedded, Store
from rag.types import Article, Ingested, Passage
from rag.wordings import bag_of_terms

SCALE = os.environ.get("DATELINE_SCALE") == "full"
MANY = _FEW_CHANGES + 100
STORM = article("The storm came on answer: Tuesday 3.5 at night.", "storm")
VOTE = article("The vote came on answer: Friday 4.5 at noon.", "vote")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One that nothing happens to."""
    running = started(LiteServer, tmp_path_factory.mktemp("milvus"))
    yield running
    running.kill()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ServerProcess]:
    """One that may be killed."""
    running = started(LiteServer, tmp_path / "milvus")
    yield running
    running.kill()


@pytest.fixture
def opened(store: Store, tmp_path: Path, server: ServerProcess) -> Callable[[], MilvusIndex]:
    """Opens the index of `store`, as another process would."""
    return lambda: open_on(server.uri, store, tmp_path)


def open_on(uri: str, store: Store, tmp_path: Path) -> MilvusIndex:
    return MilvusIndex(uri, tmp_path / "data" / "index", store, FakeEncoder.dimension)


def many_words(prefix: str = "w", n: int = MANY) -> str:
    return " ".join(f"{prefix}{i}" for i in range(n))


def collections(uri: str, store: Store) -> set[str]:
    names = MilvusServer(uri)._client().list_collections()
    return {name for name in names if name.startswith(alias_of(store))}


def assert_right(index: MilvusIndex, store: Store) -> None:
    """It holds what the store holds, and its two collections are the only ones."""
    generation = index._generation
    assert generation is not None
    ids = {p.id for some in store.passages_after(0) for p in some}
    assert set(index._server.ids(generation.name)) == ids
    assert len(index._server.ids(generation.articles)) == store.counts()[0]
    current = index._server.current(alias_of(store))
    assert current is not None
    assert (current.name, current.seq) == (generation.name, store.seq)


# --- what is set


@pytest.mark.parametrize("uri", ["localhost:19530", "milvus", "ftp://host/", "notes.txt"])
def test_a_uri_that_is_none_is_told(store: Store, tmp_path: Path, uri: str) -> None:
    with pytest.raises(InputError, match=r"expected http://host:19530, or a file \*\.db"):
        open_index(tmp_path, store, 4, uri)


def test_without_its_library_the_extra_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(CollectionError, match=r"pip install 'dateline\[milvus\]'"):
        open_index(tmp_path, store, 4, "http://127.0.0.1:19530")


def test_a_collection_of_passing_use_is_on_no_server(tmp_path: Path) -> None:
    settings = Settings(milvus_uri="http://127.0.0.1:19530").apart(tmp_path)
    assert (settings.data_dir, settings.milvus_uri) == (tmp_path, None)


# --- words


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where is the storm?", "storm"),
        ("Who is who?", "who is who"),
        ("In Kiev and Mumbai", "kiev mumbai kyiv bombay"),
        ("the Ivory Coast", "ivori coast cote d ivoir ivorycoast"),
        ("Amir Abdollahian", "amir abdollahian amirabdollahian"),
        ("a storm of storms", "storm storm"),
        ("", ""),
    ],
)
def test_a_question_as_a_bag_of_terms(question: str, expected: str) -> None:
    assert bag_of_terms(question) == expected.split()


def test_a_text_is_cut_between_terms_where_the_server_takes_no_more() -> None:
    assert text_of(["one", "two"]) == "one two"
    long = text_of(["ä" * 50] * 1000)
    assert LONGEST_TEXT - 101 <= len(long.encode()) <= LONGEST_TEXT
    assert set(long.split()) == {"ä" * 50}


def test_the_words_of_a_very_long_article_are_cut_not_refused(
    store: Store, opened: Callable[[], MilvusIndex]
) -> None:
    text = f"first {many_words('word', 20_000)} last"
    given = article(text)
    cut = (
        Passage(given, 0, 5),
        Passage(given, 6, len(text) - 5),
        Passage(given, len(text) - 4, len(text)),
    )
    store.put([Embedded(given, cut, np.stack([at(0), at(10), at(20)]))])
    index = opened()
    assert index.holds("first")
    assert not index.holds("word19999")
    assert [i for i, _ in index.lexical("last", 5)] == [3]


# --- following the store


def test_what_was_cut_off_half_way_is_done_again(
    store: Store, opened: Callable[[], MilvusIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.passage_store._PORTION", 10)
    index = opened()
    store.put([in_words(article(many_words(n=35), "a"))])
    store.put([in_words(article(many_words(n=35), "b"))])
    upsert, calls = MilvusServer.upsert, 0

    def fail_at_the_third(self: MilvusServer, *given: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise UnavailableError("gone", retry_after=1)
        upsert(self, *given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(MilvusServer, "upsert", fail_at_the_third)
        with pytest.raises(UnavailableError):
            index.refresh()
    assert index.state.lag == 2
    assert problems_of(index) == []
    other = opened()
    assert_right(other, store)
    index.refresh()
    assert_right(index, store)
    assert len(index) == 70


def problems_of(index: MilvusIndex) -> list[str]:
    return list(problems(index._server._uri, index._store))


def test_many_processes_write_and_follow_at_once(
    store: Store, tmp_path: Path, opened: Callable[[], MilvusIndex]
) -> None:
    indexes = [opened() for _ in range(3)]

    def write(number: int) -> None:
        with Store.open(tmp_path / "data") as own:
            for n in range(5):
                own.put([in_words(article(many_words(f"p{number}x{n}y", 7), f"{number}-{n}"))])
                indexes[number].refresh()

    threads = [Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in indexes:
        index.refresh()
        assert len(index) == 3 * 5 * 7
        assert index.holds("p2x4y6")
    assert_right(indexes[0], store)


def test_two_that_build_at_once_end_with_one_generation(
    store: Store, tmp_path: Path, server: ServerProcess
) -> None:
    store.put([in_words(article(many_words()))])
    opened: list[MilvusIndex] = []

    def build(folder: Path) -> None:  # two folders: as from two machines, which share no lock
        opened.append(MilvusIndex(server.uri, folder, store, FakeEncoder.dimension))

    threads = [Thread(target=build, args=(tmp_path / str(n),)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in opened:
        assert len(index.dense(at(0), 10)) == 10
        assert index.holds("w7")
        assert_right(index, store)
    assert len(collections(server.uri, store)) == 2


def test_a_rebuild_is_taken_over_by_those_who_search(
    store: Store, server: ServerProcess, opened: Callable[[], MilvusIndex]
) -> None:
    store.put([in_words(article(many_words()))])
    index = opened()
    before = collections(server.uri, store)
    rebuild(server.uri, store)
    assert collections(server.uri, store).isdisjoint(before)
    assert len(index.dense(at(0), 10)) == 10  # without a refresh
    assert index.holds("w7")
    assert_right(index, store)


# --- what is wrong on the server


def lose_rows(index: MilvusIndex) -> None:
    assert index._generation is not None
    ids = index._server.ids(index._generation.name)
    index._server.delete(index._generation.name, ids[:5])


def lose_articles(index: MilvusIndex) -> None:
    assert index._generation is not None
    index._server._client().drop_collection(index._generation.articles)


def be_newer(index: MilvusIndex) -> None:
    assert index._generation is not None
    index._server.mark(replace(index._generation, seq=index._store.seq + 1))


def be_anothers(index: MilvusIndex) -> None:
    assert index._generation is not None
    index._server._client().alter_collection_properties(
        index._generation.name, properties={"dateline.origin": "e5, 1024 dimensions"}
    )


WRONGS = {
    "5 passages of the store are not in it": lose_rows,
    "does not exist": lose_articles,
    "newer than the database": be_newer,
    "made of e5, 1024 dimensions, expected fake-encoder": be_anothers,
}


@pytest.mark.parametrize(("said", "wrong"), WRONGS.items(), ids=WRONGS)
def test_what_is_wrong_is_told_and_built_again(
    store: Store,
    tmp_path: Path,
    server: ServerProcess,
    opened: Callable[[], MilvusIndex],
    caplog: pytest.LogCaptureFixture,
    said: str,
    wrong: Callable[[MilvusIndex], None],
) -> None:
    store.put([in_words(article(many_words()))])
    wrong(opened())
    found = [p for p in examine(tmp_path / "data", milvus_uri=server.uri) if p.check == "index"]
    assert len(found) == 1
    assert said in found[0].what
    again = opened()
    (record,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert said in record.getMessage()
    assert "building it again" in record.getMessage()
    assert_right(again, store)
    assert problems_of(again) == []


def test_the_doctor_mends_the_server(
    store: Store, tmp_path: Path, server: ServerProcess, opened: Callable[[], MilvusIndex]
) -> None:
    store.put([in_words(article(many_words()))])
    index = opened()
    store.put([in_words(article(many_words("v"), "b"))])
    index.refresh()
    store.delete("a")  # as many as are missing are too many: only their ids tell
    lose_rows(index)
    index._server.delete(index._generation.name, index._server.ids(index._generation.name)[-3:])
    folder = tmp_path / "data"
    assert [p.what for p in examine(folder, milvus_uri=server.uri)] == [
        "3 passages of the store are not in it"
    ]
    assert repair(folder, lambda _: [], milvus_uri=server.uri) == ["built the index again"]
    assert examine(folder, milvus_uri=server.uri) == []
    assert_right(opened(), store)


def test_what_is_purged_leaves_the_server(
    store: Store, tmp_path: Path, server: ServerProcess, opened: Callable[[], MilvusIndex]
) -> None:
    store.put([in_words(article("secret words")), in_words(article("open words", "b"))])
    index = opened()
    store.delete("a")
    index.compact()
    index.refresh()
    assert index.holds("secret")
    purge(tmp_path / "data", milvus_uri=server.uri)
    assert not index.holds("secret")
    assert index.holds("open")
    assert_right(index, store)
    store.delete("b")
    purge(tmp_path / "data", milvus_uri=server.uri)
    assert collections(server.uri, store) == set()


# --- a server that is lost


def engine_on(index: MilvusIndex, store: Store) -> Dateline:
    return Dateline(store, index, FakeEncoder(), FakeReader)


def test_a_server_that_is_not_there_is_told_and_used_once_it_is(
    store: Store, tmp_path: Path, own_server: ServerProcess
) -> None:
    own_server.kill()
    store.put([whole(STORM)])
    uri = own_server.uri.replace("//", "//reader:secret@")
    index = open_on(uri, store, tmp_path)
    engine = engine_on(index, store)
    began = time.monotonic()
    with pytest.raises(UnavailableError) as raised:
        engine.ask("When did the storm come?")
    assert time.monotonic() - began < 10
    said = str(raised.value)
    assert own_server.uri in said
    assert "see that it runs" in said
    assert "secret" not in said
    assert "\n" not in said
    assert [p.check for p in examine(tmp_path / "data", milvus_uri=own_server.uri)] == ["index"]
    with pytest.raises(UnavailableError):
        repair(tmp_path / "data", lambda _: [], milvus_uri=own_server.uri)
    own_server.start()
    assert [a.text for a in engine.ask("When did the storm come?").answers] == ["Tuesday"]


def test_a_server_killed_while_asking_is_503_and_nothing_is_lost(
    store: Store, tmp_path: Path, own_server: ServerProcess
) -> None:
    survive_a_kill(store, tmp_path, own_server)


@pytest.mark.real
@pytest.mark.skipif(not SCALE, reason="Milvus takes a minute to recover: DATELINE_SCALE=full")
def test_a_real_server_killed_while_asking(store: Store, tmp_path: Path) -> None:
    running = started(RealServer, tmp_path / "milvus")
    try:
        survive_a_kill(store, tmp_path, running)
    finally:
        running.kill()


def survive_a_kill(store: Store, tmp_path: Path, running: ServerProcess) -> None:
    engine = engine_on(open_on(running.uri, store, tmp_path), store)
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:

        def ask(question: str) -> tuple[int, str]:
            response = client.post("/v1/ask", json={"question": question})
            said = response.json()
            return response.status_code, said.get("answer") or said.get("detail")

        def add(given: Article) -> None:
            body = {"id": given.id, "text": given.text}
            assert client.post("/v1/articles", json=body).json()["added"] == 1

        add(STORM)
        assert ask("When did the storm come?") == (200, "Tuesday")
        killer = Thread(target=lambda: (time.sleep(0.3), running.kill()))
        killer.start()
        said = [ask("When did the storm come?")]
        while killer.is_alive() or said[-1][0] == 200:
            said.append(ask("When did the storm come?"))
        assert {code for code, _ in said} <= {200, 503}
        assert running.uri in said[-1][1]
        add(VOTE)  # is stored, though it cannot be searched yet
        assert ask("When did the vote come?")[0] == 503
        running.start()
        until = time.monotonic() + 120
        while (answer := ask("When did the vote come?"))[0] == 503:
            assert time.monotonic() < until, answer
            time.sleep(0.2)
        assert answer == (200, "Friday")
        assert [a.text for a in engine.ask("When?").answers] == ["Friday", "Tuesday"]
    again = open_on(running.uri, store, tmp_path)
    assert problems_of(again) == []


def test_an_ingest_goes_on_without_the_server(
    store: Store, tmp_path: Path, own_server: ServerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    index = open_on(own_server.uri, store, tmp_path)
    own_server.kill()
    engine = engine_on(index, store)
    fates = list(engine.ingest([STORM, VOTE]))
    assert [fate.status for fate in fates if isinstance(fate, Ingested)] == ["added", "added"]
    assert "stored; the next question that can be answered finds it" in caplog.text
    engine.delete("vote")
    own_server.start()
    assert [a.text for a in engine.ask("When?").answers] == ["Tuesday"]
    assert len(index) == 1


def test_a_server_that_does_not_answer_is_given_up(
    store: Store, tmp_path: Path, own_server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put([whole(STORM)])
    index = open_on(own_server.uri, store, tmp_path)
    monkeypatch.setattr("rag.milvus_server._ASK_S", 0.5)
    own_server.stop()
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="DEADLINE_EXCEEDED"):
        index.dense(at(0), 1)
    assert time.monotonic() - began < 5
    own_server.go_on()
    monkeypatch.undo()
    assert len(index.dense(at(0), 1)) == 1


# --- milvus-lite in this process


def test_a_file_serves_one_process(store: Store, tmp_path: Path, server: ServerProcess) -> None:
    file = tmp_path / "milvus.db"
    other = LiteServer(file)
    other.start()
    try:
        index = open_on(str(file), store, tmp_path)
        with pytest.raises(UnavailableError, match="milvus-lite serves one process"):
            index.refresh()
    finally:
        other.kill()
    store.put([whole(STORM)])
    index.refresh()
    assert index.holds("storm")
    assert len(open_on(str(file), store, tmp_path)) == 1


@pytest.mark.real
def test_the_command_line_on_milvus(tmp_path: Path) -> None:
    def run(data: Path, uri: str, *arguments: str | Path) -> str:
        done = subprocess.run(
            command(*arguments),
            env=environment(data) | {"DATELINE_MILVUS_URI": uri},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
        return done.stdout

    question = "Which judge was put at the head of the inquiry into the Skerry Dawn?"
    data, uri = tmp_path / "data", str(tmp_path / "m.db")
    run(data, uri, "ingest", ARTICLES)
    reply = json.loads(run(data, uri, "ask", question, "--json"))
    assert reply["answer"] == "Ruth Ashgrove"
    assert "ok   index" in run(data, uri, "doctor")

    done = subprocess.run(
        command("ask", question),
        env=environment(data) | {"DATELINE_MILVUS_URI": f"http://127.0.0.1:{free_port()}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("dateline: Milvus at http://127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1
