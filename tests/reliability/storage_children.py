"""What the storage tests run in processes of their own, and what they compare."""

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from conftest import FakeEncoder, FakeReader, article

import rag.index
from rag.collection import INDEX
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store

FULL = os.environ.get("DATELINE_RELIABILITY") == "full"
FEW_CHANGES = 15
"""Passages from which the children write a generation: some in every test."""


@contextmanager
def opened(folder: Path, url: str | None = None) -> Iterator[Dateline]:
    """The collection with the fakes."""
    with Store.create(folder, FakeEncoder.name, url) as store:
        index = EmbeddedIndex(folder / INDEX, store, FakeEncoder.dimension)
        yield Dateline(store, index, FakeEncoder(), FakeReader)


def text_of(article_id: str, edition: int) -> str:
    return f"The {article_id} storm of edition{edition} came. answer: day{edition} 3.0 it was."


def churn(folder: Path, log: Path, seed: int, url: str | None = None) -> None:
    """Ingest, change and delete articles until killed.

    Each step is a line in the log, {id: text or None for deleted}, and after it "done".
    """
    rag.index._FEW_CHANGES = FEW_CHANGES
    rng = random.Random(seed)
    with opened(folder, url) as dateline, log.open("a", buffering=1) as lines:
        ids = [a.id for a in dateline.articles(10_000)]
        for step in range(10_000):
            if len(ids) > 30:
                gone = ids.pop(rng.randrange(len(ids)))
                lines.write(json.dumps({gone: None}) + "\n")
                dateline.delete(gone)
            else:
                some = {f"{seed}n{step}i{i}": text_of(f"{seed}n{step}i{i}", 0) for i in range(3)}
                if ids and rng.random() < 0.5:
                    changed = rng.choice(ids)
                    some[changed] = text_of(changed, 1 + step)
                lines.write(json.dumps(some) + "\n")
                list(dateline.ingest(article(text, id) for id, text in some.items()))
                ids = [a.id for a in dateline.articles(10_000)]
            lines.write('"done"\n')


def write(folder: Path, name: str, rounds: int, url: str | None = None) -> None:
    """Add articles of its own and fight for those of all; delete every third of its own."""
    rag.index._FEW_CHANGES = FEW_CHANGES
    with opened(folder, url) as dateline:
        for n in range(rounds):
            own = f"{name}{n}"
            shared = [article(text_of(f"all{i}", n), f"all{i}") for i in range(3)]
            list(dateline.ingest([article(text_of(own, n), own), *shared]))
            assert own in {hit.passage.article.id for hit in dateline.search(f"{own} storm")}
            if n % 3 == 0:
                dateline.delete(own)
                assert own not in {h.passage.article.id for h in dateline.search(f"{own} storm")}


def answer(folder: Path, questions: Connection) -> None:
    """A worker: sends the ids of the articles that it finds for each query, until None."""
    with opened(folder) as dateline:
        questions.send("ready")
        while (query := questions.recv()) is not None:
            questions.send([hit.passage.article.id for hit in dateline.search(query)])


def stored(folder: Path, searched: int = 5, url: str | None = None) -> dict[str, str]:
    """Text by id. The newest are searched for: each is found once, and every hit is an article."""
    with opened(folder, url) as dateline:
        texts = {a.id: a.text for a in dateline.articles(10_000)}
        for article_id in list(texts)[-searched:]:
            hits = [hit.passage for hit in dateline.search(f"{article_id} storm", 3)]
            assert hits[0].article.id == article_id, f"{article_id} finds {hits[0].article.id}"
            assert len({p.id for p in hits}) == len(hits), f"{article_id} is found twice"
        assert {h.passage.article.id for h in dateline.search("storm", 100)} <= set(texts)
        return texts


class Expected:
    """What an acknowledged history of steps must have left; the last may be half told."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._read = 0
        self.acknowledged = 0

    def check(self, log: Path, now: dict[str, str]) -> None:
        """The rest of the log against what is stored."""
        lines: list[Any] = [json.loads(line) for line in log.read_text().splitlines()]
        pending: dict[str, str | None] = {}
        for line in lines[self._read :]:
            if line == "done":
                self._texts = self._after(pending)
                pending = {}
                self.acknowledged += 1
            else:
                pending = line
        self._read = len(lines)
        # A step is one batch, so one transaction: all of it happened, or nothing.
        assert now in (self._texts, self._after(pending)), _difference(self._texts, pending, now)
        self._texts = now

    def _after(self, step: dict[str, str | None]) -> dict[str, str]:
        texts = self._texts | step
        return {article_id: text for article_id, text in texts.items() if text is not None}


def _difference(acknowledged: dict[str, str], pending: object, now: dict[str, str]) -> str:
    changed = {i for i in acknowledged.keys() | now.keys() if acknowledged.get(i) != now.get(i)}
    return f"pending {pending}; differing from what was acknowledged: {sorted(changed)}"
