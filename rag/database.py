"""The tables of a collection, and how they are opened."""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from rag.errors import CollectionError, CorruptError, DatelineError, StorageFullError
from rag.types import Article

APPLICATION_ID = 0x44544C4E
"""PRAGMA application_id, "DTLN": another program's database is not taken for ours."""
SCHEMA = "0001"
"""The newest revision in rag/migrations: what these tables are."""
PATIENCE_S = 60
_MAX_VARIABLES = 500
# A write touches pages all over the fingerprints: with SQLite's 2 MB it spills them to the disk.
_CACHE_KIB = 64 * 1024

T = TypeVar("T")

metadata = sa.MetaData()
meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
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
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("title", sa.Text),
    sa.Column("published", sa.Date, index=True),
    sa.Column("published_from", sa.Text),
    sa.Column("byline", sa.Text),
    sa.Column("source", sa.Text),
    # SQLite's lower() knows ASCII only.
    sa.Column("source_key", sa.Text, index=True),
    sa.Column("url", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("origin", sa.Text, index=True),
    sa.Column("stem", sa.Text, index=True),
    sa.Column("removed", sa.JSON, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
)
passages = sa.Table(
    "passages",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
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
    sa.Column("story", sa.Text, nullable=False, index=True),
    sa.Column("fingerprints", sa.Integer, nullable=False),
)
# No foreign key: without an index of its own, every deleted article would search all of it.
fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("hash", sa.BigInteger, primary_key=True),
    sa.Column("article_id", sa.Text, primary_key=True),
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
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("idempotency_key", sa.Text, unique=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("expected", sa.Integer, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float, index=True),
    sa.Column("error", sa.Text),
    sa.Column("cancelling", sa.Boolean, nullable=False, default=False),
    sa.Column("runner", sa.Text),
    sa.Column("lease_until", sa.Float),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sqlite_autoincrement=True,
)
# What a job is to read, until it has ended. Without a name: a JSON list of articles.
job_inputs = sa.Table(
    "job_inputs",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.number"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
# What became of the articles that a job has done with, numbered from 0 as they were read.
job_articles = sa.Table(
    "job_articles",
    metadata,
    sa.Column("job", sa.ForeignKey("jobs.number"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("article_id", sa.Text),
    sa.Column("language", sa.Text),
    sa.Column("where", sa.Text),
    sa.Column("reason", sa.Text),
    sqlite_with_rowid=False,
)

# What readers said of answers: a row for each article that the answer cites. Where nothing was
# answered, `answer` and `article_id` are empty.
feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("question", sa.Text, primary_key=True),
    sa.Column("answer", sa.Text, primary_key=True),
    sa.Column("article_id", sa.Text, primary_key=True, index=True),
    sa.Column("right", sa.Boolean, nullable=False),
    sqlite_with_rowid=False,
)

keys = sa.Table(
    "keys",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created", sa.Date, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
)


def portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Slices small enough for one SQL statement's variables."""
    for start in range(0, len(values), _MAX_VARIABLES):
        yield values[start : start + _MAX_VARIABLES]


def connect(path: Path) -> sa.Engine:
    """An engine on the database file. Transactions begin with BEGIN, writing ones
    (`execution_options(write=True)`) with BEGIN IMMEDIATE; a commit survives a power cut, and
    what was deleted is overwritten. A writer waits for the others.

    Of SQLite's errors those that a person can mend are raised as a DatelineError. In a process
    that was forked from this one, the engine opens connections of its own.
    """
    # An error that is logged must not take the articles' texts into the log.
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": PATIENCE_S}, hide_parameters=True
    )
    # SQLite before 3.51.3 has a race in resetting the write-ahead log of several connections.
    wal = sqlite3.sqlite_version_info >= (3, 51, 3)

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["pid"] = os.getpid()
        # Damaged text is to meet its hash, not to stop the driver.
        connection.text_factory = lambda data: data.decode(errors="replace")
        connection.isolation_level = None  # BEGIN is ours to send, not the driver's
        try:
            connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
            connection.execute(f"PRAGMA synchronous = {'FULL' if wal else 'EXTRA'}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        except sqlite3.Error as error:
            raise explained(path, error) or error from error

    @sa.event.listens_for(engine, "checkout")
    def _on_checkout(_: object, record: ConnectionPoolEntry, proxy: PoolProxiedConnection) -> None:
        # SQLite must not be used across a fork; the parent goes on with its connection.
        if record.info["pid"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None  # type: ignore[misc]
            raise sa.exc.DisconnectionError("opened before the fork")

    @sa.event.listens_for(engine, "handle_error")
    def _on_error(context: sa.engine.ExceptionContext) -> None:
        error = context.original_exception
        if isinstance(error, sqlite3.Error) and (told := explained(path, error)) is not None:
            raise told from error

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def explained(path: Path, error: sqlite3.Error) -> DatelineError | None:
    """SQLite's error as one that names the mend; None if it is a mistake of ours."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte says which kind it is
        case sqlite3.SQLITE_FULL:
            return StorageFullError(
                f"no room for {path}: free some of its disk and send again what was not confirmed"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CollectionError(
                f"{path} was in use by another process for {PATIENCE_S} s: try again later"
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return CorruptError(damaged(path, error))
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return CollectionError(
                f"{path} cannot be read or written ({error}): check its disk, and who owns it"
            )
    return None


def damaged(path: Path, why: object) -> str:
    return (
        f"{path} cannot be read as a database ({why}): restore it with 'dateline restore FILE', "
        "or ingest the articles again into a new --data-dir"
    )


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
