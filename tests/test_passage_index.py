"""What every index does, whatever it runs on: embedded, milvus-lite, a real Milvus server."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import FakeEncoder, article, at, in_words, whole
from milvus_servers import LiteServer, RealServer, ServerProcess, started

from rag.index import _FEW_CHANGES, PassageIndex, open_index
from rag.passage_store import EVERYTHING, Filter
from rag.retriever import Retriever
from rag.store import Store

ONLY_IN_FULL = pytest.mark.skipif(
    os.environ.get("DATELINE_SCALE") != "full",
    reason="a busy machine may kill its etcd: DATELINE_SCALE=full",
)
MANY = _FEW_CHANGES + 100
DAY = date(2024, 3, 1)


@dataclass
class Place:
    """Where indexes are opened: on one server, or in the folder of the collection."""

    uri: str | None

    def index(self, folder: Path, store: Store) -> PassageIndex:
        return open_index(folder / "index", store, FakeEncoder.dimension, self.uri)


@pytest.fixture(
    scope="module",
    params=[None, LiteServer, pytest.param(RealServer, marks=[pytest.mark.real, ONLY_IN_FULL])],
    ids=["embedded", "milvus-lite", "milvus"],
)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    kind: type[ServerProcess] | None = request.param
    if kind is None:
        yield Place(None)
        return
    server = started(kind, tmp_path_factory.mktemp("milvus"))
    yield Place(server.uri)
    server.kill()


# --- one collection that nobody changes


def texts() -> list[tuple[str, str, date | None, str | None]]:
    """(id, text, day, outlet) of many short articles on few things."""
    words = "storm vote match Ellan harbour minister Kyiv tunnel railway budget".split()
    draw = random.Random(0)
    some: list[tuple[str, str, date | None, str | None]] = [
        (f"a{n}", " ".join(draw.choices(words, k=12)), DAY + timedelta(n % 20), f"Outlet {n % 3}")
        for n in range(120)
    ]
    return [
        *some,
        ("undated", "A storm vote of nobody's", None, None),
        ("quoted", "The harbour 'storm' \\ \"vote\"", DAY, 'The "Post" \\ Mail'),
        ("german", "Ein Sturm über der Ägäis", DAY, "Süddeutsche"),
    ]


@dataclass
class Collection:
    store: Store
    index: PassageIndex
    expected: PassageIndex

    def retrieve(self, index: PassageIndex, question: str, where: Filter) -> dict[str, float]:
        """The ten best articles with their scores."""
        hits = Retriever(self.store, index, FakeEncoder()).retrieve(question, 10, where)
        return {hit.passage.article.id: hit.score for hit in hits}


@pytest.fixture(scope="module")
def filled(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collection]:
    folder = tmp_path_factory.mktemp("filled")
    with Store.create(folder, FakeEncoder.name) as store:
        store.put(
            [
                whole(article(text, id, published=day, source=outlet))
                for id, text, day, outlet in texts()
            ]
        )
        store.put([in_words(article("steady steadier Amir-Abdollahian", "words"), 10.0, 5.0)])
        expected = open_index(folder / "expected", store, FakeEncoder.dimension)
        yield Collection(store, place.index(folder, store), expected)


def test_it_holds_every_passage(filled: Collection) -> None:
    assert len(filled.index) == filled.store.counts()[1]
    state = filled.index.state
    assert (state.seq, state.lag) == (filled.store.seq, 0)


@pytest.mark.parametrize("degrees", [0.0, 12.0, 61.0, 90.0])
def test_the_nearest_come_first_with_their_cosine(filled: Collection, degrees: float) -> None:
    found = filled.index.dense(at(degrees), 10)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx([s for _, s in filled.expected.dense(at(degrees), 10)], abs=1e-5)
    vectors = {p.id: p.vector for some in filled.store.passages_after(0) for p in some}
    for i, score in found:
        assert float(vectors[i] @ at(degrees)) == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize(
    "query",
    ["storm", "storms at Ellan", "steady", "sturm über ägäis", "aegaeis agais", "minister budget"],
)
def test_words_rank_as_in_the_embedded_index(filled: Collection, query: str) -> None:
    found = filled.index.lexical(query, 10)
    expected = filled.expected.lexical(query, 10)
    # A server keeps the length of a text exactly, tantivy to a byte.
    assert [s for _, s in found] == pytest.approx([s for _, s in expected], rel=0.05)
    assert all(score > 0 for _, score in found)


@pytest.mark.parametrize("query", ["Kiev", "Abdollahian", "amir abdollahian", "amirabdollahian"])
def test_other_ways_to_write_a_word_find_it(filled: Collection, query: str) -> None:
    best = {i for i, _ in filled.index.lexical(query, 5)}
    assert best
    assert best <= {i for i, _ in filled.expected.lexical(query, 100)}


@pytest.mark.parametrize("query", ["", "?!", "unheard", '"', "AND OR NOT", "words:(storm", "a\0b"])
def test_no_query_is_too_odd(filled: Collection, query: str) -> None:
    assert [i for i, _ in filled.index.lexical(query, 5)] == [
        i for i, _ in filled.expected.lexical(query, 5)
    ]


def test_no_more_are_found_than_asked_for_or_held(filled: Collection) -> None:
    held = len(filled.index)
    for k, found in ((0, 0), (1, 1), (held, held), (100_000, held)):
        assert len(filled.index.dense(at(3.0), k)) == found
    assert filled.index.lexical("storm", 0) == []
    assert len(filled.index.lexical("storm", 7)) == 7


def test_it_says_which_words_it_holds(filled: Collection) -> None:
    words = ["storm", "Storms", "kyiv", "Ägäis", "agais", "stom", "unheard", "AmirAbdollahian"]
    assert [filled.index.holds(w) for w in words] == [filled.expected.holds(w) for w in words]
    assert filled.index.holds("storm")
    assert not filled.index.holds("stom")


FILTERS = [
    EVERYTHING,
    Filter(since=DAY + timedelta(15)),
    Filter(until=DAY + timedelta(2)),
    Filter(DAY + timedelta(3), DAY + timedelta(3)),
    Filter(sources=("outlet 1",)),
    Filter(sources=("OUTLET 1", "outlet 2"), since=DAY + timedelta(18)),
    Filter(sources=('the "post" \\ mail',)),
    Filter(sources=("süddeutsche",)),
    Filter(sources=("nobody's",)),
    Filter(until=DAY - timedelta(1)),
]


@pytest.mark.parametrize("where", FILTERS, ids=range(len(FILTERS)))
def test_retrieval_finds_the_same_with_every_filter(filled: Collection, where: Filter) -> None:
    for question in ("storm vote at Ellan", "railway", "match match"):
        found = filled.retrieve(filled.index, question, where)
        expected = filled.retrieve(filled.expected, question, where)
        # Those that are nearly alike may change places.
        assert sorted(found.values()) == pytest.approx(sorted(expected.values()), abs=0.02)
        for id in found.keys() & expected.keys():
            assert found[id] == pytest.approx(expected[id], abs=0.02)
        assert {*found} <= {id for id, _, day, outlet in texts() if passes(where, day, outlet)}


def passes(where: Filter, day: date | None, outlet: str | None) -> bool:
    return (
        (where.since is None or (day is not None and day >= where.since))
        and (where.until is None or (day is not None and day <= where.until))
        and (not where.sources or (outlet or "").casefold() in where.source_keys)
    )


# --- collections that change


@pytest.fixture
def reopened(place: Place, store: Store, tmp_path: Path) -> Callable[[], PassageIndex]:
    """Opens the index of `store`, as another process would."""
    return lambda: place.index(tmp_path / "data", store)


def words_found(store: Store, index: PassageIndex, query: str) -> set[str]:
    ids = [i for i, _ in index.lexical(query, 50)]
    return {p.text for p in store.passages(ids).values()}


def nearest(store: Store, index: PassageIndex, degrees: float) -> str:
    ids = [i for i, _ in index.dense(at(degrees), 50)]
    live = store.passages(ids)
    return next(live[i].text for i in ids if i in live)


def test_an_empty_collection_grows_changes_and_shrinks(
    store: Store, reopened: Callable[[], PassageIndex]
) -> None:
    index, other = reopened(), reopened()
    assert (len(index), index.dense(at(0), 5), index.lexical("storm", 5)) == (0, [], [])
    assert not index.holds("storm")
    store.put([in_words(article("storm vote"), 0, 40)])
    assert index.state.lag == 1
    for each in (index, other):
        each.refresh()
        assert nearest(store, each, 39) == "vote"
        assert words_found(store, each, "storms") == {"storm"}
    store.put([in_words(article("storm match"), 0, 40)])
    index.refresh()
    assert nearest(store, index, 39) == "match"
    assert words_found(store, index, "vote") == set()
    store.delete("a")
    index.compact()
    index.refresh()
    assert words_found(store, index, "storm") == set()
    again = reopened()
    assert words_found(store, again, "storm") == set()


def test_what_was_deleted_is_taken_off_once_it_is_much(
    store: Store, reopened: Callable[[], PassageIndex]
) -> None:
    index = reopened()
    many = " ".join(f"w{n}" for n in range(MANY))
    store.put([in_words(article(many)), in_words(article("keep these", "b"), 80, 5)])
    index.compact()
    index.refresh()
    assert len(index) == MANY + 2
    assert nearest(store, index, 10.03) == "w100"
    store.delete("b")
    index.compact()
    index.refresh()
    assert len(index) == MANY + 2
    store.put([in_words(article("keep these", "b"), 80, 5)])
    store.delete("a")
    index.compact()
    index.refresh()
    assert len(index) == 2
    assert words_found(store, index, "keep w3") == {"keep"}
    assert not index.holds("w3")
    assert nearest(store, index, 84) == "these"
