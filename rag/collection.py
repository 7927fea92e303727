"""The folder of a collection: how it is made, opened and brought to the present schema.

dateline.sqlite3    the database, the one truth
index/              derived from it (rag/index.py)
backups/            the database as it was before each migration
quarantine/         what 'dateline doctor --repair' took out
create.lock
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
from filelock import FileLock

from rag import database as tables
from rag.errors import CollectionError, CorruptError

DATABASE_FILE = "dateline.sqlite3"
INDEX = "index"
BACKUPS = "backups"
QUARANTINE = "quarantine"
_CREATING = "create.lock"
OWN_FILES = {
    *(DATABASE_FILE + suffix for suffix in ("", "-journal", "-wal", "-shm")),
    *(INDEX, BACKUPS, QUARANTINE, _CREATING),
    "rates",  # of the service's guard
}


def create_collection(folder: Path, encoder: str) -> None:
    """Make a collection in `folder`, unless there is one.

    Raises CollectionError for a folder with other things in it, and CorruptError for one that
    has lost its database.
    """
    path = folder / DATABASE_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        foreign = [p.name for p in folder.iterdir() if p.name not in OWN_FILES]
    except OSError as error:
        raise CollectionError(
            f"cannot use {folder} ({error.strerror}): name another --data-dir"
        ) from error
    if foreign and not path.exists():
        raise CollectionError(
            f"{folder} holds other files and no Dateline collection: "
            "name a new or empty folder with --data-dir"
        )
    with FileLock(folder / _CREATING):
        if not _is_blank(path):
            return
        _refuse_lost(folder)
        with suppress(PermissionError):  # another user's folder, lent to us
            folder.chmod(0o700)
        engine = tables.connect(path)
        with engine.execution_options(write=True).begin() as connection:
            tables.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA application_id = {tables.APPLICATION_ID}")
            values = {"collection": uuid4().hex, "encoder": encoder, "seq": "0"}
            rows = [{"key": key, "value": value} for key, value in values.items()]
            connection.execute(sa.insert(tables.meta), rows)
            connection.execute(sa.insert(tables.alembic_version), {"version_num": tables.SCHEMA})
        engine.dispose()


def open_collection(folder: Path) -> sa.Engine:
    """An engine on the database of the collection in `folder`, at the present schema.

    Raises CollectionError if there is none, or a newer Dateline's, and CorruptError if it is
    damaged or foreign.
    """
    path = folder / DATABASE_FILE
    if not path.exists():
        _refuse_lost(folder)
        raise CollectionError(
            f"no collection in {folder}: run 'dateline ingest PATH' first, "
            "or name another folder with --data-dir"
        )
    check_owner(path)
    engine = tables.connect(path)
    try:
        if schema_of(engine) != tables.SCHEMA:
            from rag.migrations import upgrade  # Alembic takes a while to import

            with FileLock(folder / _CREATING):
                upgrade(engine, path, folder / BACKUPS)
    except BaseException:
        engine.dispose()
        raise
    return engine


def schema_of(engine: sa.Engine) -> str:
    """The revision that the database has; "none" before there were any."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(tables.alembic_version.name):
            return "none"
        return str(connection.scalar(sa.select(tables.alembic_version.c.version_num)))


def check_owner(path: Path) -> None:
    """Raise CorruptError unless the file is a database that Dateline wrote.

    It is opened for writing: what a killed process left half written is rolled back.
    """
    if _pragma(path, "application_id") != tables.APPLICATION_ID:
        raise CorruptError(f"{path} was not written by Dateline: name another --data-dir")


def quick_check(path: Path) -> None:
    """Raise CorruptError if SQLite finds the database damaged. Reads all of it."""
    found = _pragma(path, "quick_check(1)")
    if found != "ok":
        raise CorruptError(tables.damaged(path, found))


def _is_blank(path: Path) -> bool:
    """Whether there is no database: a creation that was killed leaves nothing, or no pages."""
    return not path.exists() or _pragma(path, "page_count") == 0


def _refuse_lost(folder: Path) -> None:
    """An index or a backup without a database is no empty collection."""
    if any((folder / name).exists() for name in (INDEX, BACKUPS, QUARANTINE)):
        raise CorruptError(
            f"{folder / DATABASE_FILE} is missing or empty, though there was a collection: restore "
            "it into a new --data-dir with 'dateline restore FILE', or remove the folder"
        )


def _pragma(path: Path, name: str) -> object:
    """The value of a PRAGMA of an existing file; nothing is written but what SQLite recovers."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=tables.PATIENCE_S)) as connection:
            (value,) = connection.execute(f"PRAGMA {name}").fetchone()
            return value
    except sqlite3.Error as error:
        raise tables.explained(path, error) or error from error
