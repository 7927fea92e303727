"""The index on Milvus, for what one machine does not hold and several machines share.

The store stays the truth: the server holds what is derived from it, and how far it has come with
it. Whoever asks first brings it up to the store. What was deleted is found out by asking the store
about the hits, and taken off the server once it is much.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from embeddings.encoder import Vectors
from rag.errors import UnavailableError
from rag.index import EmbeddedIndex, IndexState, Ranked, is_much
from rag.lexical import CANDIDATES, with_articles
from rag.milvus_generations import alias_of, build, catch_up, tidy, what_is_wrong
from rag.milvus_server import GoneError, MilvusGeneration, MilvusServer
from rag.passage_store import EVERYTHING, Filter
from rag.store import Store
from rag.wordings import bag_of_terms, terms_of

logger = logging.getLogger("dateline")

T = TypeVar("T")

_CATCHING_UP = "milvus.lock"
_ATTEMPTS = 3


class MilvusIndex:
    """Nearest passages by vector and by word, on a server or in a file of milvus-lite.

    A server before Milvus 2.5 ranks by vector only; the words are then searched in this process.
    What a mistyped word may have been meant for is not searched: no server lists its words.
    """

    def __init__(self, uri: str, folder: Path, store: Store, dimension: int) -> None:
        """Brings the server up to the store; one that does not answer is asked again later.

        `folder` is for a lock, and for the words where the server has none. Raises InputError for
        a URI that is none, and CollectionError without pymilvus.
        """
        self._server = MilvusServer(uri)
        self._folder = folder
        self._store = store
        self._dimension = dimension
        self._alias = alias_of(store)
        self._refreshing = threading.Lock()
        self._generation: MilvusGeneration | None = None
        self._local: EmbeddedIndex | None = None
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self.refresh()
        except UnavailableError as error:
            logger.debug("starting without the index: %s", error)

    def __len__(self) -> int:
        return self._ask(lambda generation: self._server.count(generation.name))

    @property
    def state(self) -> IndexState:
        """How far this process knows the server to have come."""
        seq = 0 if self._generation is None else self._generation.seq
        return IndexState(self._store.seq, seq, seq)

    def dense(
        self,
        vector: Vectors,
        k: int,
        where: Filter = EVERYTHING,
        among: NDArray[np.int64] | None = None,
    ) -> Ranked:
        """The k passages nearest to a unit vector (dimension,) that pass the filter."""
        if k == 0:
            return []
        return self._ask(lambda generation: self._server.nearest(generation.name, vector, k, where))

    def lexical(
        self,
        query: str,
        k: int,
        where: Filter = EVERYTHING,
        among: NDArray[np.int64] | None = None,
    ) -> Ranked:
        """The k passages that match the query's words best and pass the filter.

        Scored as by `LexicalIndex.search`, but that each other way to write a word is one more
        word to the server.
        """
        terms = bag_of_terms(query)
        if k == 0 or not terms:
            return []
        depth = max(k, CANDIDATES)

        def search(generation: MilvusGeneration) -> Ranked:
            if self._local is not None:
                return self._local.lexical(query, k, where, among)
            articles = self._server.matching(generation.articles, terms, depth, where)
            passages = self._server.matching(generation.name, terms, depth, where)
            return with_articles(passages, articles)[:k]

        return self._ask(search)

    def holds(self, word: str) -> bool:
        """Whether some passage has the word, in any of its endings."""

        def search(generation: MilvusGeneration) -> bool:
            if self._local is not None:
                return self._local.holds(word)
            return all(
                self._server.matching(generation.articles, [term], 1, EVERYTHING)
                for term in terms_of(word)
            )

        return self._ask(search)

    def check(self) -> None:
        """Search for something. A server that was lost is taken into use again by that."""
        somewhere = np.zeros(self._dimension, dtype=np.float32)
        somewhere[0] = 1.0
        self.dense(somewhere, 1)

    def refresh(self) -> None:
        """Make everything searchable that was committed so far, by whatever process.

        A look at the store's sequence number where nothing was written since the last time.
        """
        with self._refreshing:
            known = self._generation
            if known is None or known.seq < self._store.seq:
                self._generation = self._caught_up(known)
            if self._local is not None:
                self._local.refresh()

    def compact(self, wait: bool = False) -> None:
        """Take off the server what was deleted in the store, once it is much."""

        def take_off(generation: MilvusGeneration) -> None:
            _, live = self._store.counts()
            if is_much(self._server.count(generation.name) - live, live):
                tidy(self._server, self._store, generation)

        try:
            self._ask(take_off)
        except UnavailableError as error:
            logger.warning("what was deleted stays on the server for now: %s", error)
        if self._local is not None:
            self._local.compact(wait)

    # --- inside

    def _ask(self, question: Callable[[MilvusGeneration], T]) -> T:
        """What the generation in use answers; another process may be replacing it."""
        for _ in range(_ATTEMPTS):
            generation = self._generation
            if generation is None:
                self.refresh()
                continue
            try:
                return question(generation)
            except GoneError:
                with self._refreshing:
                    if self._generation is generation:
                        self._generation = None
        raise _replaced()

    def _caught_up(self, known: MilvusGeneration | None) -> MilvusGeneration:
        """The generation in use, up to the store; a missing or wrong one is built."""
        if self._local is None and not self._server.ranks_by_words():
            logger.warning("this Milvus is older than 2.5: words are searched in this process")
            self._local = EmbeddedIndex(self._folder, self._store, self._dimension)
        for _ in range(_ATTEMPTS):
            try:
                # Other processes of this machine wait, and find that there is nothing left to do.
                with FileLock(self._folder / _CATCHING_UP):
                    generation = self._usable(known) or build(
                        self._server, self._store, self._dimension
                    )
                    if generation.seq < self._store.seq:
                        generation = catch_up(
                            self._server, self._store, self._dimension, generation
                        )
                self._server.count(generation.name)  # until searches see it all
            except GoneError:
                known = None
                continue
            return generation
        raise _replaced()

    def _usable(self, known: MilvusGeneration | None) -> MilvusGeneration | None:
        """The generation that is in use on the server; None if there is none that can serve."""
        generation = self._server.current(self._alias)
        if generation is None or (known is not None and known.name == generation.name):
            return generation
        wrong = what_is_wrong(self._server, self._store, self._dimension, generation)
        if wrong is None:
            return generation
        logger.warning("the index is damaged (%s): building it again", wrong)
        return None


def problems(uri: str, store: Store) -> Iterator[str]:
    """What is wrong with the index on Milvus. UnavailableError if it does not answer."""
    server = MilvusServer(uri)
    generation = server.current(alias_of(store))
    if generation is None or store.dimension is None:
        return
    wrong = what_is_wrong(server, store, store.dimension, generation)
    if wrong is not None:
        yield wrong
        return
    missing = np.setdiff1d(store.passage_ids(generation.seq), server.ids(generation.name))
    if len(missing):
        yield f"{len(missing)} passages of the store are not in it"


def rebuild(uri: str, store: Store) -> None:
    """Leave nothing of the collection on the server but a new generation of what the store holds.

    Raises UnavailableError.
    """
    server = MilvusServer(uri)
    if store.dimension is None:
        server.drop_all(f"{alias_of(store)}_")
    else:
        build(server, store, store.dimension)


def _replaced() -> UnavailableError:
    return UnavailableError(
        "the index on Milvus is replaced again and again: ask again later", retry_after=5
    )
