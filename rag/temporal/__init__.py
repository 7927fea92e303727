"""The days that words of an article mean: "Tuesday" and its date become 2023-12-05."""

import re
from dataclasses import replace
from datetime import date
from functools import lru_cache

from rag.chunking import sentence_around
from rag.temporal.anchors import WORD_START, anchor
from rag.temporal.days import years
from rag.temporal.expressions import Context, Timex
from rag.temporal.timex import parse
from rag.temporal.words import CLOCK, DAY_OF_WEEK, DAYPART, NUMBER, UNIT
from rag.types import Interval

_AROUND = 1000  # characters each side in which the sentence is looked for
_BEFORE = 60  # characters before the words in which an expression may begin
# Every replacement is one character long: offsets stay.
_PLAIN = str.maketrans("’‘\u00a0\u202f\u2009\n\t\r‑", "''      -")
_PLAIN_LINES = {key: value for key, value in _PLAIN.items() if chr(key) != "\n"}
# Without any of these no expression of time begins: it tells at once for most words.
_HINT = re.compile(
    r"\d|day|week|month|year|quarter|decade|centur|night|morning|evening|afternoon|morrow"
    r"|\b(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|spring"
    r"|summer|autumn|fall|winter|christmas|easter|new year|halloween|pentecost|thanks|twent|thirt"
    r"|fort|fift|sixt|sevent|eight|ninet|first|second|third|fourth|sixth|ninth|tenth|twelfth"
    r"|eleventh|earlier|later)",
    re.I,
)
# Words that an answer may begin with before its expression: "by the end of", "shortly before noon".
_LEAD = re.compile(
    rf"(?:on|in|at|by|since|from|until|till|before|after|during|around|about|approximately|roughly"
    rf"|nearly|almost|just|only|as|early|late|soon|between|over|throughout|through|for|of|the"
    rf"|shortly|immediately|long|well|dusk|first light|hours|minutes|small|local time|o'clock"
    rf"|effective|starting|beginning|or|most|much|part|parts|all|rest|sometime|some time|possibly"
    rf"|perhaps|probably|likely|no later than|back|not|later|earlier|some point|again|ahead"
    rf"|prior to|following|sundown|breakfast|lunch|{DAYPART}|{CLOCK})(?:,? |-)",
    re.I,
)
# What an answer may go on with behind it; anything else makes it part of something larger.
_TAIL = re.compile(
    rf"'?s?\)?$|[,;:(–—]| [(–—-]"
    rf"| (?:on|in|at|of|by|after|before|when|while|as|with|for|to|from|and|or|but|until|since"
    rf"|during|because|where|that|which|near|around|about|ahead|following|local|early|late|alone"
    rf"|onwards?|a|the|if|unless|so|ago|itself|{DAYPART})\b",
    re.I,
)
_YEAR_ALONE = re.compile(r"[12]\d{3}$")
_COUNT = re.compile(rf"(?:in |about |some )?{NUMBER}(?P<counted> {UNIT})?$", re.I)
_UNIT_NEXT = re.compile(rf" {UNIT}", re.I)
# What stands before a word of time and makes it one of something larger, or no time at all.
_TAKEN_IN = re.compile(
    r"\b(?:last|next|this|that|past|coming|previous|following|preceding|same|every|each|most|any|a"
    r"|an|one|some|alternate|many|first|second|third|fourth|final|subsequent|earlier|later"
    rf"|the day (?:before|after)|{DAY_OF_WEEK},?(?: the)?) $",
    re.I,
)
_RECURRENT = re.compile(r"\b(?:every|each|most|any|an?|one|some|alternate|many|other) $", re.I)


# Ranking asks for the same words again; more than a question's would hold on to many articles.
@lru_cache(maxsize=500)
def when_of(text: str, start: int, end: int, published: date | None) -> Interval | None:
    """The days that the words text[start:end] of an article mean, or None.

    Worked out from the publication day, the tense of the sentence and the words around: "Tuesday"
    sees "last", "the 12th" sees "of March", "two days later" sees the day in its sentence. None
    where the words name no time (a duration, an age, "recently", "on Tuesdays") or it cannot be
    known (no publication day, nothing in the sentence to count from).

    Conventions. Weeks run from Monday to Sunday. "last Tuesday" and "next Tuesday" are the
    nearest before and after the publication day; "on Tuesday" is that day or before it in the past
    and after it in the future. "early", "mid" and "late" cut a month after its days 10 and 20, a
    year after April and August (`rag.temporal.days.portion`), and "start", "middle" and "end" cut
    likewise. As in TIMEX3, what is counted is as exact as its unit: days and weeks give a day ("two
    weeks ago"), months a calendar month, years a calendar year. "within two weeks" begins on the
    publication day. A century begins with its year 1; seasons are the meteorological ones of the
    northern half.
    """
    if not may_tell_time(text[start:end]):
        return None
    offset = max(0, start - _AROUND)
    window = text[offset : end + _AROUND].translate(_PLAIN_LINES)
    first, last = sentence_around(window, start - offset, end - offset)
    sentence = window[first:last].translate(_PLAIN)
    found = _find(sentence, start - offset - first, end - offset - first, published)
    return None if found is None else found.days


def may_tell_time(text: str) -> bool:
    """Whether the text has what an expression of time begins with; without, it has none."""
    return _HINT.search(text) is not None


def when_begins(question: str, start: int, today: date) -> Timex | None:
    """The expression of time that begins at question[start], past words such as "the end of",
    as seen from today; what could be past or to come is past."""
    sentence = question.translate(_PLAIN)
    at = start
    ctx = Context(sentence, today, len(sentence), sense=-1)
    while (found := parse(ctx, at)) is None:
        lead = _LEAD.match(sentence, at)
        if lead is None:
            return None
        at = lead.end()
    return found


def _find(sentence: str, start: int, end: int, published: date | None) -> Timex | None:
    """The expression of time that sentence[start:end] is, or begins with, or is a part of."""
    while start < end and not (sentence[start].isalnum() or sentence[start] == "'"):
        start += 1
    while start < end and sentence[end - 1] in " ,;:.!?\"'”“)]":
        end -= 1
    if start >= end:
        return None
    bare = Context(sentence, published, end)
    ctx = replace(bare, anchor=lambda a, b, ahead: anchor(bare, a, b, ahead))
    at = start
    while (found := parse(ctx, at)) is None:
        lead = _LEAD.match(sentence, at, end)
        if lead is None:
            return _held(ctx, start, end)
        at = lead.end()
    if found.end < end and not _TAIL.match(sentence[found.end : end]):
        return None
    if found.end > end and _is_count(sentence, start, end):
        return None
    if at == start and _TAKEN_IN.search(sentence, 0, start):
        larger = _taken_in(ctx, start, found.end)
        return larger if larger or _RECURRENT.search(sentence, 0, start) else found
    return found


def _is_count(sentence: str, start: int, end: int) -> bool:
    """Whether the words are the "two" or the "two weeks" of "two weeks ago"."""
    m = _COUNT.match(sentence[start:end])
    return m is not None and (m["counted"] is not None or bool(_UNIT_NEXT.match(sentence, end)))


def _held(ctx: Context, start: int, end: int) -> Timex | None:
    """The expression that holds the words, which are none by themselves; of a year, the year."""
    larger = _taken_in(ctx, start, end)
    if larger and larger.days and _YEAR_ALONE.match(ctx.sentence[start:end]):
        return replace(larger, days=years(int(ctx.sentence[start:end])), grain="year")
    return larger


def _taken_in(ctx: Context, start: int, end: int) -> Timex | None:
    """The shortest expression that begins before the words and ends with them or after."""
    starts = [m.start() for m in WORD_START.finditer(ctx.sentence, max(0, start - _BEFORE), start)]
    for at in reversed(starts):
        larger = parse(ctx, at)
        if larger and larger.end >= end and not _TAKEN_IN.search(ctx.sentence, 0, at):
            return larger
    return None
