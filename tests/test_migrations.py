"""A collection of an older release is brought to the present tables, or left as it was."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import article, whole

from rag import database as tables
from rag import sqlite as sqlite_file
from rag.collection import BACKUPS, DATABASE_FILE, open_collection
from rag.errors import CollectionError
from rag.migrations import SCRIPTS, known_revisions, run, upgrade
from rag.store import Store

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("articles", sa.Column("mood", sa.Text))
    {then}
"""


def described(path: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(path) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
    connection.close()
    return [(name, " ".join(sql.split())) for name, sql in rows]


@pytest.fixture
def scripts(tmp_path: Path) -> Callable[[str], Path]:
    """The folder of migrations with one more, that ends in a given statement."""

    def make(then: str) -> Path:
        folder = tmp_path / "scripts"
        shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "v0002_next.py").write_text(NEXT.format(then=then))
        return folder

    return make


def test_the_migrations_make_the_tables_that_a_new_collection_has(tmp_path: Path) -> None:
    Store.create(tmp_path / "new", "e5").close()
    migrated = tmp_path / "migrated.sqlite3"
    engine = sqlite_file.connect(migrated)
    with engine.execution_options(write=True).begin() as connection:
        tables.alembic_version.create(connection)
        run(connection, known_revisions())
    assert described(migrated) == described(tmp_path / "new" / DATABASE_FILE)
    engine.dispose()


def test_the_newest_migration_is_the_schema_of_the_tables() -> None:
    assert known_revisions()[-1] == tables.SCHEMA


def test_a_pending_migration_is_run_once_after_a_copy_was_made(
    tmp_path: Path, scripts: Callable[[str], Path]
) -> None:
    folder = tmp_path / "data"
    with Store.create(folder, "e5") as store:
        store.put([whole(article("A storm came"))])
    engine = open_collection(folder)
    with_next = scripts("pass")
    for _ in range(2):
        upgrade(engine, folder, with_next)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, mood FROM articles").all() == [("a", None)]
        assert connection.exec_driver_sql("SELECT * FROM alembic_version").all() == [("0002",)]
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()
    (copy,) = (folder / BACKUPS).iterdir()
    assert copy.name.startswith("schema-0001-")
    with sqlite3.connect(copy) as old:
        assert old.execute("SELECT id, text FROM articles").fetchall() == [("a", "A storm came")]
    old.close()
    with pytest.raises(CollectionError, match=r"has schema 0002, .* reads up to 0001: update"):
        Store.open(folder)


@pytest.mark.parametrize(
    ("then", "error"),
    [
        ("raise RuntimeError('half way')", "half way"),
        ('op.execute("DELETE FROM articles")', "a row of (passages|tellings) refers to nothing"),
    ],
)
def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, scripts: Callable[[str], Path], then: str, error: str
) -> None:
    folder = tmp_path / "data"
    with Store.create(folder, "e5") as store:
        store.put([whole(article("A storm came"))])
    before = described(folder / DATABASE_FILE)
    engine = open_collection(folder)
    with pytest.raises(Exception, match=error):
        upgrade(engine, folder, scripts(then))
    engine.dispose()
    assert described(folder / DATABASE_FILE) == before
    with Store.open(folder) as store:
        assert store.get("a").text == "A storm came"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists open files by /proc")
def test_a_collection_that_is_refused_is_not_kept_open(tmp_path: Path) -> None:
    Store.create(tmp_path / "data", "e5").close()
    database = tmp_path / "data" / DATABASE_FILE
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CollectionError, match="9999") as refused:
        open_collection(tmp_path / "data")
    assert refused.tb is not None  # whose frames hold what the garbage collector would close
    held = [os.readlink(file) for file in Path("/proc/self/fd").iterdir() if file.exists()]
    assert str(database) not in held
