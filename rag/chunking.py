"""Articles into passages: whole sentences up to a token budget, with exact offsets. Pure."""

import re
from collections.abc import Callable, Sequence

from sentencex import get_sentence_boundaries

from rag.types import Article, Passage

CHUNKER = "sentences-1"
"""Name of this way of cutting; part of an index's manifest. Change it when the cuts change."""

_PARAGRAPH = re.compile(r"[^\n]+")
_BULLET = re.compile(r"\s*(?:[•‣▪●◦*–—-]\s+)?")
_LEFT_OUT = re.compile(r"[•‣▪●◦*–—-]")
_WORD = re.compile(r"\S+\s*")

Offsets = tuple[int, int]
CountTokens = Callable[[Sequence[str]], list[int]]


def sentences(text: str) -> list[Offsets]:
    """(start, end) of every sentence, without the space around it or a bullet before it."""
    return [
        sentence
        for paragraph in _PARAGRAPH.finditer(text)
        for sentence in _sentences_of_line(paragraph.group(), paragraph.start())
    ]


def _sentences_of_line(line: str, offset: int) -> list[Offsets]:
    found = []
    for boundary in get_sentence_boundaries("en", line):
        start, end = boundary["start_index"], boundary["end_index"]
        bullet = _BULLET.match(line, start, end)
        start = bullet.end() if bullet else start
        end = start + len(line[start:end].rstrip())
        if start < end:
            found.append((offset + start, offset + end))
    return found


def sentence_around(text: str, start: int, end: int) -> Offsets:
    """(start, end) of the sentence, or the sentences, in which text[start:end] stands."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    inside = [
        (s, e)
        for paragraph in _PARAGRAPH.finditer(text, line_start, line_end)
        for s, e in _sentences_of_line(paragraph.group(), paragraph.start())
        if s < end and start < e
    ]
    if not inside:
        return start, end
    return min(start, inside[0][0]), max(end, inside[-1][1])


def split(
    article: Article, count_tokens: CountTokens, budget: int = 128, overlap: int = 1
) -> list[Passage]:
    """Passages of at most `budget` tokens that cover every sentence of the article, in order.

    Passages end where sentences end; each repeats the last `overlap` sentences of the one
    before if they fit. Only a sentence longer than the budget is cut, between words.
    """
    text = article.text
    bounds = sentences(text)
    sizes = count_tokens([text[s:e] for s, e in bounds])
    units: list[tuple[int, int, int]] = []
    for (start, end), size in zip(bounds, sizes, strict=True):
        if size <= budget:
            units.append((start, end, size))
        else:
            units.extend(_cut_sentence(text, start, end, count_tokens, budget))

    passages: list[Passage] = []
    first = 0
    while first < len(units):
        last, total = first, units[first][2]
        while last + 1 < len(units) and total + units[last + 1][2] <= budget:
            last += 1
            total += units[last][2]
        passages.append(Passage(article, units[first][0], units[last][1]))
        if last + 1 == len(units):
            break
        following = last + 1
        room = budget - units[following][2]
        while following > max(first, last - overlap) + 1 and units[following - 1][2] <= room:
            following -= 1
            room -= units[following][2]
        first = following
    return passages


def left_out(text: str, passages: Sequence[Offsets]) -> str:
    """The first words of a text that are in none of its passages; "" if there are none."""
    done = 0
    for start, end in [*sorted(passages), (len(text), len(text))]:
        if rest := _LEFT_OUT.sub("", text[done:start]).strip():
            return rest
        done = max(done, end)
    return ""


def _cut_sentence(
    text: str, start: int, end: int, count_tokens: CountTokens, budget: int
) -> list[tuple[int, int, int]]:
    """(start, end, tokens) of consecutive runs of words, each within the budget if words are."""
    words = [
        (m.start(), m.start() + len(m.group().rstrip())) for m in _WORD.finditer(text, start, end)
    ]
    sizes = count_tokens([text[s:e] for s, e in words])
    runs: list[tuple[int, int, int]] = []
    for (s, e), size in zip(words, sizes, strict=True):
        if runs and runs[-1][2] + size <= budget:
            runs[-1] = (runs[-1][0], e, runs[-1][2] + size)
        else:
            runs.append((s, e, size))
    return runs
