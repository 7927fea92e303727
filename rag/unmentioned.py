"""Names in a question that nothing found mentions: then what was found is hardly about it."""

import re
from collections.abc import Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

from rag.folding import fold
from rag.respelling import edits, mistyped
from rag.transliteration import OTHER_NAMES, same_sound
from rag.types import Hit
from rag.wordings import is_function_word

_WORD = re.compile(r"\w[\w'’ʼ-]*\w")
_FEWEST_LETTERS = 4
_SAME_START = 4
"""Letters that a name and what is made of it have in common at least: Norway, Norwegian."""
_NO_NAMES = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june
    july august september october november december christmas easter
    """.split()
) | {part for names in OTHER_NAMES for name in names for part in fold(name).split()}
"""Of the calendar, and what may stand in a text under another name."""


def unmentioned(question: str, hits: Iterable[Hit]) -> tuple[str, ...]:
    """The names in the question that no article among the hits mentions, in whatever spelling.

    A name is a word with a capital, of four letters or more, after the first word of the question;
    abbreviations, days and months are none, nor are places that have several names. A question in
    which every word has a capital names nothing.
    """
    names = _names(question)
    if not names:
        return ()
    for hit in hits:
        article = hit.passage.article
        names = [name for name in names if name not in article.text]  # the usual case, and quick
        if not names:
            break
        told = " . ".join(filter(None, (article.text, article.title, article.source)))
        words = _WORD.findall(told)
        said = {part for word in words for part in _parts(word)}
        written = {part for word in words if word[0].isupper() for part in _parts(word)}
        names = [n for n in names if not (_solid(n) in said or _is_among(n, written))]
        if not names:
            break
    return tuple(names)


def _names(question: str) -> list[str]:
    _, *words = _WORD.findall(question) or [""]
    if any(word.istitle() and is_function_word(word) for word in words):
        return []  # every word has a capital
    return [
        word
        for word in words
        if word[0].isupper()
        and not word.isupper()
        and len(fold(word)) >= _FEWEST_LETTERS
        and fold(word) not in _NO_NAMES
    ]


def _parts(word: str) -> set[str]:
    """The parts of a compound, and it as one word."""
    return {*fold(word).split(), _solid(word)}


def _solid(word: str) -> str:
    return fold(word).replace(" ", "")


def _is_among(name: str, names: set[str]) -> bool:
    """Whether one of the names may be this one, mistyped or otherwise written, or made of it."""
    own = _solid(name)
    if any(other[:_SAME_START] == own[:_SAME_START] or same_sound(other, own) for other in names):
        return True
    close = process.extract(
        own, names, scorer=OSA.distance, score_cutoff=edits(len(own)), limit=None
    )
    return any(mistyped(own, other, distance) for other, distance, _ in close)
