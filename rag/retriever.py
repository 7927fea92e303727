"""Passages for a question: dense and lexical rankings, fused."""

from collections.abc import Callable, Sequence

from embeddings.encoder import Encoder
from rag.index import EmbeddedIndex, Ranked
from rag.store import Filter, Store
from rag.types import Hit, Passage

RRF_K = 60
"""Damping of the top ranks in reciprocal rank fusion, as published."""
_DEPTH = 50

Search = Callable[[int], Ranked]
"""The k best of one ranking, for any k."""


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]]) -> Ranked:
    """(id, sum of 1 / (60 + rank)) over all rankings, best first.

    Cormack, Clarke and Büttcher (2009), "Reciprocal rank fusion outperforms Condorcet".
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, passage_id in enumerate(ranking, start=1):
            scores[passage_id] = scores.get(passage_id, 0.0) + 1.0 / (RRF_K + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


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
        known: dict[int, Passage] = {}
        rankings = [
            self._live(lambda n: self._index.dense(vector, n), depth, where, known),
            self._live(lambda n: self._index.lexical(question, n), depth, where, known),
        ]
        fused = reciprocal_rank_fusion(rankings)[:k]
        return [Hit(known[passage_id], score) for passage_id, score in fused]

    def _live(
        self, search: Search, depth: int, where: Filter, known: dict[int, Passage]
    ) -> list[int]:
        """The best `depth` ids that are live and pass the filter; their passages into `known`.

        Asks for more until there are enough or the ranking ends: deleted passages and those
        that the filter shuts out are found out by the store, not by the index.
        """
        wanted = depth
        seen = 0
        live: list[int] = []
        while True:
            ranked = [passage_id for passage_id, _ in search(wanted)]
            passages = self._store.live_passages(ranked[seen:], where)
            known.update(passages)
            live += [passage_id for passage_id in ranked[seen:] if passage_id in passages]
            if len(live) >= depth or len(ranked) < wanted:
                return live[:depth]
            seen = len(ranked)
            wanted *= 4
