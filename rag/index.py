"""The searchable form of a collection: FAISS and tantivy files derived from the store.

A search sees a generation on disk (passages up to its sequence number) and, in memory, the delta
of what was written after it. What was deleted is found out by asking the store about the hits.
Whoever writes also builds the generations; every process takes over the newest one.

`PassageIndex` says what every index does; the other one is on Milvus (rag/milvus.py).
"""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from embeddings.encoder import Vectors
from embeddings.index import EXACT_UP_TO, VectorIndex
from rag import generations
from rag.errors import CorruptError
from rag.generations import Generation, Part
from rag.passage_store import EVERYTHING, Filter
from rag.store import Store

logger = logging.getLogger("dateline")

Ranked = list[tuple[int, float]]
"""(passage id, score), best first."""

KEPT_GENERATIONS = 2
_FEW_CHANGES = 500
_CHANGED_SHARE = 0.1
_ESTIMATES = 2
"""Passages of which the cosine is taken for each that is wanted, where FAISS only estimates."""


def is_much(changes: int, live: int) -> bool:
    """Whether so many written or deleted passages are worth tidying up an index for."""
    # What was written is searched exactly until then, so it is not to outgrow that.
    return changes > max(_FEW_CHANGES, min(live * _CHANGED_SHARE, EXACT_UP_TO))


@dataclass(frozen=True)
class _Snapshot:
    """What one search looks at: a generation and what came after, up to a sequence number."""

    generation: Generation
    delta: Part
    seq: int

    @property
    def parts(self) -> tuple[Part, Part]:
        return self.generation.part, self.delta


@dataclass(frozen=True)
class IndexState:
    """Sequence numbers of the store's last write, of the last one searched, and of the last one in
    the generation on disk."""

    store_seq: int
    seq: int
    generation_seq: int

    @property
    def lag(self) -> int:
        """Writes that the next search has yet to take in."""
        return max(0, self.store_seq - self.seq)


class PassageIndex(Protocol):
    """Nearest passages by vector and by word.

    Derived from a store: it may find passages that were deleted there, and what was written since
    `refresh` it does not find yet. Safe to use from several threads. What asks another machine
    raises UnavailableError when that does not answer, and goes on once it does.
    """

    def __len__(self) -> int:
        """How many passages it holds, deleted ones among them."""

    @property
    def state(self) -> IndexState:
        """How far the index has come."""

    def dense(
        self,
        vector: Vectors,
        k: int,
        where: Filter = EVERYTHING,
        among: NDArray[np.int64] | None = None,
    ) -> Ranked:
        """The k passages nearest to a unit vector (dimension,), with their cosine.

        Those that the filter shuts out may be among them: an index need not know what it asks.
        One that does not is told all that pass a narrow filter, and searches `among` these ids.
        """

    def lexical(
        self,
        query: str,
        k: int,
        where: Filter = EVERYTHING,
        among: NDArray[np.int64] | None = None,
    ) -> Ranked:
        """The k passages that match the query's words best, as in `dense`. No score is below 0."""

    def holds(self, word: str) -> bool:
        """Whether some passage has the word, in any of its endings."""

    def check(self) -> None:
        """Raise what keeps it from being searched now. Takes one small search, or what that waits
        for, as for the first generation to be built."""

    def refresh(self) -> None:
        """Make everything searchable that was committed so far, by whatever process."""

    def compact(self, wait: bool = False) -> None:
        """Tidy up if much was written or deleted since the last time; what prevents it is logged.

        With `wait`, also if another process is at it.
        """


def open_index(
    folder: Path, store: Store, dimension: int, milvus_uri: str | None = None
) -> PassageIndex:
    """The index of a collection: in `folder`, or on Milvus where there is a URI.

    Raises InputError for a URI that is none, and CollectionError without pymilvus.
    """
    if milvus_uri is None:
        return EmbeddedIndex(folder, store, dimension)
    from rag.milvus import MilvusIndex

    return MilvusIndex(milvus_uri, folder, store, dimension)


class EmbeddedIndex:
    """Nearest passages by vector and by word, in this process.

    Safe to use from several threads, and on one folder from several processes.
    """

    def __init__(self, folder: Path, store: Store, dimension: int) -> None:
        """Loads the current generation; a missing or damaged one is built again."""
        self._folder = folder
        self._store = store
        self._dimension = dimension
        self._publishing = threading.Lock()
        self._adopting = threading.Lock()
        self._refused: str | None = None
        nothing = Generation(Part.in_memory(dimension), seq=0, named=None)
        self._snapshot = _Snapshot(nothing, Part.in_memory(dimension), seq=0)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._adopt()
        self.compact(wait=True)
        self.refresh()

    def __len__(self) -> int:
        return sum(len(part.vectors) for part in self._snapshot.parts)

    @property
    def state(self) -> IndexState:
        """How far the index has come."""
        snapshot = self._snapshot
        return IndexState(self._store.seq, snapshot.seq, snapshot.generation.seq)

    def dense(
        self,
        vector: Vectors,
        k: int,
        where: Filter = EVERYTHING,
        among: NDArray[np.int64] | None = None,
    ) -> Ranked:
        """The k passages nearest to a unit vector (dimension,), or of those `among` these.

        Whatever the filter says, and deleted ones too.
        """
        parts = self._snapshot.parts
        return _best([self._nearest(part.vectors, vector, k, among) for part in parts], k)

    def _nearest(
        self, vectors: VectorIndex, vector: Vectors, k: int, among: NDArray[np.int64] | None
    ) -> Ranked:
        if vectors.exact:
            return vectors.search(vector, k, among)
        estimates = dict(vectors.search(vector, _ESTIMATES * k, among))
        ids, stored = self._store.vectors(list(estimates))
        # A deleted passage is left with its estimate.
        cosines = zip(ids, (stored @ vector).tolist(), strict=True) if ids else ()
        return _best([list((estimates | dict(cosines)).items())], k)

    def lexical(
        self,
        query: str,
        k: int,
        where: Filter = EVERYTHING,
        among: NDArray[np.int64] | None = None,
    ) -> Ranked:
        """The k passages that match the query's words best, or of those `among` these.

        `among` are whole articles by their passages' ids. Whatever the filter says, and deleted
        ones too.
        """
        parts = [part.lexical for part in self._snapshot.parts if len(part.vectors)]

        def holds(word: str) -> bool:
            return any(lexical.holds(word) for lexical in parts)

        ids = None if among is None else among.tolist()
        return _best([lexical.search(query, k, holds, ids) for lexical in parts], k)

    def holds(self, word: str) -> bool:
        """Whether some passage has the word, in any of its endings."""
        return any(part.lexical.holds(word) for part in self._snapshot.parts)

    def check(self) -> None:
        """Nothing keeps it from being searched: it is in this process."""

    def refresh(self) -> None:
        """Make everything searchable that was committed so far, by whatever process.

        A look at the sequence number and at CURRENT where nothing has changed.
        """
        self._adopt()
        self._catch_up()

    def compact(self, wait: bool = False) -> None:
        """Write a new generation if much was written or deleted since the last one.

        Searches go on meanwhile. Where another process is writing one, that is enough; with
        `wait`, it is waited for. What cannot be written for want of room stays in the delta.
        """
        if not self._is_due():
            return
        try:
            with generations.build_lock(self._folder, timeout=-1 if wait else 0):
                self._adopt()  # another process's, written while we waited
                if self._is_due():
                    self._build()
        except Timeout:
            return
        except (OSError, ValueError) as error:
            logger.warning("no new index could be written (%s): going on with the old one", error)

    def _build(self) -> None:
        self._catch_up(generations.write(self._folder, self._store, self._dimension))
        generations.remove(generations.leftovers(self._folder, KEPT_GENERATIONS))

    def _is_due(self) -> bool:
        generation = self._snapshot.generation
        _, live = self._store.counts()
        written = self._store.count_passages(generation.seq)
        deleted = len(generation.part.vectors) - (live - written)
        return is_much(written + deleted, live)

    def _adopt(self) -> None:
        """Go over to the generation that CURRENT names, if it is another.

        One thread loads it; the others search what they have meanwhile.
        """
        if not self._adopting.acquire(blocking=False):
            return
        try:
            while (named := generations.current(self._folder)) is not None:
                if named in (self._snapshot.generation.named, self._refused):
                    return
                try:
                    found = generations.load(self._folder, named, self._store, self._dimension)
                except CorruptError as error:
                    if generations.current(self._folder) != named:
                        continue  # replaced and removed while we were reading it
                    self._refused = named
                    logger.warning("the index is damaged (%s): building it again", error)
                    return
                self._catch_up(found)
        finally:
            self._adopting.release()

    def _catch_up(self, generation: Generation | None = None) -> None:
        """Search what the store holds now: with another generation, or the one there is."""
        with self._publishing:
            now = self._snapshot
            seq = self._store.seq
            if generation is not None:
                delta, since = Part.in_memory(self._dimension), generation.seq
            elif seq != now.seq:
                # Searches of the present snapshot go on in its vectors; in its words they may
                # find new passages already, which does no harm.
                delta, since = Part(now.delta.vectors.copy(), now.delta.lexical), now.seq
            else:
                return
            delta.fill(self._store.passages_after(since, seq))
            self._snapshot = _Snapshot(
                now.generation if generation is None else generation, delta, seq
            )


def rebuild(folder: Path, store: Store) -> None:
    """Leave nothing in an index's folder but a new generation of what the store holds.

    Raises OSError, or tantivy's ValueError, if it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with generations.build_lock(folder):
        if store.dimension is None:
            generations.clear(folder)
        else:
            generations.write(folder, store, store.dimension)
            generations.remove(generations.leftovers(folder, keep=1))


def _best(results: list[Ranked], k: int) -> Ranked:
    return sorted((hit for hits in results for hit in hits), key=lambda hit: -hit[1])[:k]
