"""The tables of a collection, alike in SQLite and in PostgreSQL."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from rag.errors import CorruptError
from rag.types import Article

SCHEMA = "0001"
"""The newest revision in rag/migrations: what these tables are."""
PATIENCE_S = 60
"""How long a writer waits for the others."""
_MAX_VARIABLES = 500

# In code point order, as SQLite has it: a PostgreSQL database may have another.
_TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
# Ids that are never used again run out of 31 bits; SQLite's integers have 63.
_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

T = TypeVar("T")

metadata = sa.MetaData()
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", _TEXT, primary_key=True),
    sa.Column("value", _TEXT, nullable=False),
)
# Alembic's own: the revision that the database has.
alembic_version = sa.Table(
    "alembic_version",
    metadata,
    sa.Column("version_num", sa.String(32), primary_key=True),
)
articles = sa.Table(
    "articles",
    metadata,
    sa.Column("id", _TEXT, primary_key=True),
    sa.Column("text", _TEXT, nullable=False),
    sa.Column("title", _TEXT),
    sa.Column("published", sa.Date, index=True),
    sa.Column("published_from", _TEXT),
    sa.Column("byline", _TEXT),
    sa.Column("source", _TEXT),
    # SQLite's lower() knows ASCII only.
    sa.Column("source_key", _TEXT),
    sa.Column("url", _TEXT),
    sa.Column("language", _TEXT),
    sa.Column("origin", _TEXT),
    sa.Column("stem", _TEXT),
    sa.Column("removed", sa.JSON, nullable=False),
    sa.Column("sha256", _TEXT, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    # These may be of any length, and PostgreSQL's usual index takes 2,704 bytes.
    sa.Index("ix_articles_source_key", "source_key", postgresql_using="hash"),
    sa.Index("ix_articles_origin", "origin", postgresql_using="hash"),
    sa.Index("ix_articles_stem", "stem", postgresql_using="hash"),
)
passages = sa.Table(
    "passages",
    metadata,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("article_id", sa.ForeignKey("articles.id"), nullable=False, index=True),
    sa.Column("start", sa.Integer, nullable=False),
    sa.Column("end", sa.Integer, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False, index=True),
    sqlite_autoincrement=True,
)
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("passage_id", sa.ForeignKey("passages.id"), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
)
# Which story each article tells: the smallest id among its articles names it.
tellings = sa.Table(
    "tellings",
    metadata,
    sa.Column("article_id", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("story", _TEXT, nullable=False, index=True),
    sa.Column("fingerprints", sa.Integer, nullable=False),
)
# No foreign key: without an index of its own, every deleted article would search all of it.
fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("hash", sa.BigInteger, primary_key=True),
    sa.Column("article_id", _TEXT, primary_key=True),
    sqlite_with_rowid=False,
)
# The pairs of articles that were found to tell one story, each once, `first` < `second`.
pairs = sa.Table(
    "pairs",
    metadata,
    sa.Column("first", sa.ForeignKey("articles.id"), primary_key=True),
    sa.Column("second", sa.ForeignKey("articles.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
# Ingests that were asked for over HTTP, in the order of `number`. Times are seconds since 1970.
# While one runs, `runner` names the process that runs it, and `lease_until` is when others may
# take it over; `attempts` counts the runs that ended without a word since the last batch.
jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", _TEXT, nullable=False, unique=True),
    sa.Column("state", _TEXT, nullable=False, index=True),
    sa.Column("asked_by", _TEXT, nullable=False),
    sa.Column("idempotency_key", _TEXT),
    sa.Column("sha256", _TEXT, nullable=False),
    sa.Column("expected", sa.Integer, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float, index=True),
    sa.Column("error", _TEXT),
    sa.Column("cancelling", sa.Boolean, nullable=False, default=False),
    sa.Column("runner", _TEXT),
    sa.Column("lease_until", sa.Float),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.UniqueConstraint("asked_by", "idempotency_key"),
    sqlite_autoincrement=True,
)
# What a job is to read, until it has ended. Without a name: a JSON list of articles.
job_inputs = sa.Table(
    "job_inputs",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.number"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", _TEXT),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
# What became of the articles that a job has done with, numbered from 0 as they were read.
job_articles = sa.Table(
    "job_articles",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.number"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("status", _TEXT, nullable=False),
    sa.Column("article_id", _TEXT),
    sa.Column("language", _TEXT),
    sa.Column("where", _TEXT),
    sa.Column("reason", _TEXT),
    sqlite_with_rowid=False,
)

# What readers said of answers: a row for each article that the answer cites. Where nothing was
# answered, `answer` and `article_id` are empty.
feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("question", _TEXT, nullable=False),
    sa.Column("answer", _TEXT, nullable=False),
    sa.Column("article_id", _TEXT, nullable=False, index=True),
    sa.Column("right", sa.Boolean, nullable=False),
    sa.Index("ix_feedback_question", "question", postgresql_using="hash"),
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("name", _TEXT, primary_key=True),
    sa.Column("scope", _TEXT, nullable=False),
    sa.Column("created", sa.Date, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
)


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices small enough for one SQL statement's variables."""
    for start in range(0, len(values), _MAX_VARIABLES):
        yield values[start : start + _MAX_VARIABLES]


def create(connection: sa.Connection, values: Mapping[str, str]) -> None:
    """Make all tables, with these values in `meta`."""
    metadata.create_all(connection, checkfirst=False)
    rows = [{"key": key, "value": value} for key, value in values.items()]
    connection.execute(sa.insert(meta), rows)
    connection.execute(sa.insert(alembic_version), {"version_num": SCHEMA})


def keep_to_process(engine: sa.Engine) -> None:
    """Have the engine open connections of its own in a process that was forked from this one."""

    @sa.event.listens_for(engine, "connect")
    def _on_connect(_: object, record: ConnectionPoolEntry) -> None:
        record.info["pid"] = os.getpid()

    @sa.event.listens_for(engine, "checkout")
    def _on_checkout(_: object, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        # A connection must not be used across a fork; the parent goes on with it.
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None  # type: ignore[misc]
            raise sa.exc.DisconnectionError("opened before the fork")


def article_row(article: Article, seq: int) -> dict[str, Any]:
    """The values of a row of `articles`."""
    return {
        "id": article.id,
        "text": article.text,
        "title": article.title,
        "published": article.published,
        "published_from": article.published_from,
        "byline": article.byline,
        "source": article.source,
        "source_key": article.source.casefold() if article.source else None,
        "url": article.url,
        "language": article.language,
        "origin": article.origin,
        "stem": PurePath(article.origin).stem if article.origin else None,
        "removed": list(article.removed),
        "sha256": article.sha256,
        "seq": seq,
    }


def row_article(row: sa.Row[Any]) -> Article:
    """The article of a row that has all columns of `articles`.

    Raises CorruptError if the text is not the one that was stored.
    """
    article = Article(
        id=row.id,
        text=row.text,
        title=row.title,
        published=row.published,
        published_from=row.published_from,
        byline=row.byline,
        source=row.source,
        url=row.url,
        language=row.language,
        origin=row.origin,
        removed=tuple(row.removed),
    )
    if not isinstance(row.text, str) or article.sha256 != row.sha256:
        raise CorruptError(
            f"the text of article '{row.id}' was damaged on disk: run 'dateline doctor --repair'"
        )
    return article
