"""Passages for a question: dense and lexical rankings, fused."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from embeddings.encoder import Encoder, Vectors
from embeddings.memo import Memo
from rag.index import PassageIndex, Ranked
from rag.passage_store import EVERYTHING, Filter
from rag.store import Store
from rag.stories import Shingles, fullest_first
from rag.types import Hit

_DEPTH = 50
_SAME_PASSAGE = 0.8
"""Share of a passage's shingles in another passage of its story from which it adds nothing."""

REMEMBERED = 500
"""Vectors of questions, about two kilobytes each with their text."""

_NARROW = 16
"""A filter is narrow if the best of a ranking, this many for each that is wanted, hold too few
that pass it."""

_Ids = NDArray[np.int64]
Search = Callable[[int, _Ids | None], Ranked]
"""The k best of one ranking, for any k: of all passages, or among these ids."""


@dataclass(frozen=True)
class Ranking:
    """The best of one search, and what a passage that is not among them scores at most."""

    hits: Ranked
    rest: float


def fuse(rankings: Sequence[Ranking]) -> Ranked:
    """(id, 0..1) of every hit, best first: the mean over the rankings of score / best score.

    A hit that a ranking does not hold has its `rest` there, for the ranking may only have been
    cut before it. Negative scores, cosines of what has nothing in common, count as 0.

    A convex combination of scores, each normalised by its theoretical minimum and its maximum
    (Bruch, Gai and Ingber, 2023, "An Analysis of Fusion Functions for Hybrid Retrieval"): unlike
    a rank, a score says how much better the best passage is than the next.
    """
    found = {passage_id for ranking in rankings for passage_id, _ in ranking.hits}
    fused = dict.fromkeys(found, 0.0)
    for ranking in rankings:
        scores = dict(ranking.hits)
        best = max(scores.values(), default=0.0)
        if best <= 0:
            continue
        for passage_id in found:
            score = max(0.0, scores.get(passage_id, ranking.rest))
            fused[passage_id] += score / best / len(rankings)
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))


def fold(told: Iterable[tuple[Hit, str]], k: int) -> list[Hit]:
    """The first k hits that say different things: a story's passage comes once.

    `told` are hits, best first, each with what names its story. A passage that another article of
    its story says too, within a passage that ranks better, is left out; one that says that passage
    and more takes its place and score. Of two that say the same, the fuller article's stays.
    """
    kept: list[Hit] = []
    by_story: dict[str, list[int]] = {}
    for hit, story in told:
        places = by_story.setdefault(story, [])
        for place in places:
            both = _fold(kept[place], hit)
            if both is not None:
                kept[place] = both
                break
        else:
            if len(kept) == k:
                break
            places.append(len(kept))
            kept.append(hit)
    return kept


def _fold(better: Hit, worse: Hit) -> Hit | None:
    """One hit of two of a story, with the better's score; None if they say different things.

    Passages of one article are never folded: they were cut to differ.
    """
    one, other = better.passage, worse.passage
    if one.article.id == other.article.id:
        return None
    first, second = Shingles.of(one.text), Shingles.of(other.text)
    covers = second.contained_in(first) >= _SAME_PASSAGE
    covered = first.contained_in(second) >= _SAME_PASSAGE
    if covers and covered:
        swap = fullest_first([one.article, other.article])[0] is other.article
    elif covers or covered:
        swap = covered
    else:
        return None
    stays, goes = (other, one) if swap else (one, other)
    told = {a.id: a for a in (*better.folded, *worse.folded, goes.article)}
    told.pop(stays.article.id, None)
    return Hit(stays, better.score, tuple(told.values()), better.worded or worse.worded)


class Retriever:
    """Finds passages in one collection."""

    def __init__(
        self, store: Store, index: PassageIndex, encoder: Encoder, fold_stories: bool = True
    ) -> None:
        self._fold_stories = fold_stories
        self._store = store
        self._index = index
        self._encoder = encoder
        self._vectors: Memo[str, Vectors] = Memo(REMEMBERED)

    def retrieve(self, question: str, k: int, where: Filter) -> list[Hit]:
        """At most k passages that exist now and pass the filter, best first.

        What several articles of one story say is one hit.
        """
        (vector,) = self._vectors.get([question], lambda _: [self._encoder.encode_query(question)])
        depth = max(_DEPTH, k)
        live: dict[int, bool] = {}
        searches: list[Search] = [
            lambda n, among: self._index.dense(vector, n, where, among),
            lambda n, among: self._index.lexical(question, n, where, among),
        ]
        passing = cache(lambda: self._store.passages_passing(where))
        rankings = [self._live(search, depth, where, passing, live) for search in searches]
        by_word = rankings[1]
        # What a ranking that was cut does not hold may have the words all the same.
        worded = None if by_word.rest else {passage_id for passage_id, _ in by_word.hits}
        told = self._told(fuse(rankings), worded, portion=max(1, 2 * k))
        return fold(told, k) if self._fold_stories else [hit for hit, _ in islice(told, k)]

    def _told(
        self, ranked: Ranked, worded: set[int] | None, portion: int
    ) -> Iterator[tuple[Hit, str]]:
        """(passage, what names its story); read so many at a time, for most are never looked at.

        `worded` are those that hold a word of the question; None if all may.
        """
        for at in range(0, len(ranked), portion):
            some = ranked[at : at + portion]
            passages = self._store.passages([passage_id for passage_id, _ in some])
            stories = self._store.story_ids({p.article.id for p in passages.values()})
            for passage_id, score in some:
                if passage_id in passages:
                    passage = passages[passage_id]
                    # An article that was deleted meanwhile is in no story.
                    holds = worded is None or passage_id in worded
                    hit = Hit(passage, score, worded=holds)
                    yield hit, stories.get(passage.article.id, passage.article.id)

    def _live(
        self,
        search: Search,
        depth: int,
        where: Filter,
        passing: Callable[[], _Ids],
        live: dict[int, bool],
    ) -> Ranking:
        """The best `depth` that are live and pass the filter.

        Asks for more until there are enough or the ranking ends: deleted passages and those
        that the filter shuts out are found out by the store; an index need not know. Where that
        takes too many, the filter is narrow, and only what passes it is searched: `passing` gives
        the ids. What the store says of an id goes into `live`.
        """
        wanted, among = depth, None
        while True:
            ranked = search(wanted, among)
            new = [passage_id for passage_id, _ in ranked if passage_id not in live]
            found = self._store.live(new, where)
            live.update({passage_id: passage_id in found for passage_id in new})
            hits = [hit for hit in ranked if live[hit[0]]]
            ended = len(ranked) < wanted
            if len(hits) >= depth or ended:
                cut = not ended or len(hits) > depth
                return Ranking(hits[:depth], rest=hits[depth - 1][1] if cut else 0.0)
            wanted *= 4
            if among is None and wanted > _NARROW * depth and where != EVERYTHING:
                wanted, among = depth, passing()
