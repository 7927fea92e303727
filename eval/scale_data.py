"""Collections of any size, made from a real one where real text runs out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from embeddings.encoder import Vectors
from rag import database as tables
from rag import sqlite
from rag.collection import DATABASE_FILE
from rag.store import Embedded, Store
from rag.types import Article, Passage

_PASSAGES_EACH = 20
FIRST_DAY, _DAYS = date(2021, 1, 1), 1000
_BATCH = 500
_SAMPLE = 500


@dataclass(frozen=True)
class Real:
    """Articles with their passages and vectors, and how far apart these are.

    `near` is the median cosine of a passage to the nearest passage of another article, `far`
    the mean cosine of two passages.
    """

    items: tuple[Embedded, ...]
    vectors: Vectors
    texts: tuple[str, ...]
    near: float
    far: float

    @property
    def noise(self) -> float:
        """By how much of the difference between two others a vector is to be moved, so that it
        comes to lie as far from where it was as a real passage from its nearest."""
        return float(np.sqrt((1 / self.near**2 - 1) / (2 * (1 - self.far))))


def read_real(store: Store, rng: np.random.Generator) -> Real:
    """All of a collection, in memory."""
    items: list[Embedded] = []
    stored = (p for some in store.passages_after(0) for p in some)
    for _, group in groupby(stored, key=lambda p: p.article_id):
        some = list(group)
        passages = store.passages([p.id for p in some])
        article = passages[some[0].id].article
        items.append(
            Embedded(
                article,
                tuple(passages[p.id] for p in some),
                np.stack([p.vector for p in some]),
            )
        )
    vectors = np.concatenate([item.vectors for item in items])
    owners = np.repeat(np.arange(len(items)), [len(item.passages) for item in items])
    near, far = _apart(vectors, owners, rng)
    texts = tuple(p.text for item in items for p in item.passages)
    return Real(tuple(items), vectors, texts, near, far)


def _apart(
    vectors: Vectors, owners: NDArray[np.int64], rng: np.random.Generator
) -> tuple[float, float]:
    nearest, mean = [], []
    for row in rng.choice(len(vectors), min(_SAMPLE, len(vectors)), replace=False):
        cosines = vectors @ vectors[row]
        mean.append(cosines.mean())
        nearest.append(cosines[owners != owners[row]].max())
    return float(np.median(nearest)), float(np.mean(mean))


def moved(real: Real, rows: NDArray[np.int64], rng: np.random.Generator) -> Vectors:
    """Vectors near those of the rows, (len(rows), dim): each moved along the difference of two
    others, so that they lie where vectors of news do, and not in all directions alike."""
    one, other = (real.vectors[rng.integers(0, len(real.vectors), len(rows))] for _ in range(2))
    near = real.vectors[rows] + real.noise * (one - other)
    unit: Vectors = near / np.linalg.norm(near, axis=1, keepdims=True)
    return unit


def collection(real: Real, passages: int, rng: np.random.Generator) -> Iterator[Embedded]:
    """Articles with `passages` passages in all: the real ones, then made ones.

    A made article is of the texts of real passages chosen at random, so that it is found by as
    many words.
    """
    left = passages
    for item in real.items:
        if left <= 0:
            return
        kept = item.passages[:left]
        yield Embedded(item.article, kept, item.vectors[:left])
        left -= len(kept)
    number = 0
    while left > 0:
        rows = rng.integers(0, len(real.texts), min(_PASSAGES_EACH, left))
        texts = [real.texts[row] for row in rows]
        published = FIRST_DAY + timedelta(days=int(rng.integers(0, _DAYS)))
        article = Article(f"made-{number}", "\n".join(texts), published=published)
        starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
        yield Embedded(
            article,
            tuple(
                Passage(article, int(start), int(start) + len(text))
                for start, text in zip(starts, texts, strict=False)
            ),
            moved(real, rows, rng),
        )
        number, left = number + 1, left - len(rows)


class Nearest:
    """The exact k nearest of some queries, found while vectors go by. Ids count from 1."""

    def __init__(self, queries: Vectors, k: int) -> None:
        self._queries, self._k = queries, k
        self._scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        self._ids = np.zeros((len(queries), k), dtype=np.int64)
        self._seen = 0

    def add(self, vectors: Vectors) -> None:
        """(n, dim)."""
        ids = np.arange(self._seen + 1, self._seen + len(vectors) + 1)
        self._seen += len(vectors)
        scores = np.hstack([self._scores, self._queries @ vectors.T])
        all_ids = np.hstack([self._ids, np.broadcast_to(ids, (len(self._queries), len(ids)))])
        best = np.argpartition(-scores, self._k, axis=1)[:, : self._k]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self._ids = np.take_along_axis(all_ids, best, axis=1)

    @property
    def ids(self) -> list[list[int]]:
        """Of each query, in no order."""
        found: list[list[int]] = self._ids.tolist()
        return found


def write(folder: Path, items: Iterable[Embedded], nearest: Nearest) -> None:
    """Fill a new collection, whose passages get their ids from 1 on.

    Straight into its tables: which articles tell one story, which is most of the work of storing
    them, makes no difference to how they are searched.
    """
    engine = sqlite.connect(folder / DATABASE_FILE)
    items, seq, last = iter(items), 0, 0
    while batch := list(islice(items, _BATCH)):
        seq += 1
        vectors = np.concatenate([item.vectors for item in batch])
        nearest.add(vectors)
        passages = [passage for item in batch for passage in item.passages]
        ids = range(last + 1, last + 1 + len(passages))
        last += len(passages)
        rows: dict[sa.Table, list[dict[str, Any]]] = {
            tables.articles: [tables.article_row(item.article, seq) for item in batch],
            tables.passages: [
                {"id": i, "article_id": p.article.id, "start": p.start, "end": p.end, "seq": seq}
                for i, p in zip(ids, passages, strict=True)
            ],
            tables.vectors: [
                {"passage_id": i, "vector": vector.astype("<f4").tobytes()}
                for i, vector in zip(ids, vectors, strict=True)
            ],
        }
        with engine.execution_options(write=True).begin() as connection:
            for table, of_table in rows.items():
                connection.execute(sa.insert(table), of_table)
            written = sa.update(tables.meta).where(tables.meta.c.key == "seq")
            connection.execute(written.values(value=str(seq)))
    engine.dispose()
