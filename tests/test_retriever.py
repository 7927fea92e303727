"""The right passages in the right order, and as many as there are."""

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from conftest import FakeEncoder, article, in_words, whole

from rag.index import _FEW_CHANGES, EmbeddedIndex, Ranked
from rag.passage_store import EVERYTHING, Filter
from rag.retriever import Ranking, Retriever, fold, fuse
from rag.store import Embedded, Store
from rag.types import Article, Hit, Passage


@pytest.fixture
def retriever(store: Store, index: EmbeddedIndex, encoder: FakeEncoder) -> Retriever:
    return Retriever(store, index, encoder)


# --- fusion


@pytest.mark.parametrize(
    ("rankings", "expected"),
    [
        ([], []),
        ([Ranking([], 0.0), Ranking([], 0.0)], []),
        ([Ranking([(4, 7.0)], 0.0)], [(4, 1.0)]),
        ([Ranking([(4, 8.0), (5, 2.0)], 0.0), Ranking([], 0.0)], [(4, 0.5), (5, 0.125)]),
        # 2 is second in both and far from the best in neither.
        (
            [Ranking([(1, 1.0), (2, 0.9)], 0.0), Ranking([(3, 20.0), (2, 15.0)], 0.0)],
            [(2, 0.825), (1, 0.5), (3, 0.5)],
        ),
        # The same, but both were cut: what they do not hold may be as good as their last.
        (
            [Ranking([(1, 1.0), (2, 0.9)], 0.9), Ranking([(3, 20.0), (2, 15.0)], 15.0)],
            [(3, 0.95), (1, 0.875), (2, 0.825)],
        ),
        # Equal sums: the smaller id first, so that an order can be relied on.
        (
            [Ranking([(9, 2.0), (8, 1.0)], 0.0), Ranking([(8, 2.0), (9, 1.0)], 0.0)],
            [(8, 0.75), (9, 0.75)],
        ),
        # A negative cosine is no less alike than none.
        ([Ranking([(1, 0.5), (2, -0.5)], 0.0), Ranking([(2, 3.0)], 0.0)], [(1, 0.5), (2, 0.5)]),
        ([Ranking([(1, -0.1), (2, -0.5)], 0.0)], [(1, 0.0), (2, 0.0)]),
    ],
)
def test_fusion(rankings: list[Ranking], expected: list[tuple[int, float]]) -> None:
    fused = fuse(rankings)
    assert [i for i, _ in fused] == [i for i, _ in expected]
    assert [s for _, s in fused] == pytest.approx([s for _, s in expected])


# --- folding

WHOLE = "The ferry sank at noon off Ellan. All on board were saved. The owner said nothing."
FIRST = slice(0, 34)
REST = slice(34, len(WHOLE))


def hit(given: Article, where: slice, score: float) -> Hit:
    start, end, _ = where.indices(len(given.text))
    return Hit(Passage(given, start, end), score)


def folded(*hits: Hit, k: int = 10, apart: tuple[str, ...] = ()) -> list[tuple[str, str, float]]:
    """(article, articles folded in, score) of what is left; all tell one story but those apart."""
    ids = [h.passage.article.id for h in hits]
    told = zip(hits, [i if i in apart else "s" for i in ids], strict=True)
    return [
        (h.passage.article.id, " ".join(a.id for a in h.folded), h.score) for h in fold(told, k)
    ]


WIRE = article(WHOLE, "wire", published=date(2024, 1, 1))
COPY = article(WHOLE, "copy", published=date(2024, 1, 2))
CUT = article(WHOLE[FIRST], "cut")
ALL = slice(None)


def test_what_several_articles_of_a_story_say_is_one_hit_of_the_fullest() -> None:
    assert folded(hit(CUT, ALL, 0.9), hit(COPY, FIRST, 0.8), hit(WIRE, FIRST, 0.7)) == [
        ("wire", "cut copy", 0.9)
    ]
    assert folded(hit(WIRE, FIRST, 0.9), hit(CUT, ALL, 0.8)) == [("wire", "cut", 0.9)]


def test_a_passage_within_a_better_one_is_left_out() -> None:
    assert folded(hit(COPY, ALL, 0.9), hit(WIRE, FIRST, 0.8)) == [("copy", "wire", 0.9)]


def test_a_passage_that_says_the_same_and_more_takes_the_place() -> None:
    assert folded(hit(WIRE, FIRST, 0.9), hit(COPY, ALL, 0.8)) == [("copy", "wire", 0.9)]


def test_different_passages_of_a_story_stay() -> None:
    hits = [hit(WIRE, FIRST, 0.9), hit(COPY, REST, 0.8), hit(WIRE, REST, 0.7)]
    assert folded(*hits) == [("wire", "", 0.9), ("wire", "copy", 0.8)]


def test_passages_of_one_article_are_not_folded() -> None:
    hits = [hit(WIRE, ALL, 0.9), hit(WIRE, FIRST, 0.8)]
    told = [(h, "s") for h in hits]
    assert [h.passage for h in fold(told, 10)] == [h.passage for h in hits]


def test_articles_of_different_stories_may_say_the_same() -> None:
    hits = [hit(WIRE, FIRST, 0.9), hit(COPY, FIRST, 0.8)]
    assert folded(*hits, apart=("copy",)) == [("wire", "", 0.9), ("copy", "", 0.8)]
    assert folded(*hits, apart=("copy", "wire")) == [("wire", "", 0.9), ("copy", "", 0.8)]


def test_the_first_k_that_are_left_are_taken() -> None:
    other = article("Nobody won the match.", "other")
    hits = [
        hit(WIRE, FIRST, 0.9),
        hit(COPY, FIRST, 0.8),
        hit(other, ALL, 0.7),
        hit(WIRE, REST, 0.6),
    ]
    assert folded(*hits, k=2, apart=("other",)) == [("wire", "copy", 0.9), ("other", "", 0.7)]
    assert folded(*hits, k=0) == []
    assert folded() == []


# --- retrieval


def test_a_hit_tells_whether_it_holds_a_word_of_the_query(
    store: Store, index: EmbeddedIndex, retriever: Retriever
) -> None:
    store.put([whole(article("The vote in Kiev.", "vote")), whole(article("A storm.", "storm"))])
    index.refresh()

    def worded(query: str) -> dict[str, bool]:
        hits = retriever.retrieve(query, 10, EVERYTHING)
        return {hit.passage.article.id: hit.worded for hit in hits}

    assert worded("votes") == {"vote": True, "storm": False}
    assert worded("Kyiv") == {"vote": True, "storm": False}
    assert worded("zeppelin") == {"vote": False, "storm": False}


def test_of_two_folded_passages_the_words_of_either_count() -> None:
    hits = [replace(hit(WIRE, FIRST, 0.9), worded=False), hit(COPY, ALL, 0.8)]
    (kept,) = fold([(h, "s") for h in hits], 10)
    assert kept.worded


def test_a_reprinted_passage_leaves_room_for_another(
    store: Store, index: EmbeddedIndex, retriever: Retriever
) -> None:
    storm = "The storm storm came to Ellan in the night and took the roof of the old mill."
    store.put(
        [
            *(whole(article(storm, f"copy{n}")) for n in range(9)),
            whole(article("A storm is due on Friday.", "other")),
        ]
    )
    index.refresh()
    first, second = retriever.retrieve("storm Ellan", 2, EVERYTHING)
    assert first.passage.article.id == "copy0"
    assert [a.id for a in first.folded] == [f"copy{n}" for n in range(1, 9)]
    assert (second.passage.article.id, second.folded) == ("other", ())


def test_a_question_asked_again_is_not_encoded_again(
    retriever: Retriever, store: Store, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put([whole(article("The storm came."))])
    asked: list[str] = []
    encode = encoder.encode_query
    monkeypatch.setattr(encoder, "encode_query", lambda text: asked.append(text) or encode(text))
    for question in ("storm", "vote", "storm"):
        retriever.retrieve(question, 10, EVERYTHING)
    assert asked == ["storm", "vote"]


def test_hits_are_fused_from_both_rankings(
    store: Store, index: EmbeddedIndex, retriever: Retriever
) -> None:
    # The question's vector is (1, 0, 0, 1), theirs (1, 1, 0, 1), (3, 0, 0, 1) and (0, 0, 0, 1).
    store.put(
        [
            whole(article("storm vote at Ellan", "one")),
            whole(article("storm storm storm", "two")),
            whole(article("quiet", "three")),
        ]
    )
    index.refresh()
    words = dict(index.lexical("storm Ellan", 10))
    assert words.keys() == {1, 2}
    assert words[1] > words[2]
    hits = retriever.retrieve("storm Ellan", 10, EVERYTHING)
    nearest = 4 / 20**0.5
    assert [(hit.passage.article.id, hit.score) for hit in hits] == [
        ("one", pytest.approx((2 / 6**0.5 / nearest + 1) / 2)),
        ("two", pytest.approx((1 + words[2] / words[1]) / 2)),
        ("three", pytest.approx(1 / 2**0.5 / nearest / 2)),
    ]
    assert [hit.passage.id for hit in hits] == [1, 2, 3]
    assert hits[0].passage.text == "storm vote at Ellan"


def test_an_empty_collection_has_no_hits(retriever: Retriever) -> None:
    assert retriever.retrieve("storm", 10, EVERYTHING) == []


@pytest.mark.parametrize(("k", "expected"), [(0, 0), (1, 1), (3, 3), (70, 70), (200, 80)])
def test_at_most_k_hits(
    store: Store, index: EmbeddedIndex, retriever: Retriever, k: int, expected: int
) -> None:
    store.put([in_words(article(" ".join(f"w{i}" for i in range(80))))])
    index.refresh()
    hits = retriever.retrieve("storm", k, EVERYTHING)
    assert len(hits) == expected
    assert len({hit.passage.id for hit in hits}) == expected


BETTER = 300
"""So many passages rank before the wanted ones: more than one helping of either ranking."""


def in_lines(article: Article) -> Embedded:
    """Every line a passage, embedded by the fake."""
    passages = tuple(Passage(article, m.start(), m.end()) for m in re.finditer(r".+", article.text))
    return Embedded(article, passages, FakeEncoder().encode_passages([p.text for p in passages]))


@pytest.fixture
def crowded(store: Store, index: EmbeddedIndex) -> None:
    """300 better passages in the Post of January, and 12 in the Tidings of February."""
    better = "storm storm storm\n" * BETTER
    worse = "storm and vote and much else\n" * 12
    store.put(
        [
            in_lines(article(better, "post", source="Post", published=date(2024, 1, 1))),
            in_lines(article(worse, "tidings", source="Tidings", published=date(2024, 2, 1))),
        ]
    )
    index.refresh()


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize(
    "where", [Filter(sources=("Tidings",)), Filter(since=date(2024, 1, 2))], ids=str
)
@pytest.mark.parametrize(("k", "expected"), [(10, 10), (12, 12), (40, 12)])
def test_a_filter_leaves_k_where_there_are_k(
    retriever: Retriever, where: Filter, k: int, expected: int
) -> None:
    hits = retriever.retrieve("storm", k, where)
    assert len(hits) == expected
    assert {hit.passage.article.source for hit in hits} == {"Tidings"}


@pytest.mark.usefixtures("crowded")
def test_a_filter_that_nothing_passes(retriever: Retriever) -> None:
    assert retriever.retrieve("storm", 10, Filter(sources=("Herald",))) == []


def test_a_narrow_filter_is_searched_among_what_passes_it(
    store: Store, index: EmbeddedIndex, encoder: FakeEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = "storm vote match"
    wanted = article(worse, "wanted", source="Tidings")
    store.put([*(whole(article("storm", f"better{n}")) for n in range(1200)), whole(wanted)])
    index.refresh()
    asked: list[tuple[int, int | None]] = []

    def noting(name: str) -> None:
        search = getattr(index, name)

        def noted(query: object, k: int, where: Filter, among: np.ndarray | None) -> Ranked:
            asked.append((k, None if among is None else len(among)))
            return search(query, k, where, among)

        monkeypatch.setattr(index, name, noted)

    noting("dense")
    noting("lexical")
    (hit,) = Retriever(store, index, encoder).retrieve("storm", 10, Filter(sources=("Tidings",)))
    assert hit.passage.article == wanted
    assert asked == [(50, None), (200, None), (800, None), (50, 1)] * 2


@pytest.mark.usefixtures("crowded")
def test_deleted_passages_leave_k_where_there_are_k(
    store: Store, index: EmbeddedIndex, retriever: Retriever
) -> None:
    store.delete("post")
    # Not refreshed: every better passage is still in the index.
    assert len(index) == BETTER + 12
    hits = retriever.retrieve("storm", 10, EVERYTHING)
    assert len(hits) == 10
    assert {hit.passage.article.source for hit in hits} == {"Tidings"}


def test_a_deleted_article_is_never_found_though_a_generation_holds_it(
    store: Store, index: EmbeddedIndex, retriever: Retriever, encoder: FakeEncoder
) -> None:
    words = " ".join(f"w{i}" for i in range(_FEW_CHANGES))
    store.put([whole(article("storm in Ellan", "gone")), whole(article("storm in Port", "kept"))])
    store.put([in_words(article(words, "many"))])
    index.refresh()
    store.delete("gone")
    index.refresh()
    gone = encoder.encode_query("storm in Ellan")
    assert 1 in [i for i, _ in index.dense(gone, 5)]
    assert [i for i, _ in index.lexical("Ellan", 5)] == [1]
    hits = retriever.retrieve("storm in Ellan", 20, EVERYTHING)
    assert hits[0].passage.text == "storm in Port"
    assert "gone" not in {hit.passage.article.id for hit in hits}


def test_a_replaced_article_is_found_by_its_new_words_only(
    store: Store, index: EmbeddedIndex, retriever: Retriever
) -> None:
    store.put([whole(article("storm in Ellan"))])
    index.refresh()
    store.put([whole(article("match in Port"))])
    index.refresh()
    (hit,) = retriever.retrieve("Ellan Port", 10, EVERYTHING)
    assert hit.passage.article == article("match in Port")
    assert hit.passage.text == "match in Port"
