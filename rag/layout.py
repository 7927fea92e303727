"""Lines as they stand on printed pages -> the paragraphs that were set in them.

A line that cannot be placed is joined to the one before rather than split from it: two paragraphs
in one cost a line break, a sentence in two pieces cannot be read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

# Distances, in sizes of the letters unless said otherwise.
_USUAL_LEADING = 1.2  # where a document has too few lines to tell its own
_WIDE_GAP = 1.35  # times the usual distance of baselines: space between paragraphs
_WIDE_GAP_OF_FEW = 1.7
_INDENT = 0.5
_NEXT_COLUMN = 10
_FULL_LINE = 0.8  # of the longest line around

_EDGE_LINES = 2  # of a page, at its top and at its foot, where headers and page numbers stand
_PAGE_NUMBER = re.compile(
    r"page \d{1,4}(?: (?:of|/) \d{1,4})?|\d{1,4} ?(?:of|/) ?\d{1,4}|[-–—|] ?\d{1,4} ?[-–—|]", re.I
)
_SENTENCE_END = re.compile(r"[.!?…:][\"'”’»)\]]*$")
_BULLET = re.compile(r"[•‣◦▪●○■□▶►*·–—-]\s")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
)


@dataclass(frozen=True)
class Line:
    """A line of text; (x, y) is where its baseline begins, `size` that of its letters: points,
    from the left and from the foot of the page."""

    text: str
    x: float
    y: float
    size: float


def paragraphs(pages: Sequence[Sequence[Line]]) -> list[str]:
    """The paragraphs of pages whose lines come in reading order.

    Headers and footers that come again, and page numbers, are left out; words divided at the end
    of a line are whole again.
    """
    lines = [line for page in _without_furniture(pages) for line in page]
    words = Counter(
        word for line in lines for word in _WORD.findall(line.text.translate(_LIGATURES).lower())
    )
    leading = _leading(lines)
    found: list[str] = []
    for i, line in enumerate(lines):
        text = " ".join(line.text.translate(_LIGATURES).split())
        if i > 0 and not _breaks(lines, i, leading):
            found[-1] = _join(found[-1], text, words)
        else:
            found.append(text)
    return [paragraph.replace("\xad", "") for paragraph in found]


# --- headers, footers, page numbers --------------------------------------------------------------


def _without_furniture(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages' lines that say something, without what is printed on page after page."""
    full = [[line for line in page if line.text.strip()] for page in pages]
    repeated = Counter(key for page in full for key in {_key(line) for line in _edges(page)})
    often = max(2, len(full) / 3)
    return [
        [
            line
            for line in page
            if line not in edges or not (repeated[_key(line)] >= often or _is_number(line, number))
        ]
        for number, page in enumerate(full, 1)
        for edges in [_edges(page)]
    ]


def _edges(page: Sequence[Line]) -> set[Line]:
    by_height = sorted(page, key=lambda line: line.y)
    return {*by_height[:_EDGE_LINES], *by_height[-_EDGE_LINES:]}


def _key(line: Line) -> tuple[str, int, int]:
    """The same for a header on every page, whatever its numbers. The size tells a title from the
    small header that repeats it."""
    return re.sub(r"\d+", "#", line.text.casefold().strip()), round(line.size), round(line.y / 4)


def _is_number(line: Line, page: int) -> bool:
    text = " ".join(line.text.split())
    return text == str(page) or _PAGE_NUMBER.fullmatch(text) is not None


# --- paragraphs ----------------------------------------------------------------------------------


def _leading(lines: Iterable[Line]) -> dict[int, float]:
    """The usual distance between baselines of letters of a size, rounded to points."""
    drops: dict[int, list[float]] = {}
    for above, below in pairwise(lines):
        if _same_size(above, below) and 0 < above.y - below.y < 3 * below.size:
            drops.setdefault(round(below.size), []).append(above.y - below.y)
    return {size: median(found) for size, found in drops.items()}


def _breaks(lines: Sequence[Line], i: int, leading: dict[int, float]) -> bool:
    """Whether a paragraph begins with line `i`."""
    above, line = lines[i - 1], lines[i]
    if not _same_size(above, line) or _BULLET.match(line.text):
        return True
    ended = _SENTENCE_END.search(above.text.rstrip()) is not None
    drop = above.y - line.y
    if drop <= 0 or drop > _NEXT_COLUMN * line.size:  # the next column or page
        return ended or _had_room(lines, i)
    return (
        drop > _WIDE_GAP * leading.get(round(line.size), _USUAL_LEADING * line.size)
        # In a document of a few lines the usual distance may be that between paragraphs.
        or (
            ended
            and (drop > _WIDE_GAP_OF_FEW * line.size or line.x - above.x > _INDENT * line.size)
        )
        or _had_room(lines, i)
    )


def _had_room(lines: Sequence[Line], i: int) -> bool:
    """Whether the first word of line `i` would have fitted into the line above it, as far as the
    lines around that one tell: then it was ended on purpose."""
    above, line = lines[i - 1], lines[i]
    if line.text.lstrip()[:1].islower():
        return False
    around = [
        len(near.text)
        for near in lines[max(0, i - 4) : i + 4]
        if _same_size(near, above) and abs(near.x - above.x) < 3 * above.size
    ]
    first_word = line.text.split(maxsplit=1)[0]
    return len(above.text) + 1 + len(first_word) < _FULL_LINE * max(around)


def _same_size(one: Line, other: Line) -> bool:
    return abs(one.size - other.size) < 0.1 * max(one.size, other.size)


def _join(above: str, below: str, words: Counter[str]) -> str:
    """Both as one text; `words` are those of the whole document, in small letters."""
    if above.endswith("\xad"):
        return above[:-1] + below
    left, right = re.search(r"([^\W\d_]+)[-‐]$", above), re.match(r"[^\W\d_]+", below)
    if left is None or right is None:
        # "12-" and "year": what is no divided word keeps its hyphen.
        return above + ("" if re.search(r"\w[-‐]$", above) else " ") + below
    whole, compound = f"{left[1]}{right[0]}".lower(), f"{left[1]}-{right[0]}".lower()
    divided = right[0][0].islower() and words[whole] >= words[compound]
    return (above[:-1] if divided else above) + below
