"""Plain text whose lines an editor or a wire cut at a width -> a line a paragraph."""

from collections.abc import Sequence
from itertools import pairwise

_WIDTHS = range(40, 121)
"""Characters to which text is wrapped; longer lines are paragraphs."""
_OPENING = "\"'“‘«(["


def unwrapped(text: str) -> str:
    """The text with a space for every newline that only kept a line within the width.

    The length stays, and with it every offset. Such a newline stands where the next line's first
    word would not have fitted any more; it is taken for one only among lines of which at least one
    goes on in small letters: a list, a verse or a header is left as it is.
    """
    lines = text.split("\n")
    width = max((len(line) for line, after in pairwise(lines) if line and after), default=0)
    if width not in _WIDTHS:
        return text
    runs: list[list[str]] = [lines[:1]]
    for line, after in pairwise(lines):
        if line.strip() and after.strip() and len(line) + 1 + len(after.split()[0]) > width:
            runs[-1].append(after)
        else:
            runs.append([after])
    return "\n".join((" " if _goes_on(run) else "\n").join(run) for run in runs)


def _goes_on(run: Sequence[str]) -> bool:
    return any(line.lstrip(_OPENING)[:1].islower() for line in run[1:])
