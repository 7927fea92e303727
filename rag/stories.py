"""Reprints: articles that carry the same text are one story, whoever printed them."""

import re
from collections.abc import Sequence

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


def fold_reprints(articles: Sequence[Article]) -> list[tuple[Article, tuple[Article, ...]]]:
    """(article, its reprints) for each story. The longest telling stands for the story.

    Stories come in the order of their first article.
    """
    stories: list[list[Article]] = []
    known = {article.id: shingles(article.text) for article in articles}
    for article in articles:
        for story in stories:
            if containment(known[story[0].id], known[article.id]) >= SAME_STORY:
                story.append(article)
                break
        else:
            stories.append([article])
    folded = []
    for story in stories:
        original = max(story, key=lambda a: len(a.text))
        folded.append((original, tuple(a for a in story if a is not original)))
    return folded
