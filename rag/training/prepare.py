"""What training examples need beside the questions: a collection, and hard negatives from it."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
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
    folder: Path,
    on_progress: OnProgress,
) -> list[Example]:
    """The examples, a `share` of them with a hard negative from the engine's collection.

    What was found is kept in `folder`, under a name of the questions, share and seed: searching
    for tens of thousands of questions takes minutes, and a resumed run asks for the same.
    """
    cache = folder / f"negatives-{_key(examples, share, seed)}.jsonl"
    if cache.exists():
        on_progress(len(examples))
        return _with_cached(examples, cache)
    mined = []
    partial = cache.with_suffix(".part")
    with partial.open("w", encoding="utf-8") as file:
        for position, example in enumerate(with_negatives(examples, engine.search, share, seed)):
            mined.append(example)
            for p in example.negatives:
                row = [position, {"id": p.article.id, "text": p.article.text}, p.start, p.end]
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            on_progress(1)
    os.replace(partial, cache)
    return mined


def _key(examples: Sequence[Example], share: float, seed: int) -> str:
    digest = hashlib.sha256(f"{share} {seed}".encode())
    for example in examples:
        digest.update(repr((example.question, example.article.id, example.spans)).encode())
    return digest.hexdigest()[:12]


def _with_cached(examples: Sequence[Example], cache: Path) -> list[Example]:
    result = list(examples)
    with cache.open(encoding="utf-8") as lines:
        for line in lines:
            position, article, start, end = json.loads(line)
            negative = Passage(Article(**article), start, end)
            result[position] = replace(result[position], negatives=(negative,))
    return result
