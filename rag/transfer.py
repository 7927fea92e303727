"""From a collection in a file to one in PostgreSQL: every row of a backup, under a new id."""

from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from rag import database as tables
from rag import postgres
from rag.backends import backend_of
from rag.backup import Progress, restore
from rag.collection import create_collection, open_collection
from rag.errors import InputError
from rag.store import Store

_PORTION = 2000
_OWN = (tables.meta, tables.alembic_version)  # the new database has its own of these


def transfer(file: Path, folder: Path, url: str, progress: Progress | None = None) -> int:
    """Make a backup the collection in the PostgreSQL database of a URL; its articles.

    All of it is there afterwards, or nothing. `progress` counts rows. The index, in `folder`, is
    built when the collection is opened. InputError if the file is no sound backup or the database
    holds something.
    """
    with TemporaryDirectory(prefix="dateline-") as temporary:
        # A copy that may be brought to the present schema; the backup is not written to.
        at = Path(temporary, "data")
        number = restore(file, at)
        with Store.open(at) as old:
            create_collection(folder, old.encoder, url)
        source, target = open_collection(at), open_collection(folder, url)
        try:
            with (
                source.connect() as read,
                target.execution_options(write=True).begin() as written,
            ):
                _copy(read, written, progress)
        finally:
            source.dispose()
            target.dispose()
    return number


def _copy(read: sa.Connection, written: sa.Connection, progress: Progress | None) -> None:
    copied = [table for table in tables.metadata.sorted_tables if table not in _OWN]
    for table in copied:
        if written.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first():
            raise InputError(
                f"{postgres.name(written.engine.url)} holds {table.name} already: name a new "
                f"database in {postgres.SETTING}"
            )
    counts = (sa.select(sa.func.count()).select_from(table) for table in copied)
    total, done = sum(read.scalar(count) or 0 for count in counts), 0
    for table in copied:
        rows = read.execution_options(yield_per=_PORTION).execute(sa.select(table))
        for some in rows.mappings().partitions(_PORTION):
            written.execute(sa.insert(table), [dict(row) for row in some])
            done += len(some)
            if progress is not None:
                progress(done, total)
    for key in ("encoder", "seq"):
        value = read.scalar(sa.select(tables.meta.c.value).where(tables.meta.c.key == key))
        written.execute(sa.update(tables.meta).where(tables.meta.c.key == key).values(value=value))
    # Ids that were given are not given again, also those of rows that were deleted.
    postgres.give_ids_after(written, tables.passages, backend_of(read).last_passage_id(read))
    for table in (tables.jobs, tables.feedback):
        newest = written.scalar(sa.select(sa.func.max(table.c.number)))
        postgres.give_ids_after(written, table, newest or 0)
