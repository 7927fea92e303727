"""Articles in: each under an id of its own, embedded unless it is stored already, and committed."""

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from embeddings.encoder import Encoder
from rag.embedding import batches, embed, nameless, renamed
from rag.errors import UnavailableError
from rag.index import PassageIndex
from rag.store import Embedded, Store
from rag.types import Article, Ingested, Skipped

logger = logging.getLogger("dateline")


@dataclass(frozen=True)
class _Settled:
    """What becomes of a batch: its fates, what to write, and the stored articles that decided."""

    fates: list[Ingested | Skipped]
    changed: list[Article]
    seen: dict[str, Article]


class Intake:
    """What puts articles into one store, and has its index follow; `embedder` may be changed."""

    def __init__(self, store: Store, index: PassageIndex, embedder: Encoder) -> None:
        self.embedder = embedder
        self._store = store
        self._index = index
        self._adding = threading.Lock()
        self._tidies = True

    def add(self, articles: Iterable[Article | Embedded | Skipped]) -> Iterator[Ingested | Skipped]:
        """Add articles; yields the fate of each once it is committed and searchable."""
        for batch in batches(articles):
            yield from self.add_batch(batch)
        self._take_in()

    def add_batch(self, batch: Sequence[Article | Embedded | Skipped]) -> list[Ingested | Skipped]:
        """Add articles, all in one commit; the next question finds them. The fate of each."""
        given = {nameless(item.article): item for item in batch if isinstance(item, Embedded)}
        plain = [item.article if isinstance(item, Embedded) else item for item in batch]
        with self._adding:
            while True:
                settled = self._settle(plain)
                if self._store.put(self._embed(settled.changed, given), settled.seen):
                    return settled.fates
                # Another process wrote one of these articles meanwhile: look at them again.

    def _embed(
        self, articles: Sequence[Article], given: Mapping[Article, Embedded]
    ) -> list[Embedded]:
        """The articles with their vectors; those `given` in their nameless form with the same."""
        lacking = [article for article in articles if nameless(article) not in given]
        fresh = {one.article.id: one for one in embed(self.embedder, lacking)} if lacking else {}
        return [fresh.get(a.id) or renamed(given[nameless(a)], a) for a in articles]

    def _settle(self, batch: Sequence[Article | Skipped]) -> _Settled:
        """What is to be written of a batch, after a look at what is stored."""
        ids = [item.id for item in batch if isinstance(item, Article)]
        seen = {article.id: article for article in self._store.get_many(ids)}
        known = dict(seen)
        fates: list[Ingested | Skipped] = []
        changed: dict[str, Article] = {}
        for item in batch:
            if isinstance(item, Skipped):
                fates.append(item)
                continue
            article = self._settle_id(item, seen, known)
            old = known.get(article.id)
            if old is None:
                fates.append(Ingested(article.id, "added", article.language))
            elif replace(article, origin=old.origin) == old:
                fates.append(Ingested(article.id, "unchanged", article.language))
                continue
            else:
                fates.append(Ingested(article.id, "updated", article.language))
            known[article.id] = changed[article.id] = article
        given_here = [article_id for article_id in changed if article_id not in ids]
        seen |= {article.id: article for article in self._store.get_many(given_here)}
        return _Settled(fates, list(changed.values()), seen)

    def _settle_id(
        self, article: Article, seen: dict[str, Article], known: dict[str, Article]
    ) -> Article:
        """The article under an id of its own: two files of one name are two articles.

        What it needs of the store it looks up into `seen` and, unless the batch has changed it,
        into `known`.
        """
        if article.origin is None:
            return article
        before = self._store.find_origin(article.origin)
        if before is not None:
            seen.setdefault(before.id, before)
            known.setdefault(before.id, before)
            return replace(article, id=before.id)
        holder = known.get(article.id)
        if holder is None or holder.origin is None or holder.sha256 == article.sha256:
            return article
        own = f"{article.id}-{hashlib.sha256(article.origin.encode()).hexdigest()[:8]}"
        return replace(article, id=own)

    def delete(self, article_id: str) -> None:
        """Remove an article; NotFoundError if there is none."""
        self._store.delete(article_id)
        self._take_in()

    @contextmanager
    def tidied_behind(self) -> Iterator[Callable[[], None]]:
        """What tidies the index up if that is due: nothing else here does it meanwhile."""
        self._tidies = False
        try:
            yield self._index.compact
        finally:
            self._tidies = True

    def _take_in(self) -> None:
        """Have the index follow what was written; it is stored and stays, whatever happens here."""
        if self._tidies:
            self._index.compact()
        try:
            self._index.refresh()
        except UnavailableError as error:
            logger.warning("stored; the next question that can be answered finds it. %s", error)
