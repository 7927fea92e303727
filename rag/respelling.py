"""A mistyped question, as it was meant."""

import re
from collections import Counter
from collections.abc import Callable, Iterable

from rapidfuzz import process
from rapidfuzz.distance import OSA

from rag.folding import fold

_WORD = re.compile(r"[^\W\d_]+")
FEWEST_LETTERS = 4


def edits(letters: int) -> int:
    """How many typing errors a word of so many letters may have."""
    return 0 if letters < FEWEST_LETTERS else 1 if letters < 8 else 2


def mistyped(typed: str, meant: str, distance: float) -> bool:
    """Whether `typed`, that many edits away, may be a typing error for `meant`.

    The first letter is seldom wrong, unless the first two are swapped.
    """
    return distance <= edits(min(len(typed), len(meant))) and (
        typed[0] == meant[0] or typed[1::-1] == meant[:2]
    )


def respell(question: str, texts: Iterable[str], is_word: Callable[[str], bool]) -> str:
    """The question with its mistyped words as the texts write them.

    A word is mistyped if it stands in none of the texts, `is_word` does not know it, and one
    word of the texts alone is nearest to it: one edit away (a letter left out, added, changed, or
    two swapped), or two for a long word.
    """
    doubtful = {word for word in _WORD.findall(question) if edits(len(word)) and not is_word(word)}
    if not doubtful:
        return question
    # Key -> the word, as it is written most often: "Kyiv" rather than the "KYIV" of a dateline.
    often = Counter(word for text in texts for word in _WORD.findall(text)).most_common()
    written = {_key(word): word for word, _ in reversed(often)}

    def meant(match: re.Match[str]) -> str:
        word: str = match[0]
        if word not in doubtful or _key(word) in written:
            return word
        nearest = _nearest(_key(word), written)
        return word if nearest is None else written[nearest]

    return _WORD.sub(meant, question)


def _key(word: str) -> str:
    return word.lower() if word.isascii() else fold(word)


def _nearest(typed: str, words: Iterable[str]) -> str | None:
    """The one word that may be meant, None if there are two or none."""
    close = process.extract(
        typed, list(words), scorer=OSA.distance, score_cutoff=edits(len(typed)), limit=None
    )
    errors = [(distance, word) for word, distance, _ in close if mistyped(typed, word, distance)]
    fewest = min(errors, default=(0, ""))[0]
    nearest = [word for distance, word in errors if distance == fewest]
    return nearest[0] if len(nearest) == 1 else None
