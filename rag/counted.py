"""Numbers with their nouns, and lists, as messages and pages say them."""

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """1 article, 2,000 articles; 2 stories where `plural` says so."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def one_of(words: Sequence[str]) -> str:
    """ "a", "a or b", "a, b or c"."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last
