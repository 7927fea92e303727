"""What is SQLite's own about a collection's database: one file, opened so that nothing is lost."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import ConnectionPoolEntry

from rag import database as tables
from rag.errors import CollectionError, CorruptError, DatelineError, StorageFullError

APPLICATION_ID = 0x44544C4E
"""PRAGMA application_id, "DTLN": another program's database is not taken for ours."""
# A write touches pages all over the fingerprints: with SQLite's 2 MB it spills them to the disk.
_CACHE_KIB = 64 * 1024


def connect(path: Path) -> sa.Engine:
    """An engine on the database file. Transactions begin with BEGIN, writing ones
    (`execution_options(write=True)`) with BEGIN IMMEDIATE; a commit survives a power cut, and
    what was deleted is overwritten. A writer waits for the others.

    Of SQLite's errors those that a person can mend are raised as a DatelineError. In a process
    that was forked from this one, the engine opens connections of its own.
    """
    # An error that is logged must not take the articles' texts into the log.
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": tables.PATIENCE_S}, hide_parameters=True
    )
    tables.keep_to_process(engine)
    # SQLite before 3.51.3 has a race in resetting the write-ahead log of several connections.
    wal = sqlite3.sqlite_version_info >= (3, 51, 3)

    @sa.event.listens_for(engine, "do_connect")
    def _on_do_connect(
        _dialect: sa.Dialect, _record: ConnectionPoolEntry, _cargs: object, cparams: dict[str, Any]
    ) -> sqlite3.Connection | None:
        return None if _is_writable(path) or not path.exists() else _open_to_read(path, **cparams)

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        # Damaged text is to meet its hash, not to stop the driver.
        connection.text_factory = lambda data: data.decode(errors="replace")
        connection.isolation_level = None  # BEGIN is ours to send, not the driver's
        try:
            if _is_writable(path):
                connection.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
            connection.execute(f"PRAGMA synchronous = {'FULL' if wal else 'EXTRA'}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        except sqlite3.Error as error:
            raise explained(path, error) or error from error

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


def _is_writable(path: Path) -> bool:
    """Whether files can be made beside it, as every write does."""
    return os.access(path.parent, os.W_OK)


def _open_to_read(path: Path, **options: Any) -> sqlite3.Connection:
    """To a database in a folder where nothing can be written."""
    connection: sqlite3.Connection = sqlite3.connect(path, **options)
    try:
        connection.execute("PRAGMA schema_version")
    except sqlite3.OperationalError as error:
        connection.close()
        busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
        if busy or any(Path(f"{path}{end}").exists() for end in ("-wal", "-journal")):
            raise explained(path, error) or error from error
        # With a write-ahead log files are made also to read; where there are none nobody writes.
        still = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(still, uri=True, **options)
    return connection


def explained(path: Path, error: sqlite3.Error) -> DatelineError | None:
    """SQLite's error as one that names the mend; None if it is a mistake of ours."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte says which kind it is
        case sqlite3.SQLITE_FULL:
            return StorageFullError(
                f"no room for {path}: free some of its disk and send again what was not confirmed"
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return in_use(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return CorruptError(damaged(path, error))
        case sqlite3.SQLITE_ERROR if str(error).startswith("no such "):
            # Every statement is made of the tables as they were created: a name was damaged.
            return CorruptError(damaged(path, error))
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return CollectionError(
                f"{path} cannot be read or written ({error}): check its disk, and who owns it"
            )
    return None


def in_use(path: Path) -> CollectionError:
    return CollectionError(
        f"{path} was in use by another process for {tables.PATIENCE_S} s: try again later"
    )


def damaged(path: Path | str, why: object) -> str:
    return (
        f"{path} cannot be read as a database ({why}): restore it with 'dateline restore FILE', "
        "or ingest the articles again into a new --data-dir"
    )


# --- the file


def make_tables(engine: sa.Engine, values: dict[str, str]) -> None:
    """Make the tables of a collection in a blank database, with these values in `meta`."""
    with engine.execution_options(write=True).begin() as connection:
        tables.create(connection, values)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def check_owner(path: Path) -> None:
    """Raise CorruptError unless the file is a database that Dateline wrote.

    It is opened for writing: what a killed process left half written is rolled back.
    """
    if _pragma(path, "application_id") != APPLICATION_ID:
        raise CorruptError(f"{path} was not written by Dateline: name another --data-dir")


def quick_check(path: Path) -> None:
    """Raise CorruptError if SQLite finds the database damaged. Reads all of it."""
    found = _pragma(path, "quick_check(1)")
    if found != "ok":
        raise CorruptError(damaged(path, found))


def is_blank(path: Path) -> bool:
    """Whether there is no database: a creation that was killed leaves nothing, or no pages."""
    return not path.exists() or _pragma(path, "page_count") == 0


def _pragma(path: Path, name: str) -> object:
    """The value of a PRAGMA of an existing file; nothing is written but what SQLite recovers."""
    try:
        with closing(_open_existing(path)) as connection:
            (value,) = connection.execute(f"PRAGMA {name}").fetchone()
            return value
    except sqlite3.Error as error:
        raise explained(path, error) or error from error


def _open_existing(path: Path) -> sqlite3.Connection:
    if not _is_writable(path) and path.exists():
        return _open_to_read(path, timeout=tables.PATIENCE_S)
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=tables.PATIENCE_S)


# --- as rag/backends.py asks for it


def name(url: sa.URL) -> str:
    return str(url.database)


def incarnation(_connection: sa.Connection) -> str:
    return ""  # 'dateline restore' gives the copy an id of its own


def written(engine: sa.Engine) -> int | None:
    path = name(engine.url)
    times = [os.stat(path).st_mtime_ns]
    with suppress(FileNotFoundError):  # the last connection to close takes it away
        times.append(os.stat(f"{path}-wal").st_mtime_ns)
    return max(times)


def size(connection: sa.Connection) -> int:
    path = name(connection.engine.url)
    total = 0
    for end in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            total += os.stat(path + end).st_size
    return total


def faults(connection: sa.Connection) -> list[str]:
    found = connection.exec_driver_sql("PRAGMA integrity_check(10)").scalars().all()
    return [str(line) for line in found if line != "ok"]


def last_passage_id(connection: sa.Connection) -> int:
    given = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'passages'")
    return given.scalar() or 0


def reindex(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    connection.exec_driver_sql("REINDEX")


def vacuum(engine: sa.Engine) -> None:
    connection = engine.raw_connection()
    try:  # neither works inside a transaction
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    finally:
        connection.close()
