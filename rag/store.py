"""The source of truth: articles, passages and vectors in one database, SQLite's or PostgreSQL's.

Everything else in a data folder is derived from it and can be rebuilt without a model. Every
write raises the sequence number by one in its own transaction; ids are never used again.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from rag import contents, feedback, overview, passage_store, story_store
from rag import database as tables
from rag import keys as key_store
from rag.backends import backend_of
from rag.collection import INDEX, create_collection, open_collection
from rag.errors import CorruptError, ModelMismatchError, NotFoundError
from rag.feedback import Judgement
from rag.jobs import Jobs
from rag.keys import Key, Scope
from rag.passage_store import EVERYTHING, Filter, StoredPassage
from rag.stories import fullest_first
from rag.types import Article, Passage


@dataclass(frozen=True)
class Embedded:
    """An article with its passages, in order, and their unit vectors (len(passages), dim)."""

    article: Article
    passages: tuple[Passage, ...]
    vectors: NDArray[np.float32]


class Store:
    """The articles of one collection.

    Safe to use from several threads and processes: writers wait for each other, readers see
    the last committed state.
    """

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._backend = backend_of(engine)

    @classmethod
    def create(cls, folder: Path, encoder: str, url: str | None = None) -> Self:
        """Open the collection in `folder`, or in the PostgreSQL database of a URL, made now if it
        is empty or missing.

        Raises CollectionError for a folder with other things in it and ModelMismatchError for
        a collection built with another encoder.
        """
        create_collection(folder, encoder, url)
        store = cls.open(folder, url)
        try:
            store.check_encoder(encoder)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def open(cls, folder: Path, url: str | None = None) -> Self:
        """The collection in `folder`, or in the PostgreSQL database of a URL, brought to the
        present schema.

        Raises CollectionError if there is none, and CorruptError if it cannot be read.
        """
        return cls(open_collection(folder, url), folder)

    def close(self) -> None:
        """Give the connections back; the store is not to be used afterwards."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what the collection is

    def check_encoder(self, encoder: str, dimension: int | None = None) -> None:
        """Raise ModelMismatchError unless the collection was built with this encoder, and its
        vectors have this dimension."""
        mend = "set DATELINE_ENCODER back, or run 'dateline ingest PATH' with a new --data-dir"
        if self.encoder != encoder:
            raise ModelMismatchError(
                f"the collection was built with encoder '{self.encoder}', the encoder is now "
                f"'{encoder}': {mend}"
            )
        if dimension is not None and self.dimension not in (None, dimension):
            raise ModelMismatchError(
                f"the collection was built with vectors of {self.dimension} dimensions, encoder "
                f"'{encoder}' now gives {dimension}: {mend}"
            )

    @property
    def encoder(self) -> str:
        """Name of the encoder whose vectors the collection holds."""
        return self._read_meta("encoder")

    @property
    def dimension(self) -> int | None:
        """Length of the vectors; None while there are none."""
        with self._reading() as connection:
            return passage_store.dimension(connection)

    @property
    def collection(self) -> str:
        """Random id given when the collection was made; another after it was restored."""
        with self._reading() as connection:
            return self._meta(connection, "collection") + self._backend.incarnation(connection)

    @property
    def seq(self) -> int:
        """Number of the last committed write."""
        return int(self._read_meta("seq"))

    def counts(self) -> tuple[int, int]:
        """(articles, passages)."""
        with self._reading() as connection:
            articles = connection.scalar(sa.select(sa.func.count()).select_from(tables.articles))
            passages = connection.scalar(sa.select(sa.func.count()).select_from(tables.passages))
        return int(articles or 0), int(passages or 0)

    @property
    def jobs(self) -> Jobs:
        """The ingests that are to go on whatever becomes of this process."""
        return Jobs(self._engine)

    def overview(self) -> overview.Overview:
        """The collection in numbers."""
        with self._engine.connect() as connection:
            return overview.read(connection, self._folder / INDEX)

    # --- articles

    def get(self, article_id: str) -> Article:
        """The article; NotFoundError if there is none."""
        found = self.get_many([article_id])
        if not found:
            raise NotFoundError(_no_article(article_id))
        return found[0]

    def get_many(self, ids: Sequence[str]) -> list[Article]:
        """The articles with these ids that exist, in no order."""
        with self._reading() as connection:
            return self._read(connection, ids, EVERYTHING)

    def find(self, names: Sequence[str]) -> list[Article]:
        """The articles whose id or whose file's stem is among `names`."""
        with self._reading() as connection:
            rows = [
                row
                for some in tables.portions(list(names))
                for row in connection.execute(
                    sa.select(tables.articles).where(
                        tables.articles.c.id.in_(some) | tables.articles.c.stem.in_(some)
                    )
                )
            ]
        return list({row.id: tables.row_article(row) for row in rows}.values())

    def find_origin(self, origin: str) -> Article | None:
        """The article that came from the file `origin`."""
        with self._reading() as connection:
            row = connection.execute(
                sa.select(tables.articles).where(tables.articles.c.origin == origin)
            ).first()
        return None if row is None else tables.row_article(row)

    def page(self, limit: int = 50, offset: int = 0) -> list[Article]:
        """Articles, newest first (undated ones last)."""
        order = (tables.articles.c.published.desc().nulls_last(), tables.articles.c.id)
        with self._reading() as connection:
            rows = connection.execute(
                sa.select(tables.articles).order_by(*order).limit(limit).offset(offset)
            )
            return [tables.row_article(row) for row in rows]

    def ids(self, prefix: str, limit: int = 100) -> list[str]:
        """The first ids, in their order, that begin with `prefix`."""
        ids = tables.articles.c.id
        with self._engine.connect() as connection:
            found = connection.scalars(
                sa.select(ids)
                .where(ids >= prefix, ids < prefix + chr(sys.maxunicode))
                .order_by(ids)
                .limit(limit)
            )
            return list(found)

    def content_hashes(self) -> NDArray[np.uint64]:
        """`rag.contents.content_hash` of each article, ascending."""
        with self._reading() as connection:
            return contents.read(connection)

    def put(self, items: Sequence[Embedded], seen: Mapping[str, Article] | None = None) -> bool:
        """Write articles, each in place of the one with its id, in one transaction.

        With `seen`, the articles by id as they were when it was decided what to write: False,
        and nothing written, if another process has changed one of them since.
        """
        if not items:
            return True
        with self._write() as connection:
            ids = [item.article.id for item in items]
            if seen is not None:
                stored = {a.id: a for a in self._read(connection, ids, EVERYTHING)}
                if any(stored.get(i) != seen.get(i) for i in ids):
                    return False
            seq = self._next_seq(connection)
            self._remove(connection, ids)
            for item in items:
                connection.execute(
                    sa.insert(tables.articles).values(tables.article_row(item.article, seq))
                )
                passage_store.add(connection, item.passages, item.vectors, seq)
            story_store.add(connection, [item.article for item in items])
        return True

    def delete(self, article_id: str) -> None:
        """Remove an article, its passages and vectors; NotFoundError if there is none."""
        with self._write() as connection:
            known = sa.select(tables.articles.c.id).where(tables.articles.c.id == article_id)
            if connection.scalar(known) is None:
                raise NotFoundError(_no_article(article_id))
            self._next_seq(connection)
            self._remove(connection, [article_id])
            feedback.forget(connection, article_id)

    def sources(self) -> dict[str, int]:
        """Outlet -> how many articles it has, those with most first. One spelling each."""
        name, number = tables.articles.c.source, sa.func.count()
        key = tables.articles.c.source_key
        query = sa.select(sa.func.min(name), number).where(key.is_not(None)).group_by(key)
        query = query.order_by(number.desc(), key)
        with self._engine.connect() as connection:
            return dict(connection.execute(query).all())

    # --- feedback

    def judge(self, judgement: Judgement) -> None:
        """Keep what a reader said of an answer; of two such judgements the later counts."""
        with self._write() as connection:
            feedback.add(connection, judgement)

    def judgements(self) -> list[Judgement]:
        """What readers said, by question and answer."""
        with self._engine.connect() as connection:
            return feedback.read(connection)

    # --- keys

    def create_key(self, name: str, scope: Scope) -> str:
        """A new API key, which cannot be had again. InputError if the name cannot be used."""
        with self._write() as connection:
            return key_store.create(connection, name, scope)

    def keys(self) -> list[Key]:
        """The API keys, by name."""
        with self._engine.connect() as connection:
            return key_store.read(connection)

    def written(self) -> int | None:
        """When the database was last written, by any process: nanoseconds, a file's clock. None
        where telling would take as long as looking."""
        return self._backend.written(self._engine)

    def revoke_key(self, name: str) -> None:
        """Forget a key; it opens nothing from now on. NotFoundError if there is none."""
        with self._write() as connection:
            key_store.revoke(connection, name)

    # --- stories

    def story_ids(self, ids: Iterable[str]) -> dict[str, str]:
        """Article id -> what names its story; only articles that exist."""
        with self._reading() as connection:
            told = story_store.members(connection, ids)
        return {article_id: min(story) for article_id, story in told.items()}

    def stories(
        self, ids: Iterable[str], where: Filter = EVERYTHING
    ) -> dict[str, tuple[Article, ...]]:
        """Article id -> the articles of its story that pass the filter, the fullest first."""
        with self._reading() as connection:
            told = story_store.members(connection, ids)
            articles = self._read(connection, {i for s in told.values() for i in s}, where)
        return _with_articles(told, articles)

    def stories_page(self, limit: int = 50, offset: int = 0) -> list[tuple[Article, ...]]:
        """The stories of more than one article, newest first, each the fullest telling first."""
        with self._reading() as connection:
            told = {story[0]: story for story in story_store.page(connection, limit, offset)}
            articles = self._read(connection, {i for s in told.values() for i in s}, EVERYTHING)
        return list(_with_articles(told, articles).values())

    def count_stories(self) -> int:
        """How many stories more than one article tells."""
        with self._reading() as connection:
            return story_store.count(connection)

    # --- passages

    def live(self, ids: Sequence[int], where: Filter) -> set[int]:
        """Those of the ids whose passages still exist and pass the filter."""
        with self._reading() as connection:
            return passage_store.live(connection, ids, where)

    def passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """Those of the passages that still exist, each with its article, by id."""
        with self._reading() as connection:
            return passage_store.read(connection, ids)

    def passage_ids(self, up_to_seq: int) -> NDArray[np.int64]:
        """Ids of the live passages written at or before a sequence number, ascending."""
        with self._reading() as connection:
            return passage_store.ids(connection, up_to_seq)

    def passages_passing(self, where: Filter) -> NDArray[np.int64]:
        """Ids of the live passages that pass the filter, ascending."""
        with self._reading() as connection:
            return passage_store.passing(connection, where)

    def vectors(self, ids: Sequence[int]) -> tuple[list[int], NDArray[np.float32]]:
        """(the ids of those of the passages that still exist, their vectors (n, dim))."""
        with self._reading() as connection:
            return passage_store.vectors(connection, ids)

    def count_passages(self, after_seq: int) -> int:
        """How many live passages were written after a sequence number."""
        with self._reading() as connection:
            return passage_store.count(connection, after_seq)

    def passages_after(
        self, seq: int, up_to_seq: int | None = None
    ) -> Iterator[list[StoredPassage]]:
        """The live passages written after one sequence number and up to another, in portions.

        Those of an article follow one another, though perhaps into the next portion. Each
        portion is a read of its own, so that no writer waits for all of them; what is deleted
        meanwhile may be missing.
        """
        with self._reading() as connection:
            first, last = passage_store.bounds(connection, seq, up_to_seq)
        while first <= last:
            with self._reading() as connection:
                portion = passage_store.between(connection, first, last)
            if not portion:
                return
            yield portion
            first = portion[-1].id + 1

    # --- inside

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except (ValueError, TypeError) as error:  # a damaged date, list or number
            shown = self._backend.name(self._engine.url)
            raise CorruptError(
                f"{shown} holds a damaged value ({error}): run 'dateline doctor --repair'"
            ) from error

    def _write(self) -> AbstractContextManager[sa.Connection]:
        return self._engine.execution_options(write=True).begin()

    def _meta(self, connection: sa.Connection, key: str) -> str:
        return str(
            connection.execute(
                sa.select(tables.meta.c.value).where(tables.meta.c.key == key)
            ).scalar_one()
        )

    def _read_meta(self, key: str) -> str:
        with self._reading() as connection:
            return self._meta(connection, key)

    def _read(self, connection: sa.Connection, ids: Iterable[str], where: Filter) -> list[Article]:
        query = sa.select(tables.articles).where(where.condition)
        return [
            tables.row_article(row)
            for some in tables.portions(list(ids))
            for row in connection.execute(query.where(tables.articles.c.id.in_(some)))
        ]

    def _next_seq(self, connection: sa.Connection) -> int:
        seq = int(self._meta(connection, "seq")) + 1
        connection.execute(
            sa.update(tables.meta).where(tables.meta.c.key == "seq").values(value=str(seq))
        )
        return seq

    def _remove(self, connection: sa.Connection, ids: list[str]) -> None:
        story_store.remove(connection, ids)
        passage_store.remove(connection, ids)
        for some in tables.portions(ids):
            connection.execute(sa.delete(tables.articles).where(tables.articles.c.id.in_(some)))


def _no_article(article_id: str) -> str:
    return f"no article '{article_id}': 'dateline articles list' shows the ids"


def _with_articles(
    told: Mapping[str, Sequence[str]], articles: Sequence[Article]
) -> dict[str, tuple[Article, ...]]:
    """The stories with what was found of their articles; without those of which nothing was."""
    found = {article.id: article for article in articles}
    stories = {
        one: fullest_first(found[other] for other in story if other in found)
        for one, story in told.items()
    }
    return {one: story for one, story in stories.items() if story}
