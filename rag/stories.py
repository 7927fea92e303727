"""Reprints: articles that carry the same text are one story, whoever printed them."""

import re
from collections.abc import Iterable

from rag.types import Article

_WORD = re.compile(r"\w+")
SHINGLE_WORDS = 5
SAME_STORY = 0.7
"""Share of the shorter article's shingles found in the longer one from which both are one story."""


def shingles(text: str) -> set[tuple[str, ...]]:
    """Every run of `SHINGLE_WORDS` consecutive words, lower case (Broder, 1997)."""
    words = _WORD.findall(text.lower())
    if len(words) <= SHINGLE_WORDS:
        return {tuple(words)}
    return {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


def containment(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    """Share, 0..1, of the smaller set that is in the other: 1 for a truncated copy."""
    smaller = min(len(a), len(b))
    return len(a & b) / smaller if smaller else 0.0


def story_numbers(articles: Iterable[Article]) -> dict[str, int]:
    """Article id -> number of its story, 0 for the story with the longest telling.

    An article belongs to the first story whose longest telling it repeats.
    """
    longest: list[set[tuple[str, ...]]] = []
    numbers: dict[str, int] = {}
    for article in sorted(set(articles), key=lambda a: (-len(a.text), a.id)):
        own = shingles(article.text)
        for number, told in enumerate(longest):
            if containment(told, own) >= SAME_STORY:
                numbers[article.id] = number
                break
        else:
            numbers[article.id] = len(longest)
            longest.append(own)
    return numbers
