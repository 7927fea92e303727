"""Passages in the tables of a collection's database.

Every function works within the caller's transaction. Ids rise with the sequence numbers: both
are given by one writer at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from rag import database as tables
from rag.errors import CorruptError
from rag.types import Article, Passage

_PORTION = 1000


@dataclass(frozen=True)
class Filter:
    """Which articles count as evidence. Days are included; None does not restrict."""

    since: date | None = None
    until: date | None = None
    sources: tuple[str, ...] = ()

    @property
    def condition(self) -> sa.ColumnElement[bool]:
        """What the filter asks of a row of `articles`."""
        condition: sa.ColumnElement[bool] = sa.true()
        if self.since is not None:
            condition &= tables.articles.c.published >= self.since
        if self.until is not None:
            condition &= tables.articles.c.published <= self.until
        if self.sources:
            condition &= tables.articles.c.source_key.in_(self.source_keys)
        return condition

    @property
    def source_keys(self) -> list[str]:
        """The sources as `articles.source_key` has them."""
        return [source.casefold() for source in self.sources]


EVERYTHING = Filter()


@dataclass(frozen=True)
class StoredPassage:
    """What an index needs of a passage; `vector` is (dim,) float32, `source_key` what filters ask
    for."""

    id: int
    article_id: str
    title: str
    text: str
    vector: NDArray[np.float32]
    published: date | None
    source_key: str | None
    seq: int


def add(
    connection: sa.Connection,
    passages: Sequence[Passage],
    vectors: NDArray[np.float32],
    seq: int,
) -> None:
    """Write an article's passages and their vectors, (len(passages), dim)."""
    if not passages:
        return
    insert = sa.insert(tables.passages).returning(
        tables.passages.c.id, sort_by_parameter_order=True
    )
    rows = [
        {"article_id": p.article.id, "start": p.start, "end": p.end, "seq": seq} for p in passages
    ]
    ids = connection.scalars(insert, rows).all()
    connection.execute(
        sa.insert(tables.vectors),
        [
            {"passage_id": i, "vector": v.astype("<f4").tobytes()}
            for i, v in zip(ids, vectors, strict=True)
        ],
    )


def remove(connection: sa.Connection, article_ids: Sequence[str]) -> None:
    """Delete the passages of articles, and their vectors."""
    for some in tables.portions(article_ids):
        ids = sa.select(tables.passages.c.id).where(tables.passages.c.article_id.in_(some))
        connection.execute(sa.delete(tables.vectors).where(tables.vectors.c.passage_id.in_(ids)))
        connection.execute(sa.delete(tables.passages).where(tables.passages.c.article_id.in_(some)))


def live(connection: sa.Connection, ids: Sequence[int], where: Filter) -> set[int]:
    """Those of the ids whose passages exist and whose articles pass the filter."""
    query = sa.select(tables.passages.c.id)
    if where != EVERYTHING:
        query = query.join_from(tables.passages, tables.articles).where(where.condition)
    return {
        passage_id
        for some in tables.portions(ids)
        for passage_id in connection.scalars(query.where(tables.passages.c.id.in_(some)))
    }


def read(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Passage]:
    """Those of the passages that exist, each with its article."""
    passages = tables.passages.c
    columns = sa.select(passages.id, passages.article_id, passages.start, passages.end)
    rows = [
        row
        for some in tables.portions(ids)
        for row in connection.execute(columns.where(passages.id.in_(some)))
    ]
    # An article is long and has many passages: it is read once.
    articles: dict[str, Article] = {}
    for some in tables.portions(list({row.article_id for row in rows})):
        found = connection.execute(sa.select(tables.articles).where(tables.articles.c.id.in_(some)))
        articles |= {row.id: tables.row_article(row) for row in found}
    for row in rows:
        if row.article_id not in articles:
            raise CorruptError(
                f"passage {row.id} is of article '{row.article_id}', which is not there: "
                "run 'dateline doctor --repair'"
            )
    return {row.id: Passage(articles[row.article_id], row.start, row.end, row.id) for row in rows}


def ids(connection: sa.Connection, up_to_seq: int) -> NDArray[np.int64]:
    """Ids of the passages written at or before a sequence number, ascending."""
    query = (
        sa.select(tables.passages.c.id)
        .where(tables.passages.c.seq <= up_to_seq)
        .order_by(tables.passages.c.id)
    )
    return np.fromiter(connection.scalars(query), dtype=np.int64)


def passing(connection: sa.Connection, where: Filter) -> NDArray[np.int64]:
    """Ids of the passages whose articles pass the filter, ascending."""
    query = (
        sa.select(tables.passages.c.id)
        .join_from(tables.passages, tables.articles)
        .where(where.condition)
        .order_by(tables.passages.c.id)
    )
    return np.fromiter(connection.scalars(query), dtype=np.int64)


def vectors(connection: sa.Connection, ids: Sequence[int]) -> tuple[list[int], NDArray[np.float32]]:
    """Those of the passages that exist, in no order, and their vectors, (that many, dim).

    Raises ValueError if they are not of one length.
    """
    # As numbers in the statement, which takes half as long as to bind each of them.
    some_ids: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True, literal_execute=True)
    query = sa.select(tables.vectors).where(tables.vectors.c.passage_id.in_(some_ids))
    found = [
        row for some in tables.portions(ids) for row in connection.execute(query, {"ids": some})
    ]
    if not found:
        return [], np.empty((0, 0), dtype=np.float32)
    return [row.passage_id for row in found], np.stack(
        [np.frombuffer(row.vector, dtype="<f4") for row in found]
    )


def bounds(connection: sa.Connection, after_seq: int, up_to_seq: int | None) -> tuple[int, int]:
    """(first, last) id of what was written after one sequence number and up to another.

    The last is below the first where nothing was.
    """
    passages = tables.passages.c
    first = sa.select(passages.id).where(passages.seq > after_seq).order_by(passages.seq)
    last = sa.select(passages.id).order_by(passages.seq.desc(), passages.id.desc())
    if up_to_seq is not None:
        last = last.where(passages.seq <= up_to_seq)
    begin = connection.scalar(first.order_by(passages.id).limit(1))
    end = connection.scalar(last.limit(1))
    return (1, 0) if begin is None or end is None else (begin, end)


def between(connection: sa.Connection, first: int, last: int) -> list[StoredPassage]:
    """The passages with ids from the first up to the last, ascending; at most a portion."""
    passages, articles = tables.passages.c, tables.articles.c
    text = sa.func.substr(articles.text, passages.start + 1, passages.end - passages.start)
    query = (
        sa.select(
            passages.id,
            passages.article_id,
            articles.title,
            text.label("text"),
            tables.vectors.c.vector,
            articles.published,
            articles.source_key,
            passages.seq,
        )
        .join_from(tables.passages, tables.articles)
        .join(tables.vectors)
        .where(passages.id.between(first, last))
        .order_by(passages.id)
        .limit(_PORTION)
    )
    return [
        StoredPassage(
            row.id,
            row.article_id,
            row.title or "",
            row.text,
            np.frombuffer(row.vector, dtype="<f4"),
            row.published,
            row.source_key,
            row.seq,
        )
        for row in connection.execute(query)
    ]


def count(connection: sa.Connection, after_seq: int = 0) -> int:
    """How many passages were written after a sequence number, and exist."""
    query = sa.select(sa.func.count()).select_from(tables.passages)
    return int(connection.scalar(query.where(tables.passages.c.seq > after_seq)) or 0)


def dimension(connection: sa.Connection) -> int | None:
    """Length of most of the vectors; None if there are none."""
    size = sa.func.length(tables.vectors.c.vector)
    some = sa.select(size.label("size")).limit(100).subquery()
    usual = sa.select(some.c.size).group_by(some.c.size).order_by(sa.func.count().desc()).limit(1)
    found = connection.scalar(usual)
    return None if found is None else int(found) // 4
