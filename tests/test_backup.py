"""A backup is the collection of one moment, or no file at all."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from conftest import FakeEncoder, article, in_words, whole

from rag import backup
from rag import database as tables
from rag.backup import back_up, restore
from rag.collection import DATABASE_FILE
from rag.doctor import examine
from rag.errors import CollectionError, CorruptError, InputError
from rag.index import EmbeddedIndex
from rag.store import Store

SAME = "The storm came in the night and took the roofs of eleven houses by the old harbour wall."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store.create(tmp_path / "data", FakeEncoder.name) as store:
        store.put([in_words(article("A storm came")), whole(article("The vote was lost", "b"))])
    return tmp_path / "data"


def test_what_was_backed_up_comes_back_under_another_id(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    file = tmp_path / "safe.sqlite3"
    with Store.open(folder) as store:  # in use meanwhile
        assert back_up(folder, file, lambda done, total: seen.append((done, total))) == 2
        store.delete("a")
        original = store.collection
    assert seen[-1][0] == seen[-1][1] > 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "safe.sqlite3"]
    assert restore(file, tmp_path / "new") == 2
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    with Store.open(tmp_path / "new") as store:
        assert store.collection != original
        assert store.get("a").text == "A storm came"
        index = EmbeddedIndex(tmp_path / "new" / "index", store, FakeEncoder.dimension)
        assert len(index.lexical("storm", 5)) == 1


@pytest.mark.parametrize(("missing", "file"), [(False, "data/dateline.sqlite3"), (True, "x")])
def test_a_backup_overwrites_nothing_and_needs_a_collection(
    folder: Path, tmp_path: Path, missing: bool, file: str
) -> None:
    before = (folder / DATABASE_FILE).stat().st_size
    source = tmp_path / "nowhere" if missing else folder
    with pytest.raises((InputError, CollectionError), match=r"exists: name|no collection in"):
        back_up(source, tmp_path / file)
    assert (folder / DATABASE_FILE).stat().st_size == before


def test_a_backup_into_no_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*No such file"):
        back_up(folder, tmp_path / "nowhere" / "safe.sqlite3")


def test_nothing_is_restored_over_something(folder: Path, tmp_path: Path) -> None:
    back_up(folder, tmp_path / "safe.sqlite3")
    with pytest.raises(InputError, match="is not empty: name a new"):
        restore(tmp_path / "safe.sqlite3", folder)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5000])


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4096 * 2 : 4096 * 3] = bytes(4096)
    file.write_bytes(data)


def _foreign(file: Path) -> None:
    file.unlink()
    sqlite3.connect(file).execute("CREATE TABLE notes (a)").connection.close()


@pytest.mark.parametrize("damage", [_truncate, _flip, _foreign])
def test_a_damaged_backup_is_not_restored(folder: Path, tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "safe.sqlite3"
    back_up(folder, file)
    damage(file)
    with pytest.raises(InputError, match=r"(?s)is no sound backup .*: name another that"):
        restore(file, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_missing_backup_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*'dateline backup'"):
        restore(tmp_path / "nothing", tmp_path / "new")


def test_a_backup_that_is_not_sound_is_removed(folder: Path, tmp_path: Path) -> None:
    _flip(folder / DATABASE_FILE)
    with pytest.raises(CorruptError, match=r"was not sound and was removed: run 'dateline doctor'"):
        back_up(folder, tmp_path / "safe.sqlite3")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_writers_hardly_wait_for_a_backup(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its copy begins again when something was written, and is as of one moment all the same."""
    monkeypatch.setattr(backup, "_PAGES", 4)
    waited: list[float] = []
    with Store.open(folder) as store:

        def copied(done: int, total: int) -> None:
            time.sleep(0.02)
            if done > total / 2 and len(waited) < 3:
                began = time.monotonic()
                writer = threading.Thread(
                    target=store.put, args=([whole(article(SAME, f"new{len(waited)}"))],)
                )
                writer.start()
                writer.join(20)
                waited.append(time.monotonic() - began)

        back_up(folder, tmp_path / "copy.sqlite3", copied)
        ids = {a.id for a in store.page()}
    assert max(waited) < 2
    assert {f"new{n}" for n in range(3)} < ids
    restore(tmp_path / "copy.sqlite3", tmp_path / "restored")
    with Store.open(tmp_path / "restored") as restored:
        assert {a.id for a in restored.page()} == ids
    assert examine(tmp_path / "restored") == []


def test_a_backup_ends_however_much_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_PAGES", 4)
    over = threading.Event()

    def write() -> None:
        with Store.open(folder) as store:
            number = 0
            while not over.wait(0.01):
                store.put([whole(article(SAME, f"new{number % 5}"))])
                number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        back_up(folder, tmp_path / "copy.sqlite3", lambda _done, _total: time.sleep(0.005))
    finally:
        over.set()
        writer.join(20)
    restore(tmp_path / "copy.sqlite3", tmp_path / "restored")
    assert examine(tmp_path / "restored") == []


def test_a_lock_that_is_never_released_ends_a_backup(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken in the middle of the copy."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))  # a rollback journal
    monkeypatch.setattr(tables, "PATIENCE_S", 0.2)
    monkeypatch.setattr(backup, "_PAGES", 4)
    Store.open(folder).close()
    until = time.monotonic() + 10
    with closing(sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)) as other:

        def copied(_done: int, _total: int) -> None:
            assert time.monotonic() < until, "it goes on"
            if not other.in_transaction:
                other.execute("BEGIN EXCLUSIVE")

        with pytest.raises(CollectionError, match="was in use by another process"):
            back_up(folder, tmp_path / "copy.sqlite3", copied)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
