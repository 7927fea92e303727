"""Stories: articles that carry the same text are one, whoever printed them.

Texts are compared by their shingles (Broder, 1997, "On the Resemblance and Containment of
Documents"). Pairs worth comparing are found by winnowing (Schleimer, Wilkerson and Aiken, 2003,
"Winnowing: Local Algorithms for Document Fingerprinting"): what two texts have in common of
`_WINDOW + SHINGLE_WORDS - 1` words or more in a row gives both the same fingerprint, however long
the rest of either is. MinHash estimates resemblance, of which a truncated copy has little.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rag.types import Article, Relation, Story, Telling

# What is stored is made with these: a change of them is a change of the database's schema.
SHINGLE_WORDS = 5
_WINDOW = 32
_WORD = re.compile(r"\w+")

SAME_TEXT = 0.7
"""Share of the shorter text's shingles found in the longer from which they may be one story."""
# The first paragraphs, of which an edited reprint keeps some words in a row and a page with the
# same list of other news below another text keeps none.
_LEAD = 100  # shingles
_SAME_LEAD = 0.2
_HALF = 0.5
_NEARLY_ALL = 0.9  # of a text that was only retouched

Hashes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Shingles:
    """The hashes (n,) of every run of `SHINGLE_WORDS` words, lower case, in their order.

    A text with fewer words is one shingle, one without any has none.
    """

    ordered: Hashes

    @classmethod
    def of(cls, text: str) -> "Shingles":
        words = [crc32(word.encode()) for word in _WORD.findall(text.lower())]
        numbers = np.array(words, dtype=np.uint64)
        run = min(SHINGLE_WORDS, len(words))
        hashes = np.zeros(len(words) - run + 1 if words else 0, dtype=np.uint64)
        for place in range(run):
            # Fibonacci hashing, the high bits stirred into the low ones.
            hashes += numbers[place : place + len(hashes)]
            hashes *= np.uint64(0x9E3779B97F4A7C15)
            hashes ^= hashes >> np.uint64(29)
        return cls(hashes.view(np.int64))

    @cached_property
    def distinct(self) -> Hashes:
        """Each hash once, ascending."""
        return np.unique(self.ordered)

    @cached_property
    def fingerprints(self) -> Hashes:
        """The least hash of every `_WINDOW` in a row, each once: about one shingle in sixteen."""
        if len(self.ordered) <= _WINDOW:
            return self.distinct[:1]
        windows = np.lib.stride_tricks.sliding_window_view(self.ordered, _WINDOW)
        return np.unique(windows.min(axis=1))

    def lead_in(self, other: "Shingles") -> float:
        """Share, 0..1, of its first `_LEAD` shingles that are in the other."""
        return _share(self.ordered[:_LEAD], other)

    def contained_in(self, other: "Shingles") -> float:
        """Share, 0..1, of its distinct shingles that are in the other."""
        return _share(self.distinct, other)


def _share(hashes: Hashes, other: Shingles) -> float:
    return float(np.isin(hashes, other.distinct).mean()) if len(hashes) else 0.0


def same_story(a: Shingles, b: Shingles) -> bool:
    """Whether two texts are tellings of one story.

    Most of the shorter is in the longer, and either the longer begins with it, as reprints,
    updates and truncated copies of any length do, or more than half of the longer is in the
    shorter, which begins within it, as a copy without its first paragraphs does. So an item is
    not the roundup it stands in, unless it leads it; a roundup of equal parts joins none of the
    others; and pages stay apart that share a long list of other news below their own.
    """
    shorter, longer = sorted((a, b), key=lambda shingles: len(shingles.distinct))
    if shorter.contained_in(longer) < SAME_TEXT:
        return False
    if longer.lead_in(shorter) >= _SAME_LEAD:
        return True
    return longer.contained_in(shorter) > _HALF and shorter.lead_in(longer) >= _SAME_LEAD


def fullest_first(articles: Iterable[Article]) -> tuple[Article, ...]:
    """The longest telling first; of equal ones the earliest published, undated last."""
    return tuple(
        sorted(
            articles,
            key=lambda a: (-len(a.text), a.published or date.max, a.id),
        )
    )


def group_stories(articles: Iterable[Article]) -> dict[str, tuple[Article, ...]]:
    """Article id -> the articles of its story, itself included, the fullest first.

    Compares all pairs: for the few articles that are read for one question.
    """
    given = {article.id: article for article in articles}
    shingles = {article_id: Shingles.of(article.text) for article_id, article in given.items()}
    groups: list[list[str]] = []
    for article_id, own in shingles.items():
        linked = [g for g in groups if any(same_story(own, shingles[other]) for other in g)]
        groups = [g for g in groups if g not in linked]
        groups.append([article_id, *(other for g in linked for other in g)])
    stories = [fullest_first(given[article_id] for article_id in group) for group in groups]
    return {article.id: story for story in stories for article in story}


def describe(articles: Iterable[Article]) -> Story:
    """The story that the articles tell, and how each of the others relates to the fullest."""
    fullest, *others = fullest_first(articles)
    whole = Shingles.of(fullest.text)
    told = (Telling(other, _relation(other, fullest, whole)) for other in others)
    return Story((Telling(fullest, "fullest"), *told))


def _relation(article: Article, fullest: Article, whole: Shingles) -> Relation:
    """What the article is to the fullest telling, whose shingles are `whole`."""
    own = Shingles.of(article.text)
    there, back = own.contained_in(whole), whole.contained_in(own)
    if there >= _NEARLY_ALL:
        return "reprint" if back >= _NEARLY_ALL else "truncated copy"
    # An outlet edits what it takes from others; what it changes of its own it updates.
    own_again = article.source is not None and article.source == fullest.source
    return "reprint" if min(there, back) >= SAME_TEXT and not own_again else "update"
