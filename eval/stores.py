"""What PostgreSQL costs against SQLite: the same articles and questions, in pairs, in one run.

createdb speed
python -m eval.stores articles.jsonl gold.jsonl postgresql+psycopg://USER@HOST/speed
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TypeVar

from embeddings.encoder import load_encoder
from eval.gold import load_gold
from rag.checkpoint import load_reader
from rag.engine import Dateline
from rag.formats import read_articles
from rag.index import EmbeddedIndex
from rag.settings import Settings
from rag.store import Store
from rag.types import Article, Timings

MOST_ARTICLES, MOST_QUESTIONS = 640, 150
_BATCH = 32

T = TypeVar("T")


def in_pairs(
    tasks: Sequence[Callable[[Dateline], T]], pair: tuple[Dateline, Dateline]
) -> tuple[list[T], list[T]]:
    """What each task gives on the first and on the second, which take turns at beginning."""
    first: list[T] = []
    second: list[T] = []
    for number, task in enumerate(tasks):
        both = [(pair[0], first), (pair[1], second)]
        for engine, results in both if number % 2 == 0 else reversed(both):
            results.append(task(engine))
    return first, second


def ingesting(batch: Sequence[Article]) -> Callable[[Dateline], float]:
    """Milliseconds until a batch is confirmed and searchable."""

    def task(engine: Dateline) -> float:
        began = time.perf_counter()
        list(engine.ingest(batch))
        return 1000 * (time.perf_counter() - began)

    return task


def asking(question: str) -> Callable[[Dateline], Timings]:
    return lambda engine: engine.ask(question).timings


@contextmanager
def opened(url: str) -> Iterator[tuple[Dateline, Dateline]]:
    """An empty collection in a file and one in PostgreSQL, with the same models in memory."""
    settings = Settings()
    encoder = load_encoder(settings.encoder)
    reader = load_reader(settings.reader, settings.quantize)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:

        def collection(name: str, url: str | None) -> Dateline:
            at = Path(folder, name)
            store = stack.enter_context(Store.create(at, encoder.name, url))
            if store.counts() != (0, 0):
                raise SystemExit("the database is not empty: name a new one")
            index = EmbeddedIndex(at / "index", store, encoder.dimension)
            return Dateline(store, index, encoder, lambda: reader)

        yield collection("sqlite", None), collection("postgres", url)


def main(articles: str, gold: str, url: str) -> None:
    """Print the medians on both, and their ratio."""
    found = (item for item in read_articles([articles]) if isinstance(item, Article))
    read = list(islice(found, MOST_ARTICLES))
    batches = [read[start : start + _BATCH] for start in range(0, len(read), _BATCH)]
    questions = [question.question for question in load_gold(gold).questions[:MOST_QUESTIONS]]
    with opened(url) as pair:
        ingested = in_pairs([ingesting(batch) for batch in batches], pair)
        in_pairs([asking(question) for question in questions[:3]], pair)  # to warm up
        asked = in_pairs([asking(question) for question in questions], pair)
        number, passages = pair[0].counts()
    rows = {
        f"ingest of {_BATCH} articles": ingested,
        "ask: retrieval": tuple([t.retrieve for t in timings] for timings in asked),
        "ask: all of it": tuple([t.total for t in timings] for timings in asked),
    }
    print(f"{number} articles, {passages:,} passages, {len(questions)} questions")
    print("| median, ms | SQLite | PostgreSQL | ratio |\n|---|---:|---:|---:|")
    for name, times in rows.items():
        ours, theirs = map(median, times)
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.2f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
