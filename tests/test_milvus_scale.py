"""Ten thousand passages: what a question costs embedded, on milvus-lite and on a real server.

The sample's passages, and when they run out, the same again with noise on their vectors and their
words in another order. DATELINE_SCALE=full pytest -s tests/test_milvus_scale.py prints the figures.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from milvus_servers import LiteServer, RealServer, started
from processes import ARTICLES, GOLD

from embeddings.encoder import DEFAULT_ENCODER, Vectors, load_encoder
from eval.gold import load_gold
from rag.embedding import embed
from rag.formats import read_articles
from rag.index import PassageIndex, open_index
from rag.passage_store import EVERYTHING
from rag.retriever import Retriever
from rag.store import Embedded, Store
from rag.types import Article, Passage

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.environ.get("DATELINE_SCALE") != "full", reason="takes minutes: DATELINE_SCALE=full"
    ),
]

PASSAGES = 10_000
QUESTIONS = 50
_NOISE = 0.75  # length of what is added to a unit vector: two copies have a cosine of about 0.64


def collection(real: list[Embedded]) -> Iterator[list[Embedded]]:
    """Articles with so many passages in all; one batch a pass over the real ones."""
    draw, shuffle = np.random.default_rng(0), random.Random(0)
    left, copy = PASSAGES, 0
    while left > 0:
        batch = []
        for item in real:
            size = min(left, len(item.passages))
            passages, vectors = item.passages[:size], item.vectors[:size]
            if copy and size:
                passages, vectors = _copied(item, size, copy, draw, shuffle)
            left -= size
            if size:
                batch.append(Embedded(passages[0].article, tuple(passages), vectors))
        yield batch
        copy += 1


def _copied(
    item: Embedded, size: int, copy: int, draw: np.random.Generator, shuffle: random.Random
) -> tuple[list[Passage], Vectors]:
    texts = [" ".join(_shuffled(p.text.split(), shuffle)) for p in item.passages[:size]]
    given = Article(
        f"{item.article.id}-{copy}",
        "\n".join(texts),
        title=item.article.title,
        published=item.article.published,
        source=item.article.source,
    )
    ends = np.cumsum([len(text) + 1 for text in texts])
    passages = [
        Passage(given, int(end) - 1 - len(text), int(end) - 1)
        for text, end in zip(texts, ends, strict=True)
    ]
    noise = draw.normal(size=item.vectors[:size].shape)
    noise *= _NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    vectors = (item.vectors[:size] + noise).astype(np.float32)
    return passages, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _shuffled(words: list[str], shuffle: random.Random) -> list[str]:
    return shuffle.sample(words, len(words))


def milliseconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - began)


def test_a_question_costs_on_milvus(tmp_path: Path) -> None:
    encoder = load_encoder(DEFAULT_ENCODER)
    real = embed(encoder, [a for a in read_articles([str(ARTICLES)]) if isinstance(a, Article)])
    questions = [q.question for q in load_gold(GOLD).questions][:QUESTIONS]
    asked = [encoder.encode_query(question) for question in questions]
    with ExitStack() as stack:
        store = stack.enter_context(Store.create(tmp_path / "data", encoder.name))
        for batch in collection(real):
            store.put(batch)
        uris: dict[str, str | None] = {"embedded": None}
        for name, kind in (("milvus-lite", LiteServer), ("Milvus 2.3.5", RealServer)):
            server = started(kind, tmp_path / name)
            stack.callback(server.kill)
            uris[name] = server.uri
        indexes: dict[str, PassageIndex] = {}
        print()
        for name, uri in uris.items():
            began = time.perf_counter()
            indexes[name] = open_index(tmp_path / name / "index", store, encoder.dimension, uri)
            took = time.perf_counter() - began
            print(f"{name}: {len(indexes[name])} passages indexed in {took:.1f} s")
        exact = exact_ten(store, asked)
        fitting = {
            name: Retriever(store, index, encoder).retrieve for name, index in indexes.items()
        }
        found: dict[str, list[float]] = {name: [] for name in indexes}
        times: dict[tuple[str, str], list[float]] = {}
        agreed: dict[str, list[float]] = {name: [] for name in indexes}
        for number, (question, vector) in enumerate(zip(questions, asked, strict=True)):
            told = {}
            for name, index in indexes.items():  # in turns: a busy moment is everybody's
                ids = {i for i, _ in index.dense(vector, 10)}
                found[name].append(len(ids & exact[number]) / 10)
                for what, run in (
                    ("dense", lambda index=index, vector=vector: index.dense(vector, 50)),
                    ("words", lambda index=index, question=question: index.lexical(question, 50)),
                    (
                        "both, fused",
                        lambda name=name, question=question: fitting[name](
                            question, 10, EVERYTHING
                        ),
                    ),
                ):
                    times.setdefault((name, what), []).append(milliseconds(run))
                told[name] = {h.passage.id for h in fitting[name](question, 10, EVERYTHING)}
                same = len(told[name] & told["embedded"]) / max(1, len(told["embedded"]))
                agreed[name].append(same)
        for name in indexes:
            line = f"{name}: recall@10 {statistics.mean(found[name]):.3f}"
            for what in ("dense", "words", "both, fused"):
                each = sorted(times[name, what])
                line += (
                    f"; {what} {statistics.median(each):.1f} ms, p95 {each[-QUESTIONS // 20]:.1f}"
                )
            print(f"{line}; same ten as embedded {statistics.mean(agreed[name]):.2f}")
        assert statistics.mean(found["embedded"]) > 0.95
        for name in indexes:
            assert statistics.mean(found[name]) > 0.95
            assert statistics.mean(agreed[name]) > 0.9


def exact_ten(store: Store, asked: list[Vectors]) -> list[set[int]]:
    """The ids of the ten nearest to each, by comparing all."""
    stored = [p for some in store.passages_after(0) for p in some]
    ids = np.array([p.id for p in stored])
    scores = np.stack([p.vector for p in stored]) @ np.stack(asked).T  # (passages, questions)
    best = np.argsort(-scores, axis=0)[:10]
    return [{int(i) for i in ids[best[:, n]]} for n in range(len(asked))]
