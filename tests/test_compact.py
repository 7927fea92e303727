"""Where vectors are too many to compare them all, the right ones are found all the same."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import article
from hypothesis import given, settings
from hypothesis import strategies as st

from embeddings import index as embeddings_index
from embeddings.encoder import Vectors
from embeddings.index import VectorIndex
from rag import generations
from rag.index import EmbeddedIndex
from rag.store import Embedded, Store
from rag.types import Passage

MANY, DIMENSION, CLUSTERS = 3000, 32, 60
FEW = 500
"""As many as these tests let be compared one by one."""


def clustered(n: int, seed: int) -> Vectors:
    """Unit vectors around the same centres, whatever the seed."""
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, DIMENSION))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, CLUSTERS, n)] + rng.standard_normal((n, DIMENSION))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


VECTORS, QUERIES = clustered(MANY, 1), clustered(100, 2)


def nearest(vectors: Vectors, query: Vectors, k: int) -> list[int]:
    return np.argsort(-(vectors @ query), kind="stable")[:k].tolist()


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells looked into are then the same share as of a million vectors: one in eleven."""
    monkeypatch.setattr(embeddings_index, "EXACT_UP_TO", FEW)
    monkeypatch.setattr(embeddings_index, "_PROBES", 12)


def build(ids: Sequence[int], vectors: Vectors) -> VectorIndex:
    index = VectorIndex.for_count(len(ids), vectors.shape[1], lambda size: vectors[:size])
    index.add(ids, vectors)
    return index


@pytest.fixture(scope="module")
def compact() -> VectorIndex:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embeddings_index, "EXACT_UP_TO", FEW)
        return build(range(MANY), VECTORS)


# --- VectorIndex


def test_the_number_of_vectors_decides() -> None:
    def never(size: int) -> Vectors:
        raise AssertionError("an exact index needs no training")

    assert VectorIndex.for_count(FEW, DIMENSION, never).exact
    assert not build(range(FEW + 1), VECTORS[: FEW + 1]).exact


def test_among_twice_as_many_as_wanted_are_nearly_all_of_the_nearest(compact: VectorIndex) -> None:
    found = [{i for i, _ in compact.search(query, 20)} for query in QUERIES]
    best = [nearest(VECTORS, query, 10) for query in QUERIES]
    recall = np.mean([len(ids & set(ten)) / 10 for ids, ten in zip(found, best, strict=True)])
    assert 0.95 <= recall < 1  # at 1, the cells left out would hold nothing: no test of them


def test_its_scores_are_near_the_cosines(compact: VectorIndex) -> None:
    for query in QUERIES[:10]:
        for i, score in compact.search(query, 10):
            assert score == pytest.approx(float(VECTORS[i] @ query), abs=0.05)


@pytest.mark.parametrize("k", [1, 10, 700, MANY - 1, MANY, MANY + 1])
def test_as_many_are_found_as_asked_for_or_held(compact: VectorIndex, k: int) -> None:
    found = [i for i, _ in compact.search(QUERIES[0], k)]
    assert len(found) == len(set(found)) == min(k, MANY)


def test_among_a_few_all_are_found_wherever_they_lie(compact: VectorIndex) -> None:
    among = np.array([3, 1999, 77, 512, MANY + 5])
    for query in QUERIES[:20]:
        found = [i for i, _ in compact.search(query, 5, among)]
        assert sorted(found) == [3, 77, 512, 1999]


def test_many_threads_find_the_same(compact: VectorIndex) -> None:
    alone = [compact.search(query, 20) for query in QUERIES]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(lambda query: compact.search(query, 20), QUERIES)) == alone


@given(st.lists(st.integers(0, 2**62), min_size=FEW + 1, max_size=FEW + 30, unique=True))
@settings(max_examples=5)
def test_ids_are_kept_whatever_they_are(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int]
) -> None:
    vectors = VECTORS[: len(ids)]
    index = build(ids, vectors)
    path = tmp_path_factory.mktemp("index") / "vectors.faiss"
    with path.open("wb") as file:
        index.write(file)
    opened = VectorIndex.open(path)
    for one in (index, opened):
        assert len(one) == len(ids)
        assert sorted(one.ids.tolist()) == sorted(ids)
        assert {i for i, _ in one.search(QUERIES[0], len(ids))} == set(ids)
    assert opened.search(vectors[7], 20) == index.search(vectors[7], 20)
    assert ids[7] in [i for i, _ in opened.search(vectors[7], 2)]


def test_the_same_vectors_give_the_same_index(tmp_path: Path, compact: VectorIndex) -> None:
    files = [tmp_path / "one", tmp_path / "other"]
    for path, index in zip(files, (compact, build(range(MANY), VECTORS)), strict=True):
        with path.open("wb") as file:
            index.write(file)
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("count", [3, FEW + 1])
def test_nothing_is_added_to_what_was_opened(tmp_path: Path, count: int) -> None:
    with (tmp_path / "vectors").open("wb") as file:
        build(range(count), VECTORS[:count]).write(file)
    opened = VectorIndex.open(tmp_path / "vectors")
    with pytest.raises(TypeError, match="opened from a file"):
        opened.add([MANY], VECTORS[:1])
    assert len(opened) == count


def test_a_file_that_takes_no_more_is_an_error(compact: VectorIndex) -> None:
    with Path("/dev/full").open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
        compact.write(file)


# --- the whole index


def put(store: Store, vectors: Vectors, id: str) -> None:
    """An article with a passage for each vector."""
    given = article("x" * len(vectors), id)
    passages = tuple(Passage(given, i, i + 1) for i in range(len(vectors)))
    store.put([Embedded(given, passages, vectors)])


@pytest.fixture
def large(store: Store, tmp_path: Path) -> EmbeddedIndex:
    """Of two articles with 1,500 passages each, in a compact generation; ids count from 1."""
    put(store, VECTORS[:1500], "a")
    put(store, VECTORS[1500:], "b")
    index = EmbeddedIndex(tmp_path / "data" / "index", store, DIMENSION)
    assert len(list((tmp_path / "data" / "index").glob("gen-*"))) == 1
    return index


def recall(index: EmbeddedIndex, vectors: Vectors) -> float:
    """Of the ten nearest; every score must be a cosine, and the order the scores'."""
    shares = []
    for query in QUERIES:
        found = index.dense(query, 10)
        assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)
        cosines = [float(vectors[i - 1] @ query) for i, _ in found]
        assert [s for _, s in found] == pytest.approx(cosines, abs=1e-6)
        best = {row + 1 for row in nearest(vectors, query, 10)}
        shares.append(len(best & {i for i, _ in found}) / 10)
    return float(np.mean(shares))


def test_a_search_gives_the_nearest_with_their_cosines(large: EmbeddedIndex) -> None:
    assert recall(large, VECTORS) >= 0.95


def test_what_was_added_since_is_found_beside(large: EmbeddedIndex, store: Store) -> None:
    added = clustered(200, 3)
    put(store, added, "c")
    large.refresh()
    assert recall(large, np.concatenate([VECTORS, added])) >= 0.95
    assert large.dense(added[17], 1) == [(MANY + 18, pytest.approx(1))]


def test_the_deleted_do_not_shorten_a_ranking(large: EmbeddedIndex, store: Store) -> None:
    store.delete("a")
    large.refresh()
    found = large.dense(QUERIES[0], 50)
    assert len(found) == 50
    live = [(i, s) for i, s in found if i > 1500]
    assert 0 < len(live) < 50
    assert [s for _, s in live] == pytest.approx(
        [float(VECTORS[i - 1] @ QUERIES[0]) for i, _ in live]
    )


def test_among_a_few_the_nearest_come_first(large: EmbeddedIndex) -> None:
    among = np.arange(1, MANY, 50)
    for query in QUERIES[:20]:
        found = [i for i, _ in large.dense(query, 5, among=among)]
        assert found == [1 + 50 * row for row in nearest(VECTORS[::50], query, 5)]


def test_it_is_opened_again_as_it_was(
    large: EmbeddedIndex, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    again = EmbeddedIndex(tmp_path / "data" / "index", store, DIMENSION)
    assert caplog.records == []
    assert again.dense(QUERIES[0], 10) == large.dense(QUERIES[0], 10)


def test_building_says_how_far_it_has_come(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "_TOLD_EVERY", 1000)
    put(store, VECTORS, "a")
    with caplog.at_level(logging.INFO, "dateline"):
        EmbeddedIndex(tmp_path / "data" / "index", store, DIMENSION)
    said = [record.getMessage().partition(",")[0] for record in caplog.records]
    assert said == [f"building the index: {n} of 3000 passages" for n in (1000, 2000)]
