"""The index is a cache: whatever happens to its files, the right passages are found."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from conftest import FakeEncoder, article, at, in_words, whole
from filelock import FileLock

from embeddings.index import VectorIndex
from rag.index import _FEW_CHANGES, EmbeddedIndex, Ranked
from rag.lexical import LexicalIndex
from rag.store import Store

MANY = _FEW_CHANGES + 100
# A vector between those of two passages, a little nearer to the first: nothing ties.
NEAR_100TH = at(10.03)


def many_words(n: int = MANY, prefix: str = "w") -> str:
    return " ".join(f"{prefix}{i}" for i in range(n))


def open_index(folder: Path, store: Store) -> EmbeddedIndex:
    return EmbeddedIndex(folder, store, FakeEncoder.dimension)


def after_writing(index: EmbeddedIndex) -> None:
    """What a writer does."""
    index.compact()
    index.refresh()


def generations(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("gen-*"))


def current(folder: Path) -> Path:
    return folder / (folder / "CURRENT").read_text().split()[0]


def texts(store: Store) -> dict[int, str]:
    return {p.id: p.text for some in store.passages_after(0) for p in some}


def expected_dense(store: Store, vector: np.ndarray, k: int) -> list[int]:
    """By comparing every vector."""
    scored = [(p.id, float(p.vector @ vector)) for some in store.passages_after(0) for p in some]
    return [i for i, _ in sorted(scored, key=lambda pair: -pair[1])][:k]


def expected_lexical(store: Store, query: str, k: int) -> Ranked:
    """From one index in memory over everything."""
    plain = LexicalIndex.in_memory()
    plain.add(
        (p.id, p.article_id, p.title, p.text) for some in store.passages_after(0) for p in some
    )
    return plain.search(query, k)


def assert_right(index: EmbeddedIndex, store: Store) -> None:
    assert [i for i, _ in index.dense(NEAR_100TH, 8)] == expected_dense(store, NEAR_100TH, 8)
    for query in ("w3 w599", "w100", "unheard"):
        assert index.lexical(query, 5) == expected_lexical(store, query, 5)
    assert len(index) == store.counts()[1]


# --- VectorIndex


def test_nearest_come_first_with_their_cosine() -> None:
    index = VectorIndex(4)
    index.add([7, 3, 9], np.stack([at(90), at(0), at(60)]))
    found = index.search(at(0), 2)
    assert [i for i, _ in found] == [3, 9]
    assert [score for _, score in found] == pytest.approx([1.0, 0.5])
    assert len(index) == 3
    assert index.ids.tolist() == [7, 3, 9]


@pytest.mark.parametrize(("held", "k", "found"), [(0, 5, 0), (2, 5, 2), (2, 0, 0), (2, 2, 2)])
def test_no_more_are_found_than_asked_for_or_held(held: int, k: int, found: int) -> None:
    index = VectorIndex(4)
    index.add(list(range(held)), np.array([at(n) for n in range(held)]).reshape(held, 4))
    assert len(index.search(at(0), k)) == found


def test_a_copy_is_added_to_while_the_first_stays_as_it_is() -> None:
    index = VectorIndex(4)
    index.add([2**40, 5], np.stack([at(10), at(20)]))
    copy = index.copy()
    assert copy.search(at(12), 2) == index.search(at(12), 2)
    assert copy.ids.tolist() == [2**40, 5]
    copy.add([6], at(12)[None])
    assert copy.search(at(12), 1)[0][0] == 6
    assert index.search(at(12), 1)[0][0] == 2**40


# --- the delta


def test_an_empty_collection_finds_nothing(index: EmbeddedIndex) -> None:
    assert index.dense(at(0), 5) == []
    assert index.lexical("storm", 5) == []
    assert len(index) == 0


def test_what_was_put_is_found_after_refresh(
    store: Store, index: EmbeddedIndex, encoder: FakeEncoder
) -> None:
    for n, (id, text) in enumerate([("a", "A storm came"), ("b", "The vote was lost")], start=1):
        store.put([whole(article(text, id))])
        index.refresh()
        assert index.dense(encoder.encode_query(text), 1)[0][0] == n
        assert [i for i, _ in index.lexical(text.split()[1], 5)] == [n]


def test_few_changes_write_no_generation(
    store: Store, index: EmbeddedIndex, tmp_path: Path
) -> None:
    store.put([in_words(article(many_words(_FEW_CHANGES)))])
    after_writing(index)
    assert_right(index, store)
    assert generations(tmp_path / "data" / "index") == []


def test_another_process_writing_is_seen_on_refresh(
    store: Store, index: EmbeddedIndex, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "data") as other:
        other.put([whole(article("A storm came"))])
    index.refresh()
    assert len(index.lexical("storm", 5)) == 1


# --- generations


def test_many_changes_write_a_generation_that_finds_the_same(
    store: Store, index: EmbeddedIndex, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "index"
    store.put([in_words(article(many_words(MANY)))])
    after_writing(index)
    assert len(generations(folder)) == 1
    assert_right(index, store)


def test_a_generation_and_a_delta_are_searched_together(
    store: Store, index: EmbeddedIndex, encoder: FakeEncoder
) -> None:
    store.put([in_words(article(many_words(MANY)))])
    after_writing(index)
    store.put([in_words(article("w100 extra", "b"), first_degrees=10.02)])
    after_writing(index)
    found = {i: text for i, text in texts(store).items() if text in ("w100", "extra")}
    assert {i for i, _ in index.lexical("w100 extra", 5)} == set(found)
    assert [i for i, _ in index.dense(NEAR_100TH, 8)] == expected_dense(store, NEAR_100TH, 8)


def test_what_one_part_holds_is_no_typing_error_in_another(
    store: Store, index: EmbeddedIndex
) -> None:
    store.put([in_words(article(f"Merkel {many_words(MANY)}"))])
    after_writing(index)
    store.put([in_words(article("Markel", "b"))])
    after_writing(index)
    words = texts(store)
    assert [words[i] for i, _ in index.lexical("Merkel", 5)] == ["Merkel"]
    assert {words[i] for i, _ in index.lexical("Mrkel", 5)} == {"Merkel", "Markel"}
    assert index.holds("merkel")
    assert index.holds("Markel")
    assert not index.holds("Mrkel")


def test_a_generation_is_opened_again_as_it_was(
    store: Store, index: EmbeddedIndex, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data" / "index"
    store.put([in_words(article(many_words()))])
    after_writing(index)
    store.put([whole(article("A storm came", "b"))])
    after_writing(index)
    before = generations(folder)
    again = open_index(folder, store)
    assert generations(folder) == before
    assert caplog.records == []
    for query in ("w3 w599", "storm"):
        assert again.lexical(query, 5) == index.lexical(query, 5)
    assert again.dense(NEAR_100TH, 5) == index.dense(NEAR_100TH, 5)
    assert len(again) == MANY + 1


def test_two_generations_are_kept_and_unfinished_ones_removed(
    store: Store, index: EmbeddedIndex, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "index"
    (folder / "gen-0-dead.tmp" / "lexical").mkdir(parents=True)
    built = []
    for n in range(3):
        store.put([in_words(article(many_words(prefix=f"p{n}x"), str(n)))])
        after_writing(index)
        built.append(current(folder).name)
        assert [i for i, _ in index.lexical(f"p{n}x7", 5)] == [n * MANY + 8]
    assert len(set(built)) == 3
    assert generations(folder) == sorted(built[1:])


def test_many_deletions_write_a_generation_without_the_deleted(
    store: Store, index: EmbeddedIndex
) -> None:
    store.put([in_words(article(many_words())), in_words(article("keep these", "b"))])
    after_writing(index)
    assert len(index) == MANY + 2
    store.delete("a")
    after_writing(index)
    assert len(index) == 2
    assert index.lexical("w3", 5) == []
    assert [i for i, _ in index.lexical("keep", 5)] == [MANY + 1]


def test_ids_do_not_shift_when_an_article_before_is_deleted(
    store: Store, index: EmbeddedIndex, tmp_path: Path
) -> None:
    first = in_words(article("gone gone2 gone3"))
    store.put([first, in_words(article(many_words(), "b"), first_degrees=5)])
    after_writing(index)
    before = texts(store)
    store.delete("a")
    for searched in (index, open_index(tmp_path / "data" / "index", store)):
        searched.refresh()
        for word in ("w0", "w17", f"w{MANY - 1}"):
            ((found, _),) = searched.lexical(word, 5)
            assert before[found] == word
        ((nearest, _),) = searched.dense(at(5.0 + 0.1 * 17), 1)
        assert before[nearest] == "w17"


def test_who_cannot_build_searches_a_delta(
    store: Store, index: EmbeddedIndex, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "index"
    store.put([in_words(article(many_words()))])
    with FileLock(folder / "build.lock"):
        after_writing(index)
        assert generations(folder) == []
        assert_right(index, store)
    store.put([whole(article("A storm came", "b"))])
    after_writing(index)
    assert len(generations(folder)) == 1


def test_searching_while_another_thread_refreshes(store: Store, index: EmbeddedIndex) -> None:
    store.put([in_words(article("steady"), first_degrees=45)])
    after_writing(index)
    found: list[list[int]] = []
    done = False

    def search() -> None:
        while not done:
            found.append([i for i, _ in index.lexical("steady", 1)])
            found.append([i for i, _ in index.dense(at(45), 1)])

    searching = Thread(target=search)
    searching.start()
    for n in range(4):
        store.put([in_words(article(many_words(200, f"p{n}x"), f"b{n}"), step=0.01)])
        after_writing(index)
    done = True
    searching.join()
    assert found
    assert {tuple(ids) for ids in found} == {(1,)}


# --- damage


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed collection with a generation; to be copied, not used."""
    folder = tmp_path_factory.mktemp("pristine") / "data"
    with Store.create(folder, FakeEncoder.name) as store:
        store.put([in_words(article(many_words()))])
        open_index(folder / "index", store)
    return folder


def _flip(path: Path, at_byte: int) -> None:
    data = bytearray(path.read_bytes())
    data[at_byte] ^= 1
    path.write_bytes(data)


def _flip_each_lexical_file(folder: Path) -> None:
    for path in (current(folder) / "lexical").rglob("*"):
        if path.is_file() and path.stat().st_size:
            _flip(path, path.stat().st_size // 2)


def _flip_one_lexical_file(suffix: str) -> Callable[[Path], None]:
    def flip(folder: Path) -> None:
        (path,) = (current(folder) / "lexical" / "passages").glob(f"*.{suffix}")
        _flip(path, path.stat().st_size // 2)

    return flip


def _flip_in_manifest(word: bytes) -> Callable[[Path], None]:
    def flip(folder: Path) -> None:
        manifest = current(folder) / "manifest.json"
        _flip(manifest, manifest.read_bytes().index(word) + 1)

    return flip


def _change_manifest(**values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        manifest = current(folder) / "manifest.json"
        written = json.dumps(json.loads(manifest.read_text()) | values).encode()
        manifest.write_bytes(written)
        # With its right hash, so that it is the value that is refused.
        named = f"{manifest.parent.name} {hashlib.sha256(written).hexdigest()}"
        (folder / "CURRENT").write_text(named)

    return change


def _unreadable_vectors(folder: Path) -> None:
    """With their right hash: another version of FAISS wrote them."""
    path = current(folder) / "vectors.faiss"
    path.write_bytes(b"IwXy" + path.read_bytes()[4:])
    files = json.loads((path.parent / "manifest.json").read_text())["files"]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    _change_manifest(files=files | {path.name: sha256})(folder)


def _remove(name: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        path = current(folder) / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def _cut(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        path = current(folder) / name
        path.write_bytes(path.read_bytes()[:-1])

    return cut


def _current(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "CURRENT").write_text(text) and None


DAMAGES: dict[str, Callable[[Path], None]] = {
    "first byte of the vectors": lambda f: _flip(current(f) / "vectors.faiss", 0),
    "middle byte of the vectors": lambda f: _flip(current(f) / "vectors.faiss", 5000),
    "last byte of the vectors": lambda f: _flip(current(f) / "vectors.faiss", -1),
    "vectors cut short": _cut("vectors.faiss"),
    "vectors that FAISS does not know": _unreadable_vectors,
    "vectors missing": _remove("vectors.faiss"),
    "every lexical file": _flip_each_lexical_file,
    "the lexical terms": _flip_one_lexical_file("term"),
    "the lexical documents": _flip_one_lexical_file("store"),
    "the lexical ids": _flip_one_lexical_file("fast"),
    "the lexical postings": _flip_one_lexical_file("idx"),
    "lexical meta missing": _remove("lexical/passages/meta.json"),
    "lexical meta of the articles missing": _remove("lexical/articles/meta.json"),
    "lexical folder missing": _remove("lexical"),
    "manifest: a key": _flip_in_manifest(b"files"),
    "manifest: another key": _flip_in_manifest(b'"collection"'),
    "manifest: a file's name": _flip_in_manifest(b"vectors.faiss"),
    "manifest: no JSON": _cut("manifest.json"),
    "manifest missing": _remove("manifest.json"),
    "manifest: another collection": _change_manifest(collection="0" * 32),
    "manifest: another encoder": _change_manifest(encoder="e5"),
    "manifest: newer than the database": _change_manifest(seq=10**6),
    "manifest: another chunker": _change_manifest(chunker="sentences-0"),
    "manifest: another lexical index": _change_manifest(lexical="passages-0"),
    "manifest: another vector index": _change_manifest(vectors="flat-0"),
    "generation missing": lambda f: shutil.rmtree(current(f)),
    "CURRENT names nothing there": _current("gen-9-nowhere"),
    "CURRENT is not UTF-8": lambda f: (f / "CURRENT").write_bytes(b"\xff gen") and None,
    "CURRENT is empty": _current(""),
    "CURRENT is not a name": _current("\0\n"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_generation_is_told_and_built_again(
    pristine: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    shutil.copytree(pristine, tmp_path / "data")
    folder = tmp_path / "data" / "index"
    old = current(folder).name
    damage(folder)
    with Store.open(tmp_path / "data") as store:
        index = open_index(folder, store)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert "building it again" in record.getMessage()
        assert current(folder).name != old
        assert_right(index, store)
        caplog.clear()
        assert_right(open_index(folder, store), store)
        assert caplog.records == []


def test_another_collections_index_is_refused(
    pristine: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Store.create(tmp_path / "data", FakeEncoder.name) as store:
        store.put([in_words(article(many_words(prefix="other")))])
        shutil.copytree(pristine / "index", tmp_path / "data" / "index")
        index = open_index(tmp_path / "data" / "index", store)
        assert "collection is" in caplog.text
        assert index.lexical("w3", 5) == []
        assert_right(index, store)


def test_a_lost_index_folder_is_built_again(pristine: Path, tmp_path: Path) -> None:
    shutil.copytree(pristine, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "index")
    with Store.open(tmp_path / "data") as store:
        assert_right(open_index(tmp_path / "data" / "index", store), store)
