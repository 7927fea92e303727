"""The doctor finds each kind of damage, and mends it or takes it out."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from conftest import FakeEncoder, article, in_words, whole

from rag import generations, sqlite
from rag.collection import DATABASE_FILE, QUARANTINE
from rag.doctor import Problem, examine
from rag.embedding import embed
from rag.errors import CorruptError, ModelMismatchError
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
