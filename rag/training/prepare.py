"""What training examples need beside the questions: a collection, negatives, twins."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rag.engine import Dateline
from rag.training.examples import Example
from rag.training.negatives import with_negatives
from rag.types import Article, Passage

OnProgress = Callable[[int], None]
"""Told how many more are done."""


def collect(engine: Dateline, examples: Sequence[Example], on_progress: OnProgress) -> None:
    """The articles of the examples into a collection; what is there already takes no time."""
    articles = {example.article.id: example.article for example in examples}
    for _fate in engine.ingest(articles.values()):
        on_progress(1)


def mine(
    engine: Dateline,
    examples: Sequence[Example],
    share: float,
    seed: int,
    cache: Path,
    on_progress: OnProgress,
) -> list[Example]:
    """The examples, a `share` of them with a hard negative from the engine's collection.

    What was found is kept in the file `cache`: searching for tens of thousands of questions
    takes minutes, and a run that is resumed asks for the same.
    """
    if cache.exists():
        on_progress(len(examples))
        return _with_cached(examples, cache)
    mined = []
    partial = cache.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as file:
        for example in with_negatives(examples, engine.search, share, seed):
            mined.append(example)
            for p in example.negatives:
                row = [example.id, {"id": p.article.id, "text": p.article.text}, p.start, p.end]
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            on_progress(1)
    os.replace(partial, cache)
    return mined


def _with_cached(examples: Sequence[Example], cache: Path) -> list[Example]:
    found = dict(_read_negatives(cache))
    return [replace(e, negatives=(found[e.id],)) if e.id in found else e for e in examples]


def _read_negatives(cache: Path) -> Iterator[tuple[str, Passage]]:
    with cache.open(encoding="utf-8") as lines:
        for line in lines:
            example_id, article, start, end = json.loads(line)
            yield example_id, Passage(Article(**article), start, end)
