"""The store is the truth: what it acknowledged stays, and nothing else comes out of it."""

import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import sqlalchemy as sa
from conftest import article, at, in_words, whole

from rag import sqlite as sqlite_file
from rag.collection import DATABASE_FILE
from rag.errors import CollectionError, CorruptError, ModelMismatchError, NotFoundError
from rag.feedback import Judgement
from rag.passage_store import EVERYTHING, Filter
from rag.store import Embedded, Store
from rag.types import Article, Passage

pytestmark = pytest.mark.every_database

FULL = Article(
    id="cup",
    text="Ann won.\n😀 Cafe\u0301 \u202e.",
    title="Ann wins",
    published=date(2024, 2, 29),
    published_from="text",
    byline="Bo Li",
    source="Ellan Post",
    url="https://news.example/cup",
    language="en",
    origin="/news/2024/ann.cup.html",
    removed=("Share this", "Advertisement"),
)
BARE = article("Bob lost.", "bare")


def all_passages(store: Store, after: int = 0, up_to: int | None = None) -> dict[int, str]:
    """Text of each live passage by id."""
    return {p.id: p.text for some in store.passages_after(after, up_to) for p in some}


def ids_of(articles: list[Article]) -> list[str]:
    return sorted(a.id for a in articles)


# --- opening


def test_a_new_collection_is_empty_private_and_remembers_its_encoder(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "data"
    with Store.create(folder, "e5@1234") as store:
        assert store.counts() == (0, 0)
        assert store.seq == 0
        assert store.encoder == "e5@1234"
        assert store.page() == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_an_empty_folder_that_exists_becomes_a_collection(tmp_path: Path) -> None:
    with Store.create(tmp_path, "e5") as store:
        assert store.counts() == (0, 0)


def test_creating_again_opens_what_is_there(tmp_path: Path, database_url: str | None) -> None:
    with Store.create(tmp_path / "data", "e5", database_url) as first:
        first.put([whole(BARE)])
        collection = first.collection
    with Store.create(tmp_path / "data", "e5", database_url) as again:
        assert again.collection == collection
        assert again.get("bare") == BARE


def test_two_collections_have_different_ids(tmp_path: Path) -> None:
    with Store.create(tmp_path / "a", "e5") as a, Store.create(tmp_path / "b", "e5") as b:
        assert a.collection != b.collection


@pytest.mark.parametrize("exists", [True, False])
def test_opening_without_a_collection_says_how_to_make_one(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path if exists else tmp_path / "nowhere"
    with pytest.raises(CollectionError, match="run 'dateline ingest PATH' first") as raised:
        Store.open(folder)
    assert f"no collection in {folder}" in str(raised.value)


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(CollectionError, match=r"holds other files.*--data-dir") as raised:
        Store.create(tmp_path, "e5")
    assert str(tmp_path) in str(raised.value)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]


def test_a_file_is_no_folder_for_a_collection(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    for opening in (lambda p: Store.create(p, "e5"), Store.open):
        with pytest.raises(CollectionError, match="--data-dir"):
            opening(tmp_path / "data")


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE meta (key TEXT, value TEXT)")
    connection.execute("INSERT INTO meta VALUES ('schema', '1')")
    connection.commit()
    connection.close()


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database at all " * 100)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1500])


def _overwritten(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[100:] = b"\xa5" * (len(data) - 100)
    path.write_bytes(data)


def _other_schema(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("damage", "error", "says"),
    [
        (_foreign, CorruptError, "was not written by Dateline: name another --data-dir"),
        (
            _garbage,
            CorruptError,
            "cannot be read as a database .*'dateline restore FILE'",
        ),
        (
            _cut,
            CorruptError,
            "cannot be read as a database .*'dateline restore FILE'",
        ),
        (
            _overwritten,
            CorruptError,
            "cannot be read as a database .*'dateline restore FILE'",
        ),
        (
            _other_schema,
            CollectionError,
            "has schema 9999, this version of Dateline reads up to 0001: update",
        ),
    ],
)
def test_a_database_that_is_not_ours_or_damaged_is_refused(
    tmp_path: Path, damage: Callable[[Path], None], error: type[Exception], says: str
) -> None:
    if damage is not _foreign:
        with Store.create(tmp_path, "e5") as store:
            store.put([whole(BARE)])
    damage(tmp_path / DATABASE_FILE)
    for opening in (lambda p: Store.create(p, "e5"), Store.open):
        with pytest.raises(error, match=says) as raised:
            opening(tmp_path)
        assert str(tmp_path / DATABASE_FILE) in str(raised.value)
        assert "\n" not in str(raised.value)


def test_another_encoder_is_refused_with_both_names(
    tmp_path: Path, database_url: str | None
) -> None:
    with (
        Store.create(tmp_path, "e5@1111", database_url) as store,
        pytest.raises(ModelMismatchError, match=r"'e5@1111'.*'minilm@2222'.*DATELINE_ENCODER"),
    ):
        store.check_encoder("minilm@2222")
    with pytest.raises(ModelMismatchError, match=r"'e5@1111'.*'minilm@2222'"):
        Store.create(tmp_path, "minilm@2222", database_url)


# --- putting


@pytest.mark.parametrize("given", [FULL, BARE])
def test_an_article_comes_back_as_it_was(store: Store, given: Article) -> None:
    store.put([whole(given)])
    assert store.get(given.id) == given
    assert store.get(given.id).sha256 == given.sha256


def test_an_article_without_passages_is_stored(store: Store) -> None:
    store.put([Embedded(article(""), (), np.zeros((0, 4), dtype=np.float32))])
    assert store.counts() == (1, 0)
    assert store.get("a").text == ""


def test_put_replaces_the_article_with_its_id(store: Store) -> None:
    store.put([in_words(article("one two three", title="Old")), in_words(article("other", "b"))])
    before = all_passages(store)
    store.put([in_words(article("four five", title="New"))])
    assert store.get("a") == article("four five", title="New")
    assert store.counts() == (2, 3)
    after = all_passages(store)
    assert sorted(after.values()) == ["five", "four", "other"]
    (other,) = before.keys() & after.keys()
    assert after[other] == "other"


def test_ids_are_never_used_again(store: Store) -> None:
    seen: set[int] = set()
    for text in ("one two three", "four five", "six"):
        store.put([in_words(article(text))])
        ids = set(all_passages(store))
        assert not ids & seen
        seen |= ids
        store.delete("a")
        assert store.counts() == (0, 0)


def test_ids_are_not_used_again_after_a_restart(tmp_path: Path, database_url: str | None) -> None:
    with Store.create(tmp_path, "e5", database_url) as store:
        store.put([in_words(article("one two three"))])
        before = set(all_passages(store))
        store.delete("a")
    with Store.open(tmp_path, database_url) as store:
        store.put([in_words(article("four"))])
        assert min(all_passages(store)) > max(before)


def test_seq_rises_by_one_a_write(store: Store) -> None:
    def puts(*items: Embedded) -> Callable[[], None]:
        return lambda: store.put(items)

    steps: list[tuple[Callable[[], None], int]] = [
        (puts(whole(FULL), whole(BARE)), 1),
        (puts(whole(BARE)), 2),
        (puts(), 2),
        (lambda: store.delete("cup"), 3),
    ]
    for step, expected in steps:
        step()
        assert store.seq == expected
    with pytest.raises(NotFoundError):
        store.delete("cup")
    assert store.seq == 3


@pytest.mark.parametrize(
    "bad",
    [
        replace(in_words(article("five six", "b")), vectors=np.stack([at(0)])),
        replace(in_words(article("five six", "b")), vectors=np.stack([at(0)] * 3)),
        in_words(article("new", "new")),  # the same new id twice in one batch
    ],
)
def test_a_failed_put_changes_nothing(store: Store, bad: Embedded) -> None:
    store.put([in_words(article("one two")), in_words(article("three four", "b"))])
    before = all_passages(store)
    good = in_words(article("changed"))
    with pytest.raises(Exception, match=r"(?i)zip\(\)|unique"):
        store.put([good, in_words(article("new", "new")), bad])
    assert store.seq == 1
    assert all_passages(store) == before
    assert store.get("a").text == "one two"
    assert ids_of(store.page()) == ["a", "b"]
    store.put([good])
    assert store.seq == 2
    assert store.get("a").text == "changed"


# --- deleting


def test_a_deleted_article_is_gone_with_its_passages(store: Store) -> None:
    store.put([in_words(article("one two")), in_words(article("three", "b"))])
    ids = list(all_passages(store))
    store.delete("a")
    assert ids_of(store.page()) == ["b"]
    assert store.get_many(["a", "b"]) == [article("three", "b")]
    assert list(all_passages(store).values()) == ["three"]
    assert {p.text for p in store.passages(ids).values()} == {"three"}
    assert store.counts() == (1, 1)


def test_an_unknown_article_is_not_found(store: Store) -> None:
    for act in (store.get, store.delete):
        with pytest.raises(NotFoundError, match="no article 'ghost': 'dateline articles list'"):
            act("ghost")


# --- finding


def test_articles_are_paged_newest_first_undated_last(store: Store) -> None:
    days = {"b": date(2024, 1, 2), "c": None, "d": date(2024, 1, 3), "a": date(2024, 1, 2)}
    store.put([whole(article("x", id, published=day)) for id, day in days.items()])
    assert [a.id for a in store.page()] == ["d", "a", "b", "c"]
    assert [a.id for a in store.page(limit=2)] == ["d", "a"]
    assert [a.id for a in store.page(limit=2, offset=3)] == ["c"]
    assert store.page(offset=4) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cup"], ["cup"]),
        (["ann.cup"], ["cup"]),
        (["cup", "ann.cup", "cup"], ["cup"]),
        (["bare", "ann.cup"], ["bare", "cup"]),
        (["ann.cup.html"], []),
        (["CUP", ""], []),
        ([], []),
        ([f"n{i}" for i in range(1200)] + ["bare"], ["bare"]),
    ],
)
def test_find_by_id_or_stem(store: Store, names: list[str], expected: list[str]) -> None:
    store.put([whole(FULL), whole(BARE)])
    assert ids_of(store.find(names)) == expected


def test_one_stem_in_two_folders_finds_both(store: Store) -> None:
    store.put([whole(article("x", id, origin=f"/{id}/vote.txt")) for id in ("a", "b")])
    assert ids_of(store.find(["vote"])) == ["a", "b"]


def test_find_origin(store: Store) -> None:
    store.put([whole(FULL), whole(BARE)])
    assert store.find_origin("/news/2024/ann.cup.html") == FULL
    assert store.find_origin("/news/ann.cup.html") is None


def test_ids_come_in_the_order_of_their_code_points(store: Store) -> None:
    ids = ["B", "a", "Z", "ä", "a b", "a-b", "é", "z", "Ω", "😀", "_"]
    store.put([whole(article("x", id)) for id in ids])
    assert [a.id for a in store.page(100)] == sorted(ids)
    assert store.ids("") == sorted(ids)


def test_a_prefix_is_taken_as_it_is_written(store: Store) -> None:
    store.put([whole(article("x", id)) for id in ("a%b", "axb", "A%b", "a_b", "a%", "a%b😀", "b")])
    assert store.ids("a%") == ["a%", "a%b", "a%b😀"]
    assert store.ids("a_") == ["a_b"]
    assert store.ids("a%b😀") == ["a%b😀"]


def test_fields_may_be_long(store: Store) -> None:
    noise = np.random.default_rng(3).integers(0x4E00, 0x9FFF, 9000)  # nothing that compresses
    long = "".join(map(chr, noise))
    given = article("A storm came", source=long, origin=f"/{long}.txt", url=long, title=long)
    store.put([whole(given)])
    assert store.get("a") == given
    assert store.find([long]) == store.find(["a"]) == [given]
    assert store.find_origin(f"/{long}.txt") == given
    assert store.live([1], Filter(sources=(long,))) == {1}
    store.judge(Judgement(long, long, True, ("a",)))
    store.judge(Judgement(long, long, False, ("a",)))
    assert store.judgements() == [Judgement(long, long, False, ("a",))]


# --- passages

DATED = [
    article("one", "early", published=date(2024, 1, 1), source="Ellan Post"),
    article("two", "late", published=date(2024, 1, 31), source="The Tidings"),
    article("three", "undated", source="ellan post"),
    article("four", "nameless", published=date(2024, 1, 15)),
]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (EVERYTHING, ["early", "late", "nameless", "undated"]),
        (Filter(since=date(2024, 1, 15)), ["late", "nameless"]),
        (Filter(since=date(2024, 1, 16)), ["late"]),
        (Filter(until=date(2024, 1, 15)), ["early", "nameless"]),
        (Filter(until=date(2024, 1, 14)), ["early"]),
        (Filter(since=date(2024, 1, 1), until=date(2024, 1, 1)), ["early"]),
        (Filter(since=date(2024, 2, 1), until=date(2024, 1, 1)), []),
        (Filter(sources=("ELLAN POST",)), ["early", "undated"]),
        (Filter(sources=("The Tidings", "Ellan Post")), ["early", "late", "undated"]),
        (Filter(sources=("Ellan",)), []),
        (Filter(since=date(2024, 1, 1), sources=("Ellan Post",)), ["early"]),
    ],
)
def test_filters(store: Store, where: Filter, expected: list[str]) -> None:
    store.put([whole(a) for a in DATED])
    ids = list(all_passages(store))
    live = store.live([*ids, 999], where)
    found = store.passages([*live, 999])
    assert sorted(p.article.id for p in found.values()) == expected
    assert store.passages_passing(where).tolist() == sorted(live)


def test_passages_are_whole_passages(store: Store) -> None:
    store.put([in_words(FULL)])
    found = store.passages(list(all_passages(store)))
    assert [found[i] for i in sorted(found)] == [
        replace(p, id=i) for i, p in zip(sorted(found), in_words(FULL).passages, strict=True)
    ]


def test_more_ids_than_one_statement_takes(store: Store) -> None:
    store.put([in_words(article(" ".join(f"w{i}" for i in range(1100))))])
    ids = list(all_passages(store))
    assert len(store.live(ids, EVERYTHING)) == len(store.passages(ids)) == 1100
    assert store.live([], EVERYTHING) == set()
    assert store.passages([]) == {}


def test_passages_carry_title_exact_text_and_vector(store: Store) -> None:
    item = in_words(replace(FULL, text="😀😀 Cafe\u0301 שלום won"), first_degrees=30, step=7)
    store.put([item])
    ((*rows,),) = store.passages_after(0)
    assert [row.text for row in rows] == [p.text for p in item.passages]
    assert {row.title for row in rows} == {"Ann wins"}
    np.testing.assert_array_equal(np.stack([row.vector for row in rows]), item.vectors)


def test_vectors_of_the_passages_that_exist(store: Store) -> None:
    given = in_words(article(" ".join(f"w{i}" for i in range(1100))))
    store.put([given, whole(article("gone", "b"))])
    store.delete("b")
    ids, vectors = store.vectors(list(range(1200, 0, -1)))
    assert sorted(ids) == list(range(1, 1101))
    np.testing.assert_array_equal(vectors, given.vectors[np.array(ids) - 1])
    assert store.vectors([1101])[0] == []
    assert store.vectors([])[0] == []


def test_a_vector_of_another_length_is_told(store: Store) -> None:
    store.put([in_words(article("one two"))])
    shortened = "UPDATE vectors SET vector = substr(vector, 1, 4) WHERE passage_id = 2"
    with store._engine.begin() as connection:
        connection.exec_driver_sql(shortened)
    with pytest.raises(CorruptError, match="doctor --repair"):
        store.vectors([1, 2])


def test_an_untitled_articles_passages_have_an_empty_title(store: Store) -> None:
    store.put([whole(BARE)])
    ((row,),) = store.passages_after(0)
    assert row.title == ""


def test_passages_by_sequence_number(store: Store) -> None:
    for n, word in enumerate(("one", "two", "three"), start=1):
        store.put([whole(article(word, word))])
        assert store.seq == n
    assert list(all_passages(store, 1).values()) == ["two", "three"]
    assert list(all_passages(store, 1, 2).values()) == ["two"]
    assert list(store.passages_after(3)) == []
    store.delete("one")
    assert store.passage_ids(0).tolist() == []
    assert store.passage_ids(2).tolist() == [2]
    assert store.passage_ids(9).tolist() == [2, 3]


# --- several at once


def test_two_stores_on_one_folder_see_each_others_writes(
    tmp_path: Path, database_url: str | None
) -> None:
    with (
        Store.create(tmp_path, "e5", database_url) as one,
        Store.open(tmp_path, database_url) as two,
    ):
        one.put([whole(article("first"))])
        assert two.get("a").text == "first"
        two.put([whole(article("second"))])
        assert one.get("a").text == "second"
        assert one.seq == two.seq == 2
        two.delete("a")
        assert one.counts() == (0, 0)


def test_writes_from_many_threads_are_all_kept(tmp_path: Path, database_url: str | None) -> None:
    def write(store: Store, worker: int) -> None:
        for n in range(4):
            store.put([in_words(article(f"text {worker} {n}", f"{worker}-{n}"))])
            store.put([in_words(article(f"shared {worker} {n}", "shared"))])

    with (
        Store.create(tmp_path, "e5", database_url) as one,
        Store.open(tmp_path, database_url) as two,
    ):
        threads = [Thread(target=write, args=((one, two)[w % 2], w)) for w in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert one.seq == 6 * 4 * 2
        expected = ["shared", *(f"{w}-{n}" for w in range(6) for n in range(4))]
        assert ids_of(one.page(limit=100)) == sorted(expected)
        assert one.counts() == (25, 75)
        for w in range(6):
            for n in range(4):
                assert two.get(f"{w}-{n}").text == f"text {w} {n}"


def test_a_reader_sees_the_old_or_the_new_article_never_a_mix(store: Store) -> None:
    versions = {v: whole(article(f"{v} " * 50 + v, title=v)) for v in ("old", "new")}
    store.put([versions["old"]])
    seen: list[tuple[str | None, str]] = []

    def watch() -> None:
        for _ in range(40):
            for found in store.get_many(["a"]):
                seen.append((found.title, found.text.split()[0]))
            for live in store.passages(list(range(1, 50))).values():
                assert isinstance(live, Passage)
                seen.append((live.article.title, live.text.split()[-1]))

    watching = Thread(target=watch)
    watching.start()
    for n in range(10):
        store.put([versions["new" if n % 2 == 0 else "old"]])
    watching.join()
    assert seen
    assert {title == word for title, word in seen} == {True}


def test_an_error_that_is_logged_does_not_tell_the_texts(tmp_path: Path) -> None:
    engine = sqlite_file.connect(tmp_path / "empty.sqlite3")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as failed:
        connection.execute(sa.text("SELECT 1 WHERE text IS :text FROM"), {"text": FULL.text})
    engine.dispose()
    assert "syntax error" in str(failed.value)
    assert "Ann won" not in str(failed.value)
