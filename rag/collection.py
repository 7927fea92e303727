"""The folder of a collection: how it is made, opened and brought to the present schema.

dateline.sqlite3    the database, the one truth; not where that is in PostgreSQL
index/              derived from it (rag/index.py)
backups/            the database as it was before each migration
quarantine/         what 'dateline doctor --repair' took out
create.lock
"""

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
from filelock import FileLock

from rag import database as tables
from rag import postgres, sqlite
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


def create_collection(folder: Path, encoder: str, url: str | None = None) -> None:
    """Make a collection in `folder`, or in the PostgreSQL database of a URL, unless there is one.

    Raises CollectionError for a folder with other things in it, and CorruptError for one that
    has lost its database.
    """
    path = folder / DATABASE_FILE
    _make_folder(folder, DATABASE_FILE if url is None else INDEX)
    with FileLock(folder / _CREATING):
        engine = _connect(folder, url)
        try:
            if postgres.has_collection(engine) if url is not None else not sqlite.is_blank(path):
                return
            _refuse_lost(folder, engine)
            with suppress(PermissionError):  # another user's folder, lent to us
                folder.chmod(0o700)
            values = {"collection": uuid4().hex, "encoder": encoder, "seq": "0"}
            (sqlite if url is None else postgres).make_tables(engine, values)
        finally:
            engine.dispose()


def open_collection(folder: Path, url: str | None = None) -> sa.Engine:
    """An engine on the database of the collection in `folder`, or on the PostgreSQL database of a
    URL, at the present schema.

    Raises CollectionError if there is none, or a newer Dateline's, and CorruptError if it is
    damaged or foreign.
    """
    engine = _connect(folder, url)
    try:
        _make_ready(engine, folder)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _make_ready(engine: sa.Engine, folder: Path) -> None:
    in_file = engine.dialect.name == "sqlite"
    if not _is_there(engine, folder):
        _refuse_lost(folder, engine)
        shown, another = (
            (folder, "folder with --data-dir")
            if in_file
            else (postgres.name(engine.url), f"database in {postgres.SETTING}")
        )
        raise CollectionError(
            f"no collection in {shown}: run 'dateline ingest PATH' first, or name another {another}"
        )
    if in_file:
        sqlite.check_owner(folder / DATABASE_FILE)
    else:
        _make_folder(folder, INDEX)
    if schema_of(engine) != tables.SCHEMA:
        from rag.migrations import upgrade  # Alembic takes a while to import

        with FileLock(folder / _CREATING):
            upgrade(engine, folder)


def exists(folder: Path, url: str | None = None) -> bool:
    """Whether there is a collection to open."""
    engine = _connect(folder, url)
    try:
        return _is_there(engine, folder)
    finally:
        engine.dispose()


def _connect(folder: Path, url: str | None) -> sa.Engine:
    path = folder / DATABASE_FILE
    if url is None:
        return sqlite.connect(path)
    if path.exists():
        raise CollectionError(
            f"{folder} has a collection of its own: name another --data-dir for the index of the "
            f"one in {postgres.SETTING}, or unset that"
        )
    return postgres.connect(url)


def _is_there(engine: sa.Engine, folder: Path) -> bool:
    if engine.dialect.name == "sqlite":
        return (folder / DATABASE_FILE).exists()
    return postgres.has_collection(engine)


def _make_folder(folder: Path, ours: str) -> None:
    """Make the folder, unless it is there. What is in one without a file or folder of that name
    must not be others'."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        foreign = [p.name for p in folder.iterdir() if p.name not in OWN_FILES]
    except OSError as error:
        raise CollectionError(
            f"cannot use {folder} ({error.strerror}): name another --data-dir"
        ) from error
    if foreign and not (folder / ours).exists():
        raise CollectionError(
            f"{folder} holds other files and no Dateline collection: "
            "name a new or empty folder with --data-dir"
        )


def schema_of(engine: sa.Engine) -> str:
    """The revision that the database has; "none" before there were any."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(tables.alembic_version.name):
            return "none"
        return str(connection.scalar(sa.select(tables.alembic_version.c.version_num)))


def _refuse_lost(folder: Path, engine: sa.Engine) -> None:
    """An index or a backup without a database is no empty collection."""
    if not any((folder / name).exists() for name in (INDEX, BACKUPS, QUARANTINE)):
        return
    if engine.dialect.name == "sqlite":
        raise CorruptError(
            f"{folder / DATABASE_FILE} is missing or empty, though there was a collection: restore "
            "it into a new --data-dir with 'dateline restore FILE', or remove the folder; or set "
            f"{postgres.SETTING} again, if it was there"
        )
    raise CorruptError(
        f"{postgres.name(engine.url)} has no tables, though there was a collection: mend "
        f"{postgres.SETTING}, bring them back with pg_restore, or remove {folder}"
    )
