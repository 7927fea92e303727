"""The doctor finds each kind of damage, and mends it or takes it out."""

import errno
import json
import os
import pwd
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conftest import FakeEncoder, article, in_words, whole

from rag import database as tables
from rag import generations, sqlite
from rag.collection import DATABASE_FILE, QUARANTINE
from rag.doctor import Problem, examine
from rag.embedding import embed
from rag.errors import CollectionError, CorruptError, ModelMismatchError
from rag.index import _FEW_CHANGES, EmbeddedIndex
from rag.repair import purge, repair
from rag.store import Embedded, Store
from rag.types import Article

SAME = "The storm came in the night and took the roofs of eleven houses by the old harbour wall."


def embed_with_fake(articles: Sequence[Article]) -> list[Embedded]:
    return embed(FakeEncoder(), articles)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three articles, two of one story, in a generation."""
    folder = tmp_path / "data"
    with Store.create(folder, FakeEncoder.name) as store:
        many = " ".join(f"w{i}" for i in range(_FEW_CHANGES + 1))
        store.put([in_words(article(many)), whole(article(SAME, "b")), whole(article(SAME, "c"))])
        EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
    return folder


@pytest.fixture
def sql(folder: Path) -> Iterator[Callable[[str], None]]:
    """Runs a statement on the database, past every foreign key."""
    engine = sqlite.connect(folder / DATABASE_FILE)

    def run(statement: str) -> None:
        with engine.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.executescript(statement)
            cursor.close()

    yield run
    engine.dispose()


def test_a_sound_collection_has_no_problem(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert examine(folder, lambda done, total: seen.append((done, total))) == []
    assert seen == [(3, 3)]
    assert repair(folder, embed_with_fake) == []


def test_an_empty_collection_is_sound(tmp_path: Path) -> None:
    Store.create(tmp_path, "e5").close()
    assert examine(tmp_path) == []
    purge(tmp_path)
    assert examine(tmp_path) == []


@pytest.mark.parametrize(
    ("statement", "check", "article_id"),
    [
        ("UPDATE articles SET text = text || 'x' WHERE id = 'b'", "articles", "b"),
        ("UPDATE articles SET text = X'FF00FF' WHERE id = 'b'", "articles", "b"),
        ("UPDATE passages SET \"end\" = 9999 WHERE article_id = 'b'", "passages", "b"),
        ("UPDATE passages SET start = -1 WHERE article_id = 'b'", "passages", "b"),
        ("UPDATE vectors SET vector = X'00' WHERE passage_id = 502", "passages", "b"),
        ("UPDATE vectors SET vector = zeroblob(16) WHERE passage_id = 502", "passages", "b"),
        ("DELETE FROM vectors WHERE passage_id = 502", "passages", "b"),
        ("DELETE FROM tellings WHERE article_id = 'c'", "stories", None),
        ("UPDATE tellings SET story = 'c' WHERE article_id = 'b'", "stories", None),
        ("DELETE FROM pairs", "stories", None),
        ("DELETE FROM fingerprints WHERE article_id = 'b'", "stories", None),
        ("INSERT INTO fingerprints VALUES (1, 'ghost')", "stories", None),
        ("INSERT INTO pairs VALUES ('b', 'ghost')", "stories", None),
        ("INSERT INTO passages VALUES (9000, 'ghost', 0, 1, 1)", "database", None),
        ("UPDATE meta SET value = '0' WHERE key = 'seq'", "database", None),
        ("UPDATE meta SET value = 'x' WHERE key = 'seq'", "database", None),
    ],
)
def test_damage_is_found_and_mended(
    folder: Path,
    sql: Callable[[str], None],
    statement: str,
    check: str,
    article_id: str | None,
) -> None:
    sql(statement)
    problems = examine(folder)
    assert (check, article_id) in {(p.check, p.article_id) for p in problems}
    assert repair(folder, embed_with_fake)
    assert examine(folder) == []
    with Store.open(folder) as store:
        kept = {"a", "b", "c"} - ({"b"} if check == "articles" else set())
        assert {a.id for a in store.page()} == kept
        index = EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
        assert len(index) == store.counts()[1] == 501 + len(kept) - 1


def test_an_id_that_is_damaged_wherever_it_stands_is_found_and_mended(tmp_path: Path) -> None:
    """In rows and in the database's own indexes, which then disagree."""
    folder = tmp_path / "data"
    with Store.create(folder, FakeEncoder.name) as store:
        store.put([whole(article(f"The storm {n} came.", f"story-{n}")) for n in range(20)])
    sound = (folder / DATABASE_FILE).read_bytes()
    places = [found.start() for found in re.finditer(b"story-8", sound)]
    assert len(places) > 5
    for place in places:
        damaged = bytearray(sound)
        damaged[place] ^= 1
        (folder / DATABASE_FILE).write_bytes(damaged)
        assert examine(folder), place
        repair(folder, embed_with_fake)
        assert examine(folder) == []


def test_a_text_of_which_a_part_is_in_no_passage_is_found_and_cut_again(
    folder: Path, sql: Callable[[str], None]
) -> None:
    sql("DELETE FROM vectors WHERE passage_id = 7; DELETE FROM passages WHERE id = 7")
    (problem, *_) = examine(folder)
    assert problem == Problem("passages", "'w6' is in no passage", "a")
    assert repair(folder, embed_with_fake)
    assert examine(folder) == []
    sql("DELETE FROM vectors WHERE passage_id = 502; DELETE FROM passages WHERE id = 502")
    assert ("passages", "b") in {(p.check, p.article_id) for p in examine(folder)}


def test_a_damaged_article_is_kept_in_quarantine(folder: Path, sql: Callable[[str], None]) -> None:
    sql("UPDATE articles SET text = replace(text, 'storm', 'sturm') WHERE id = 'b'")
    repair(folder, embed_with_fake)
    (file,) = (folder / QUARANTINE).iterdir()
    kept = json.loads(file.read_text())
    assert kept["id"] == "b"
    assert "sturm" in kept["text"]


def test_a_damaged_text_is_never_answered_from(folder: Path, sql: Callable[[str], None]) -> None:
    sql("UPDATE articles SET text = replace(text, 'storm', 'sturm') WHERE id = 'b'")
    with Store.open(folder) as store:
        with pytest.raises(CorruptError, match=r"text of article 'b' was damaged.*--repair"):
            store.get("b")
        assert store.get("c").text == SAME


@pytest.mark.parametrize("column", ["published", "removed"])
def test_a_damaged_value_is_told_in_one_line(
    folder: Path, sql: Callable[[str], None], column: str
) -> None:
    sql(f"UPDATE articles SET {column} = '2024-0?-01' WHERE id = 'b'")
    with Store.open(folder) as store, pytest.raises(CorruptError, match="holds a damaged value"):
        store.get("b")


def test_a_passage_without_its_article_is_told_in_one_line(
    folder: Path, sql: Callable[[str], None]
) -> None:
    sql("INSERT INTO passages VALUES (9000, 'ghost', 0, 1, 1)")
    with Store.open(folder) as store, pytest.raises(CorruptError, match=r"9000 is of .*'ghost'"):
        store.passages([1, 9000])


def test_a_damaged_index_is_built_again(folder: Path) -> None:
    (vectors,) = (folder / "index").glob("gen-*/vectors.faiss")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    assert [p.check for p in examine(folder)] == ["index"]
    assert repair(folder, embed_with_fake) == ["built the index again"]
    assert examine(folder) == []


def test_leftovers_are_found_and_removed(folder: Path) -> None:
    (folder / "index" / "gen-9-dead.tmp").mkdir()
    (folder / "index" / "CURRENT.tmp").write_text("gen")
    (folder / "x.partial").write_text("half")
    folder.chmod(0o755)
    assert [p.check for p in examine(folder)] == ["files"] * 4
    repair(folder, embed_with_fake)
    assert examine(folder) == []
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_generation_that_another_process_writes_is_no_leftover(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    unfinished = folder / "index" / "gen-9-alive.tmp"
    unfinished.mkdir()
    (folder / "x.partial").write_text("half")
    with generations.build_lock(folder / "index"):
        assert [p.what for p in examine(folder)] == ["x.partial is a leftover"]
        repair(folder, embed_with_fake)
        assert unfinished.exists()
    assert "another process is building the index" in caplog.text
    assert [p.what for p in examine(folder)] == ["index/gen-9-alive.tmp is a leftover"]


@contextmanager
def nothing_can_be_written(folder: Path) -> Iterator[None]:
    """By this process, which is no longer root's if it was, in the folder."""
    us, nobody = os.getuid(), pwd.getpwnam("nobody").pw_uid
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o500 if path.is_dir() else 0o400)
        if us == 0:
            os.chown(path, nobody, -1)
    if us == 0:
        os.setresuid(nobody, nobody, 0)
    try:
        yield
    finally:
        if us == 0:
            os.setresuid(0, 0, 0)
        for path in paths:
            path.chmod(0o700)


@pytest.mark.parametrize("wal", [False, True], ids=["rollback journal", "write-ahead log"])
def test_a_folder_that_cannot_be_written_can_be_checked(
    folder: Path, wal: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = (3, 51, 3) if wal else (3, 51, 2)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    # Not in pytest's folder, which only the user who runs the tests can look into.
    with tempfile.TemporaryDirectory(prefix="dateline-doctor-") as outside:
        Path(outside).chmod(0o755)
        copy = Path(outside, "data")
        shutil.copytree(folder, copy)
        Store.open(copy).close()
        (copy / "index" / "gen-9-dead.tmp").mkdir()
        with nothing_can_be_written(copy):
            assert examine(copy) == []
            for mending in (lambda: repair(copy, embed_with_fake), lambda: purge(copy)):
                with pytest.raises(CollectionError, match="cannot be written: leave out --repair"):
                    mending()
        assert (
            "cannot be locked (Permission denied): what lies beside it was not examined"
            in caplog.text
        )
        assert [p.what for p in examine(copy)] == ["index/gen-9-dead.tmp is a leftover"]


def test_an_index_that_cannot_be_copied_to_be_read_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", target)

    with tempfile.TemporaryDirectory(prefix="dateline-doctor-") as outside:
        Path(outside).chmod(0o755)
        copy = Path(outside, "data")
        shutil.copytree(folder, copy)
        with nothing_can_be_written(copy):
            monkeypatch.setattr(shutil, "copyfile", full)
            (problem,) = examine(copy)
            assert problem.check == "index"
            assert re.search(r"could not be copied \(.*No space left on device", problem.what)
            monkeypatch.setattr(tempfile, "tempdir", str(copy))
            (problem,) = examine(copy)
            assert re.search(r"could not be copied \(.*Permission denied", problem.what)


def test_what_another_is_writing_is_not_read_as_if_it_stood_still(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder where nothing can be written; with a rollback journal."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    monkeypatch.setattr(tables, "PATIENCE_S", 0.2)
    Store.open(folder).close()
    with (
        tempfile.TemporaryDirectory(prefix="dateline-doctor-") as outside,
        closing(sqlite3.connect(folder / DATABASE_FILE, isolation_level=None)) as other,
    ):
        Path(outside).chmod(0o755)
        busy, killed = Path(outside, "busy"), Path(outside, "killed")
        shutil.copytree(folder, busy)
        # A cache of a page: what is not committed is in the file already.
        other.executescript("PRAGMA cache_size = 1; BEGIN; UPDATE articles SET text = text || 'x'")
        other.execute("UPDATE passages SET start = start + 1")
        shutil.copytree(folder, killed)
        assert (killed / f"{DATABASE_FILE}-journal").read_bytes()[:8].strip(b"\0")
        with closing(sqlite3.connect(busy / DATABASE_FILE, isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            with nothing_can_be_written(busy), pytest.raises(CollectionError, match="in use by"):
                examine(busy)
        with nothing_can_be_written(killed), pytest.raises(CollectionError, match="who owns it"):
            examine(killed)


def test_a_database_beyond_reading_is_the_one_problem(folder: Path) -> None:
    path = folder / DATABASE_FILE
    path.write_bytes(path.read_bytes()[:2000])
    (problem, *_) = examine(folder)
    assert isinstance(problem, Problem)
    assert problem.check == "database"
    assert "'dateline restore FILE'" in problem.what
    with pytest.raises(CorruptError, match="'dateline restore FILE'"):
        repair(folder, embed_with_fake)


def test_the_vectors_of_another_dimension_are_refused_with_both(folder: Path) -> None:
    with (
        Store.open(folder) as store,
        pytest.raises(ModelMismatchError, match=r"of 4 dimensions.* now gives 7: set DATELINE_"),
    ):
        store.check_encoder(FakeEncoder.name, 7)
