"""A collection in numbers."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from rag import database as tables
from rag import story_store
from rag.backends import backend_of

UNKNOWN_LANGUAGE = "unknown"


@dataclass(frozen=True)
class Overview:
    """What a collection holds. `stories` are those that more than one article tells, `undated` are
    articles."""

    articles: int
    passages: int
    stories: int
    outlets: int
    first_published: date | None
    last_published: date | None
    undated: int
    languages: Mapping[str, int]
    """ISO code, or UNKNOWN_LANGUAGE, to the number of articles; the most frequent first."""
    database_bytes: int
    index_bytes: int


def read(connection: sa.Connection, index: Path) -> Overview:
    """The overview of a collection whose index is in the folder `index`."""
    articles = tables.articles.c
    number = sa.func.count()
    row = connection.execute(
        sa.select(
            sa.select(number).select_from(tables.articles).scalar_subquery().label("articles"),
            sa.select(number).select_from(tables.passages).scalar_subquery().label("passages"),
            sa.select(sa.func.count(articles.source_key.distinct()))
            .scalar_subquery()
            .label("outlets"),
            sa.select(sa.func.min(articles.published)).scalar_subquery().label("first"),
            sa.select(sa.func.max(articles.published)).scalar_subquery().label("last"),
            sa.select(number)
            .select_from(tables.articles)
            .where(articles.published.is_(None))
            .scalar_subquery()
            .label("undated"),
        )
    ).one()
    by_language = sa.select(articles.language, number).group_by(articles.language)
    order = (number.desc(), articles.language.nulls_first())
    languages = connection.execute(by_language.order_by(*order)).all()
    return Overview(
        articles=row.articles,
        passages=row.passages,
        stories=story_store.count(connection),
        outlets=row.outlets,
        first_published=row.first,
        last_published=row.last,
        undated=row.undated,
        languages={language or UNKNOWN_LANGUAGE: count for language, count in languages},
        database_bytes=backend_of(connection).size(connection),
        index_bytes=sum(map(_size, _files(index))),
    )


def _files(folder: Path) -> Iterator[Path]:
    """Not by `rglob`, which raises where a generation is removed meanwhile."""
    for inside, _, names in os.walk(folder):
        yield from (Path(inside, name) for name in names)


def _size(path: Path) -> int:
    """Bytes of a file; 0 for a folder, and for what has gone meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
