"""Changes of the tables from one release to the next, run by Alembic when a collection is opened.

A new one: `versions/v0002_what.py` with `revision = "0002"` and `down_revision = "0001"`, the
tables in rag/database.py as they are after it, and SCHEMA = "0002" there.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from rag import database as tables
from rag.backends import backend_of
from rag.backup import copy_database
from rag.collection import BACKUPS, DATABASE_FILE, schema_of
from rag.errors import CollectionError

SCRIPTS = Path(__file__).parent


def upgrade(engine: sa.Engine, folder: Path, scripts: Path = SCRIPTS) -> None:
    """Bring the database of the collection in `folder` to the newest revision, in one transaction.

    SQLite's is copied into the folder `backups` before. Raises CollectionError for a revision that
    is not among the scripts.
    """
    schema = schema_of(engine)
    pending = _pending(engine, schema, scripts)
    if not pending:  # another process has done it meanwhile
        return
    if engine.dialect.name != "sqlite":
        with engine.execution_options(write=True).begin() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            schema = str(connection.scalar(sa.select(tables.alembic_version.c.version_num)))
            if pending := _pending(engine, schema, scripts):  # no other machine has done it
                run(connection, pending, scripts)
        return
    path, backups = folder / DATABASE_FILE, folder / BACKUPS
    backups.mkdir(mode=0o700, exist_ok=True)
    copy_database(path, backups / f"schema-{schema}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.sqlite3")
    with engine.connect() as plain:
        # Rebuilding a table must not take along what refers to it. No use inside a transaction.
        driver = plain.connection.cursor()
        driver.execute("PRAGMA foreign_keys = OFF")
        try:
            with plain.execution_options(write=True).begin():
                run(plain, pending, scripts)
                if broken := plain.exec_driver_sql("PRAGMA foreign_key_check").first():
                    raise CollectionError(
                        f"{path} could not be brought to schema {pending[-1]}: a row of "
                        f"{broken[0]} refers to nothing: run 'dateline doctor --repair' with the "
                        "version of Dateline that made it"
                    )
        finally:
            driver.execute("PRAGMA foreign_keys = ON")
            driver.close()


def _pending(engine: sa.Engine, schema: str, scripts: Path) -> list[str]:
    """The revisions that are newer than a database's."""
    known = known_revisions(scripts)
    if schema not in known:
        raise CollectionError(
            f"{backend_of(engine).name(engine.url)} has schema {schema}, this version of Dateline "
            f"reads up to {known[-1]}: update Dateline, or run 'dateline ingest PATH' with a new "
            "--data-dir"
        )
    return known[known.index(schema) + 1 :]


def run(connection: sa.Connection, revisions: Sequence[str], scripts: Path = SCRIPTS) -> None:
    """Run migrations in the caller's transaction."""
    directory = ScriptDirectory(str(scripts))
    with Operations.context(MigrationContext.configure(connection)):
        for revision in revisions:
            directory.get_revision(revision).module.upgrade()
    connection.execute(sa.update(tables.alembic_version).values(version_num=revisions[-1]))


def known_revisions(scripts: Path = SCRIPTS) -> list[str]:
    """The revisions, the oldest first."""
    return [script.revision for script in ScriptDirectory(str(scripts)).walk_revisions()][::-1]
