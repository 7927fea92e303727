"""Plain text whose lines an editor or a wire cut at a width -> a line a paragraph."""

import re
from collections.abc import Sequence
from itertools import pairwise

_WIDTHS = range(40, 121)
"""Characters to which text is wrapped; longer lines are paragraphs."""
_CREDIT = re.compile(r"(?:by|photo|source|published|updated)\b|\d{1,2} [A-Z][a-z]+ \d{4}$", re.I)
_OPENING = "\"'“‘«(["


def unwrapped(text: str) -> str:
    """The text with a space for every newline that only kept a line within the width.

    The length stays, and with it every offset. Such a newline stands where the next line's first
    word would not have fitted any more; it is taken for one only among lines of which at least one
    goes on in small letters: a list, a verse or a header is left as it is. Where a paragraph below
    the first line has such lines, the others are wrapped too: a sentence that stops at the width
    goes on with a name or a figure (`It cost` / `3 million`).
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
    wrapped = any(map(_goes_on, runs))
    return "\n".join(
        (" " if _goes_on(run) or (wrapped and number and _stops_short(run)) else "\n").join(run)
        for number, run in enumerate(runs)
    )


def _goes_on(run: Sequence[str]) -> bool:
    return any(line.lstrip(_OPENING)[:1].islower() for line in run[1:])


def _stops_short(run: Sequence[str]) -> bool:
    """Whether no line of a run but its last ends as a sentence, an item or a credit does."""
    return all(
        (line[-1].isalnum() or line[-1] in ",’'-–—")
        and (after[0].isalnum() or after[0] in f"{_OPENING}£$€")
        and not _CREDIT.match(line)
        and not _CREDIT.match(after)
        for line, after in pairwise(run)
    )
