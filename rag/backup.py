"""Copies of a collection's database, made and read back through SQLite's backup API."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from rag import database as tables
from rag import sqlite
from rag.collection import DATABASE_FILE
from rag.durable import sync
from rag.errors import CollectionError, CorruptError, InputError, StorageFullError

_PAGES = 2000
"""Copied at a time: 8 MB."""
_BEGUN_AGAIN = 20
"""Times, after which writers wait for the copy after all."""
_BUSY_S = 0.02

Progress = Callable[[int, int], None]
"""Called with (pages copied, pages in all)."""


def back_up(folder: Path, file: Path, progress: Progress | None = None) -> int:
    """Write the collection in `folder` as of now to a new file; its number of articles.

    Readers and writers hardly notice, unless the database is written all the time: with a rollback
    journal they wait for the last copy then. Raises CollectionError if there is no collection,
    InputError if the file exists, and CorruptError if the copy is not sound.
    """
    path = folder / DATABASE_FILE
    if not path.exists():
        raise CollectionError(f"no collection in {folder}: name its folder with --data-dir")
    sqlite.check_owner(path)
    copy_database(path, file, progress)
    try:
        return check_backup(file)
    except CorruptError as error:
        file.unlink()
        raise CorruptError(
            f"the copy of {path} was not sound and was removed: run 'dateline doctor'"
        ) from error


def restore(file: Path, folder: Path, progress: Progress | None = None) -> int:
    """Make a backup the collection in `folder`, which must be new or empty; its articles.

    The index is built when the collection is opened. Raises InputError if the file is no sound
    backup or the folder holds something.
    """
    if not file.is_file():
        raise InputError(f"no file {file}: name one that 'dateline backup' wrote")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty: name a new or empty folder with --data-dir")
    try:
        number = check_backup(file)
    except CorruptError as error:
        # The mend that it names is that of a collection's own database.
        why = str(error).rpartition(": ")[0]
        raise InputError(
            f"{file} is no sound backup ({why}): name another that 'dateline backup' wrote"
        ) from error
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    copy_database(file, folder / DATABASE_FILE, progress, collection=uuid4().hex)
    return number


def copy_database(
    source: Path, target: Path, progress: Progress | None = None, collection: str | None = None
) -> None:
    """Copy a database as of one moment to a new file, which appears only when it is complete.

    With `collection`, the copy gets this id: an index of the original is none of the copy's.
    Raises InputError if the target exists.
    """
    _refuse_existing(target)
    partial = target.with_name(f"{target.name}.{uuid4().hex[:8]}.partial")
    try:
        partial.touch(mode=0o600)
        try:
            _copy(source, partial, progress, collection)
            sync(partial)
            _refuse_existing(target)  # it took a while
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)
        sync(target.parent)
    except OSError as error:
        raise InputError(f"cannot write {target} ({error.strerror}): name another file") from error


def _refuse_existing(target: Path) -> None:
    if target.exists():
        raise InputError(f"{target} exists: name a new file")


def _copy(source: Path, target: Path, progress: Progress | None, collection: str | None) -> None:
    def show(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)

    try:
        with (
            closing(_connect(source)) as read,
            closing(_connect(target)) as written,
        ):
            (journal,) = read.execute("PRAGMA journal_mode").fetchone()
            if journal == "wal" or not _copied_between_writes(source, read, written, show):
                read.execute("BEGIN")
                read.execute("SELECT count(*) FROM sqlite_master")
                read.backup(written, pages=_PAGES, progress=show)
                read.execute("ROLLBACK")
            written.execute("PRAGMA journal_mode = DELETE")  # one file holds all of it
            if collection is not None:
                written.execute("UPDATE meta SET value = ? WHERE key = 'collection'", [collection])
    except sqlite3.Error as error:
        explained = sqlite.explained(source, error)
        if isinstance(explained, StorageFullError):
            raise StorageFullError(f"no room for {target}: name a file on another disk") from error
        raise explained or error from error


class _WrittenError(Exception):
    """The source was written too often for a copy between the writes."""


def _copied_between_writes(
    source: Path,
    read: sqlite3.Connection,
    written: sqlite3.Connection,
    show: Callable[[int, int, int], None],
) -> bool:
    """Copy without a lock between the portions, so that nobody waits for longer than one; False if
    that does not come to an end: whatever another connection writes begins it again.

    With a rollback journal who reads keeps writers waiting, and a writer that waits all readers.
    CollectionError if another process holds its lock for too long: SQLite would try for ever.
    """
    copied = begun_again = 0
    last = time.monotonic()

    def watch(status: int, remaining: int, total: int) -> None:
        nonlocal copied, begun_again, last
        if status != sqlite3.SQLITE_BUSY:
            last = time.monotonic()
        elif time.monotonic() - last >= tables.PATIENCE_S:
            raise sqlite.in_use(source)
        if status == sqlite3.SQLITE_OK and total - remaining <= copied:
            begun_again += 1
            if begun_again > _BEGUN_AGAIN:
                raise _WrittenError
        copied = total - remaining
        show(status, remaining, total)

    try:
        read.backup(written, pages=_PAGES, progress=watch, sleep=_BUSY_S)
    except _WrittenError:
        return False
    return True


def check_backup(file: Path) -> int:
    """The number of articles in a backup; CorruptError unless it is sound."""
    sqlite.check_owner(file)
    try:
        with closing(_connect(file)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            if found != "ok":
                raise CorruptError(f"{file} is damaged ({found}): use another backup")
            (number,) = connection.execute("SELECT count(*) FROM articles").fetchone()
            return int(number)
    except sqlite3.Error as error:
        raise sqlite.explained(file, error) or error from error


def _connect(path: Path) -> sqlite3.Connection:
    """To an existing file; every statement is its own transaction."""
    uri = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(uri, uri=True, timeout=tables.PATIENCE_S, isolation_level=None)
