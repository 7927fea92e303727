"""Articles into passages and vectors, in batches of bounded memory."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from embeddings.encoder import Encoder
from rag.chunking import split
from rag.store import Embedded
from rag.types import Article, Passage, Skipped

# A batch is committed at once: a few seconds of work, whether its articles are long or short.
_BATCH_ARTICLES = 32
_BATCH_CHARACTERS = 50_000
# One article may be larger than that, and tokens take some thirty times the memory of their text.
_PORTION = 512

Item = TypeVar("Item", Article | Skipped, Article | Embedded | Skipped)


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """What is embedded together, and committed at once."""
    batch: list[Item] = []
    characters = 0
    for item in items:
        batch.append(item)
        article = item.article if isinstance(item, Embedded) else item
        characters += len(article.text) if isinstance(article, Article) else 0
        if len(batch) == _BATCH_ARTICLES or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def nameless(article: Article) -> Article:
    """Without its id, which a collection may give anew: nothing that is embedded depends on it."""
    return replace(article, id="")


def renamed(embedded: Embedded, article: Article) -> Embedded:
    passages = tuple(replace(passage, article=article) for passage in embedded.passages)
    return Embedded(article, passages, embedded.vectors)


def embed(encoder: Encoder, articles: Sequence[Article]) -> list[Embedded]:
    """The articles cut into passages, with their vectors."""

    def count_tokens(texts: Sequence[str]) -> list[int]:
        return [n for some in _portions(texts) for n in encoder.count_tokens(some)]

    passages = [split(article, count_tokens) for article in articles]
    texts = [embedded_text(passage) for some in passages for passage in some]
    vectors = np.concatenate([encoder.encode_passages(some) for some in _portions(texts)])
    embedded = []
    position = 0
    for article, some in zip(articles, passages, strict=True):
        embedded.append(Embedded(article, tuple(some), vectors[position : position + len(some)]))
        position += len(some)
    return embedded


def _portions(texts: Sequence[str]) -> list[Sequence[str]]:
    """The texts in their order, so many at a time; an empty portion if there are none."""
    return [texts[at : at + _PORTION] for at in range(0, len(texts), _PORTION)] or [texts]


def embedded_text(passage: Passage) -> str:
    """What is embedded for a passage: its article's title and date, then its own words."""
    article = passage.article
    day = article.published
    head = [article.title, day and f"{day.day} {day:%B %Y}"]
    return "\n".join([*(part for part in head if part), passage.text])
