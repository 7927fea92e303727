"""The commands doctor, backup and restore: what they print, and their exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from conftest import FakeEncoder, article, in_words, whole
from typer.testing import CliRunner

from api.cli import app
from rag.collection import DATABASE_FILE
from rag.errors import CollectionError, InputError
from rag.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store.create(tmp_path / "data", FakeEncoder.name) as store:
        store.put([in_words(article("A storm came")), whole(article("The vote was lost", "b"))])
    return tmp_path / "data"


def dateline(folder: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--data-dir", str(folder)])


def damage(folder: Path) -> None:
    with Store.open(folder) as store, store._write() as connection:
        connection.exec_driver_sql("UPDATE articles SET text = 'A sturm came' WHERE id = 'a'")


def test_a_sound_collection_is_exit_code_0(folder: Path) -> None:
    ran = dateline(folder, "doctor")
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["ok", check] for check in ("database", "articles", "passages", "stories", "index", "files")
    ]


def test_what_is_wrong_is_told_with_the_mend_and_exit_code_1(folder: Path) -> None:
    damage(folder)
    ran = dateline(folder, "doctor")
    assert ran.exit_code == 1
    assert "FAIL articles" in ran.stdout
    assert "dateline: articles: a: the text does not have its SHA-256" in ran.stderr
    assert "'dateline doctor --repair' mends what can be" in ran.stderr


def test_repaired_is_exit_code_0(folder: Path) -> None:
    damage(folder)
    ran = dateline(folder, "doctor", "--repair", "--json")
    assert ran.exit_code == 0
    told = json.loads(ran.stdout)
    assert told["healthy"] is True
    assert told["problems"] == []
    assert "moved 1 article with a damaged text" in told["repaired"][0]


def test_problems_as_json(folder: Path) -> None:
    damage(folder)
    told = json.loads(dateline(folder, "doctor", "--json").stdout)
    assert told == {
        "healthy": False,
        "problems": [
            {
                "check": "articles",
                "what": "the text does not have its SHA-256",
                "article_id": "a",
            }
        ],
        "repaired": [],
    }


def test_purging_takes_what_was_deleted_off_the_disk(folder: Path) -> None:
    with Store.open(folder) as store:
        store.delete("b")
    ran = dateline(folder, "doctor", "--purge")
    assert ran.exit_code == 0
    assert "done: took what was deleted off the disk" in ran.stdout
    assert b"vote was lost" not in (folder / DATABASE_FILE).read_bytes()


def test_a_backup_is_restored(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "safe.sqlite3"
    ran = dateline(folder, "backup", file)
    assert (ran.exit_code, ran.stdout) == (0, f"backed up 2 articles to {file}\n")
    ran = dateline(tmp_path / "new", "restore", file, "--json")
    assert json.loads(ran.stdout) == {"path": str(tmp_path / "new"), "articles": 2}
    assert dateline(tmp_path / "new", "doctor").exit_code == 0


def test_what_cannot_be_done_is_an_error_of_ours(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "safe.sqlite3"
    for _ in range(2):
        ran = dateline(folder, "backup", file)
    assert isinstance(ran.exception, InputError)
    assert isinstance(dateline(folder, "restore", file).exception, InputError)
    for command in (["doctor"], ["doctor", "--repair"], ["doctor", "--purge"], ["backup", "x"]):
        nothing = dateline(tmp_path / "nowhere", *command)
        assert isinstance(nothing.exception, CollectionError), command
