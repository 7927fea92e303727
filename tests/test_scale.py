"""The figures of a growing collection are taken of what they say they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import article, in_words

from embeddings.encoder import Vectors
from eval.scale import describe, main, reckon
from eval.scale_data import Nearest, Real, collection, moved, read_real, write
from rag.doctor import examine
from rag.store import Store

DIMENSION = 32


def spread(n: int, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.fixture
def real(store: Store) -> Real:
    """Seven passages of two articles."""
    store.put([in_words(article("the storm took roofs", "a"), step=3)])
    store.put([in_words(article("nobody saw it", "b"), first_degrees=40, step=3)])
    return read_real(store, np.random.default_rng(0))


def test_a_real_collection_is_read_whole(real: Real, store: Store) -> None:
    assert [item.article for item in real.items] == [store.get("a"), store.get("b")]
    assert real.texts == ("the", "storm", "took", "roofs", "nobody", "saw", "it")
    # From 9 to 40 degrees, from 6 to 40 and so on: the middle one of seven.
    assert real.near == pytest.approx(np.cos(np.radians(34)), abs=1e-6)


def test_made_vectors_lie_as_far_off_as_real_ones() -> None:
    vectors = spread(5000)
    real = Real((), vectors, (), near=0.73, far=float(np.mean(vectors @ vectors[:100].T)))
    rows = np.arange(2000)
    made = moved(real, rows, np.random.default_rng(1))
    cosines = (made * vectors[rows]).sum(axis=1)
    assert np.median(cosines) == pytest.approx(0.73, abs=0.02)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("passages", [3, 7, 8, 100])
def test_a_collection_has_as_many_passages_as_asked_for(real: Real, passages: int) -> None:
    made = list(collection(real, passages, np.random.default_rng(0)))
    assert sum(len(item.passages) for item in made) == passages
    assert all(len(item.passages) == len(item.vectors) for item in made)
    texts = [p.text for item in made for p in item.passages]
    assert texts[:7] == list(real.texts[:passages])
    assert set(texts) <= set(real.texts)


def test_what_is_written_is_a_sound_collection(real: Real, tmp_path: Path) -> None:
    folder = tmp_path / "made"
    Store.create(folder, "fake-encoder").close()
    nearest = Nearest(real.vectors, 1)
    write(folder, collection(real, 50, np.random.default_rng(0)), nearest)
    assert nearest.ids == [[i] for i in range(1, 8)]
    with Store.open(folder) as made:
        ids, vectors = made.vectors(range(1, 8))
        np.testing.assert_array_equal(vectors[np.argsort(ids)], real.vectors)
        assert made.passage_ids(made.seq).tolist() == list(range(1, 51))
    # Nobody looked for stories, and only these are missing.
    assert {problem.check for problem in examine(folder)} == {"stories"}


def test_the_exact_nearest_are_found_while_vectors_go_by() -> None:
    vectors, queries = spread(500), spread(20, seed=1)
    nearest = Nearest(queries, 10)
    for first in (0, 7, 300):
        nearest.add(vectors[first : {0: 7, 7: 300, 300: 500}[first]])
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :10] + 1
    assert [sorted(ids) for ids in nearest.ids] == [sorted(ids) for ids in best.tolist()]


ROW = {
    "passages": 1_000_000,
    "without_mb": 200.0,
    "dense_mb": 500.0,
    "all_mb": 900.0,
    "open_s": 1.0,
    "build_cpu_s": 60.0,
    "vectors_mb": 250.0,
    "lexical_mb": 500.0,
    "database_mb": 3000.0,
    "recall_questions": 0.98,
    "dense_cpu_ms": [1.0, 2.0],
    "dense_50_cpu_ms": [1.0, 2.0],
    "exact_cpu_ms": [10.0, 20.0],
    "lexical_cpu_ms": [10.0, 20.0],
}


def test_what_is_reckoned() -> None:
    row = reckon(ROW)
    assert row["dense_mb"] == 200 + 100 * 300
    assert row["dense_cpu_ms"] == [10, 20]
    assert row["exact_cpu_ms"] == [1000, 2000]
    assert row["build_cpu_s"] == 60_000
    assert "recall_questions" not in row


def test_only_a_large_collection_is_reckoned_from() -> None:
    report = {"real": {"passages": 5, "near": 0.7}, "noise": 0.7, "questions": 3}
    assert "| 1 M | 100 M, reckoned |" in describe(report | {"rows": [ROW]})
    assert "reckoned" not in describe(report | {"rows": [ROW | {"passages": 10_000}]})


@pytest.mark.real
def test_the_command_measures_a_small_collection(tmp_path: Path) -> None:
    file = tmp_path / "scale.json"
    main(["--passages", "700", "--work", str(tmp_path), "--json", str(file)])
    (row,) = json.loads(file.read_text())["rows"]
    assert row["passages"] == 700
    assert row["recall_questions"] == pytest.approx(1, abs=0.01)  # but for equal cosines
    assert row["narrow_passages"] < 100
