"""Flipped bits and cut files are noticed, and what can be built again is."""

import random
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest
from conftest import FakeEncoder, article, whole
from storage_children import FEW_CHANGES, FULL

from api.serve import run
from rag import generations
from rag.collection import DATABASE_FILE
from rag.doctor import examine
from rag.errors import CorruptError, DatelineError
from rag.index import EmbeddedIndex
from rag.settings import Settings
from rag.store import Store
from rag.types import Passage

FLIPS = 1000 if FULL else 150
DATABASE_FLIPS = 1000 if FULL else 60
TEXTS = {f"a{n}": f"The storm number{n} took the roofs of {n + 2} houses." for n in range(20)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed collection with a generation."""
    monkeypatch.setattr("rag.index._FEW_CHANGES", FEW_CHANGES)
    folder = tmp_path / "data"
    with Store.create(folder, FakeEncoder.name) as store:
        store.put([whole(article(text, id)) for id, text in TEXTS.items()])
        EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
    return folder


def _damage(path: Path, rng: random.Random) -> bytes:
    """Flip a bit of a file, or cut its end off; what it held before."""
    before = path.read_bytes()
    if rng.random() < 0.2:
        path.write_bytes(before[: rng.randrange(len(before))])
    else:
        flipped = bytearray(before)
        flipped[rng.randrange(len(before))] ^= 1 << rng.randrange(8)
        path.write_bytes(flipped)
    return before


def test_every_damage_to_an_index_is_caught_before_it_is_parsed(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(6)
    index = folder / "index"
    files = [p for p in index.glob("gen-*/**/*") if p.is_file() and p.stat().st_size]
    files.append(index / "CURRENT")
    rebuilt = 0
    with Store.open(folder) as store:
        for flip in range(FLIPS):
            path = rng.choice(files)
            before = _damage(path, rng)
            named = generations.current(index)
            assert named is not None
            with pytest.raises(CorruptError):
                generations.load(index, named, store, FakeEncoder.dimension)
            if flip % 10 == 0:
                # As at a start: in a copy, for it is built again.
                again = folder / f"index{flip}"
                shutil.copytree(index, again)
                opened = EmbeddedIndex(again, store, FakeEncoder.dimension)
                assert [i for i, _ in opened.lexical("number7", 1)] == [8]
                assert generations.current(again) != named
                assert "building it again" in caplog.text
                shutil.rmtree(again)
                rebuilt += 1
            path.write_bytes(before)
        named = generations.current(index)
        assert named is not None
        assert generations.load(index, named, store, FakeEncoder.dimension).named == named
    print(f"row 6: {FLIPS} flips and cuts in {len(files)} files, all caught; {rebuilt} rebuilt")


def test_a_damaged_database_is_never_empty_and_healthy(folder: Path) -> None:
    rng = random.Random(7)
    path = folder / DATABASE_FILE
    refused = found = harmless = 0
    for _ in range(DATABASE_FLIPS):
        before = _damage(path, rng)
        try:
            with Store.open(folder) as store:
                read = {a.id: a.text for a in store.page(1000)}
                read |= {p.article.id: p.article.text for p in _all_passages(store)}
                ids = len(store.passage_ids(store.seq))
        except DatelineError:
            refused += 1
        else:
            if examine(folder):
                found += 1
            else:  # nothing of it shows: free space, or the last digits of a vector
                assert (read, ids) == (TEXTS, len(TEXTS))
                harmless += 1
        for leftover in folder.glob(f"{DATABASE_FILE}-*"):
            leftover.unlink()
        path.write_bytes(before)
    assert refused
    assert examine(folder) == []
    print(
        f"row 7: {DATABASE_FLIPS} flips and cuts: {refused} refused when read, "
        f"{found} found by the doctor, {harmless} without effect, 0 read wrong"
    )


def _all_passages(store: Store) -> Collection[Passage]:
    return store.passages(list(range(1, 1000))).values()


@pytest.mark.parametrize("left", [0, 3000, -3000])
def test_the_server_does_not_start_on_a_damaged_database(folder: Path, left: int) -> None:
    path = folder / DATABASE_FILE
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(CorruptError, match="dateline restore FILE"):
        run(Settings(data_dir=folder), "127.0.0.1", 0, 1)


def test_a_lost_database_is_no_empty_collection(folder: Path) -> None:
    (folder / DATABASE_FILE).unlink()
    for opening in (lambda: Store.create(folder, FakeEncoder.name), lambda: Store.open(folder)):
        with pytest.raises(CorruptError, match="is missing or empty, though there was"):
            opening()
