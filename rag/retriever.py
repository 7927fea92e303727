"""Passages for a question: dense and lexical rankings, fused."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embeddings.encoder import Encoder
from rag.index import EmbeddedIndex, Ranked
from rag.store import Filter, Store
from rag.types import Hit, Passage

_DEPTH = 50

Search = Callable[[int], Ranked]
"""The k best of one ranking, for any k."""


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


class Retriever:
    """Finds passages in one collection. Holds no state of its own."""

    def __init__(self, store: Store, index: EmbeddedIndex, encoder: Encoder) -> None:
        self._store = store
        self._index = index
        self._encoder = encoder

    def retrieve(self, question: str, k: int, where: Filter) -> list[Hit]:
        """At most k passages that exist now and pass the filter, best first."""
        vector = self._encoder.encode_query(question)
        depth = max(_DEPTH, k)
        looked_up: dict[int, Passage | None] = {}
        rankings = [
            self._live(lambda n: self._index.dense(vector, n), depth, where, looked_up),
            self._live(lambda n: self._index.lexical(question, n), depth, where, looked_up),
        ]
        hits = ((looked_up[passage_id], score) for passage_id, score in fuse(rankings)[:k])
        return [Hit(passage, score) for passage, score in hits if passage is not None]

    def _live(
        self, search: Search, depth: int, where: Filter, looked_up: dict[int, Passage | None]
    ) -> Ranking:
        """The best `depth` that are live and pass the filter.

        Asks for more until there are enough or the ranking ends: deleted passages and those
        that the filter shuts out are found out by the store, not by the index. What it says of
        an id goes into `looked_up`, None for one that is out.
        """
        wanted = depth
        while True:
            ranked = search(wanted)
            new = [passage_id for passage_id, _ in ranked if passage_id not in looked_up]
            passages = self._store.live_passages(new, where)
            looked_up.update({passage_id: passages.get(passage_id) for passage_id in new})
            live = [hit for hit in ranked if looked_up[hit[0]] is not None]
            ended = len(ranked) < wanted
            if len(live) >= depth or ended:
                cut = not ended or len(live) > depth
                return Ranking(live[:depth], rest=live[depth - 1][1] if cut else 0.0)
            wanted *= 4
