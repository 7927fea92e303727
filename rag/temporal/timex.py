"""Expressions of time put together: parts, ranges, and what is counted from something else."""

import re
from dataclasses import replace
from datetime import timedelta

from rag.temporal import words
from rag.temporal.days import (
    Grain,
    Part,
    month_later,
    one_day,
    period,
    portion,
    shifted,
    weekday,
)
from rag.temporal.expressions import Context, Timex
from rag.temporal.rules import read
from rag.temporal.words import CLOCK, DAYPART, NUMBER, ORDINAL, UNIT, WEEKDAY
from rag.types import Interval

_PARTS: dict[str, Part] = {
    **dict.fromkeys(("early", "early part", "start", "beginning"), "early"),
    **dict.fromkeys(("mid", "middle"), "mid"),
    **dict.fromkeys(("late", "latter part", "end", "close"), "late"),
    **dict.fromkeys(("first half", "1st half"), "first half"),
    **dict.fromkeys(("second half", "2nd half", "latter half", "last half"), "second half"),
}
_PART = re.compile(
    r"(?:very )?(?P<part>early|mid|late)(?: |-)(?:on |in |of )?(?:the )?(?=\S)"
    r"|(?:the )?(?:very )?(?P<edge>start|beginning|middle|end|close|early part|latter part"
    r"|(?:first|second|1st|2nd|latter|last) half) of (?:the year (?=\d))?",
    re.I,
)
_SO_FAR = re.compile(r"(?P<side>earlier|later)(?: (?:in|on))? |so far ", re.I)
_OF_PERIOD = re.compile(
    rf"(?:the )?{ORDINAL}(?: {NUMBER})? (?:(?P<unit>day|week|weekend|month|quarter|year)s?"
    rf"|{WEEKDAY}) (?:of|in) ",
    re.I,
)
_AROUND = re.compile(
    r"(?:the )?(?P<around>week|weekend|month|year|day|date|night|morning|afternoon|evening|eve)"
    r" (?:of|(?P<from>starting|beginning|commencing|ending)(?: on)?) (?:the )?",
    re.I,
)
_NO_UNIT_NEXT = r"\b(?! \w+day| week| month| year)"
# "two days later", "the week after Easter", "a week today"; but "the week before last" is another.
_COUNTED = re.compile(
    rf"(?:the (?:very )?(?P<one>day|night|morning|evening|week|weekend|month|year)|{NUMBER} {UNIT})"
    rf"(?: (?P<side>later|earlier|afterwards?|previously|before(?! last{_NO_UNIT_NEXT})"
    rf"|after(?! next{_NO_UNIT_NEXT})|following|prior to|on|from)(?!\w)"
    r"|(?= (?:today|tomorrow)\b))",
    re.I,
)
_DATE_NEXT = re.compile(rf"(?:a )?{WEEKDAY}(?:,? (?:on )?| \(|, )(?=(?:the )?[\w]*\d|[A-Z])", re.I)
_DAY_NUMBER = re.compile(r"\d|th\b")
_SUFFIX = re.compile(rf",? (?:in the |at )?{DAYPART}(?!\w)", re.I)
_LEADS = re.compile(rf"(?:on|in|at|of|the|dawn|{DAYPART}|{CLOCK}) ", re.I)
_RANGE = re.compile(
    r" ?(?:-|–|—) ?|,? (?P<word>to|until|till|through|and|or|into)(?: on| in| the)* ",
    re.I,
)
_FIXED_BY_ITSELF = re.compile(r"\d{4}|year|ago|yesterday|today|last|next", re.I)
_WEEKDAY_ONLY = re.compile(rf"(?:on )?{WEEKDAY}(?: {DAYPART})?$", re.I)
_FROM = re.compile(r"(?:between|from|anywhere from) (?:the )?", re.I)
_FROM_BEFORE = re.compile(rf"\b{_FROM.pattern}$", re.I)
_EVENT = re.compile(r" (?:(?:the|an?|his|her|its|their|it|he|she|they)\b|[A-Z])")
_OF_EVENT = re.compile(r"'s? | \w")
_SIDE_BY_SIDE = re.compile(r",? (?:just |only )?")
_APPOSED = re.compile(r"(?:,| \() ?(?:on |in )?|,? on |, which was (?:on )?", re.I)


def parse(ctx: Context, at: int) -> Timex | None:
    """The longest expression of time that begins at sentence[at], if one does."""
    begins = _FROM.match(ctx.sentence, at)
    inside = begins.end() if begins else at
    try:
        first = _simple(ctx, inside)
        joined = None if first is None else _range(ctx, inside, first)
    except (ValueError, OverflowError):  # outside the calendar
        return None
    if begins:
        return None if joined is None else replace(joined, start=at)
    return joined or first


def _simple(ctx: Context, at: int) -> Timex | None:
    """An expression that is no range."""
    found = _composed(ctx, at) or read(ctx, at)
    if found and found.grain == "day" and (more := _SUFFIX.match(ctx.sentence, found.end)):
        found = replace(found, end=more.end())
    return found


def _inner(ctx: Context, at: int) -> Timex | None:
    """An expression that stands in another one; three deep is as deep as sense goes."""
    return None if ctx.depth == 3 else _simple(replace(ctx, depth=ctx.depth + 1), at)


def _range(ctx: Context, at: int, first: Timex) -> Timex | None:
    """ "3 March to 5 April", "Monday and Tuesday"; None where no range goes on."""
    m = _RANGE.match(ctx.sentence, first.end)
    if m is None or m.end() >= ctx.limit:
        return None
    last = _simple(ctx, m.end())
    if last is None:
        return None
    unknown = Timex(at, last.end, None, last.grain)
    if last.days is None:
        return unknown
    left, right = ctx.sentence[at : first.end], ctx.sentence[m.end() : last.end]
    if first.days and _WEEKDAY_ONLY.match(left) and _WEEKDAY_ONLY.match(right):
        # Days of the week run on from the first; all are past if the first one is.
        start = first.days.start
        end = start + timedelta(days=(last.days.start - start).days % 7)
        if ctx.today and start <= ctx.today < end and end - timedelta(weeks=1) > start:
            start, end = start - timedelta(weeks=1), end - timedelta(weeks=1)
        return _joined(ctx, at, m, one_day(start), replace(last, days=one_day(end)))
    earlier = _simple(replace(ctx, today=last.days.start, sense=-1), at)
    if earlier is None or earlier.days is None:
        return unknown
    start_days = earlier.days
    if first.days and first.days.end < last.days.start and _FIXED_BY_ITSELF.search(left):
        start_days = first.days
    return _joined(ctx, at, m, start_days, last)


def _joined(ctx: Context, at: int, m: re.Match[str], first: Interval, last: Timex) -> Timex | None:
    if last.days is None or last.days.end < first.start:
        return None
    between = _FROM_BEFORE.search(ctx.sentence, 0, at)
    adjacent = last.days.start - first.end <= timedelta(days=1)
    if (m["word"] or "").lower() in ("and", "or") and not between and not adjacent:
        return Timex(at, last.end, None, last.grain)  # two times, not the days between them
    return Timex(at, last.end, Interval(first.start, last.days.end), last.grain)


def _composed(ctx: Context, at: int) -> Timex | None:
    """An expression that holds another one."""
    text = ctx.sentence
    if m := _SO_FAR.match(text, at):
        return _so_far(ctx, at, m)
    if (m := _PART.match(text, at)) and (inner := _inner(ctx, m.end())):
        part = _PARTS[(m["part"] or m["edge"]).lower()]
        days = inner.days and portion(inner.days, inner.grain, part)
        return replace(inner, start=at, days=days)
    if m := _OF_PERIOD.match(text, at):
        return _of_period(ctx, at, m)
    if m := _AROUND.match(text, at):
        return _around(ctx, at, m)
    if m := _COUNTED.match(text, at):
        return _counted(ctx, at, m)
    if m := _DATE_NEXT.match(text, at):  # "Tuesday, 5 December", "Tuesday (5 December)"
        inner = read(replace(ctx, weekday=words.weekday(m["weekday"])), m.end())
        if (
            inner
            and inner.days
            and inner.grain == "day"
            and _DAY_NUMBER.search(text, m.end(), inner.end)
        ):
            closed = text[m.end() - 1] == "(" and text.startswith(")", inner.end)
            return replace(inner, start=at, end=inner.end + closed)
    return None


def _so_far(ctx: Context, at: int, m: re.Match[str]) -> Timex | None:
    """ "earlier this year": from its beginning to today; "later": from today to its end."""
    inner = _inner(ctx, m.end())
    if inner is None or inner.days is None:
        return inner and replace(inner, start=at)
    days, today = inner.days, ctx.today
    if today and inner.grain != "day" and days.start <= today <= days.end:
        later = (m["side"] or "").lower() == "later"
        days = Interval(today, days.end) if later else Interval(days.start, today)
    return replace(inner, start=at, days=days)


def _of_period(ctx: Context, at: int, m: re.Match[str]) -> Timex | None:
    """ "the first week of March", "the last Friday in May", "the first three months of 2023"."""
    inner = _inner(ctx, m.end())
    if inner is None:
        return None
    if inner.days is None:
        return replace(inner, start=at)
    whole, nth = inner.days, words.ordinal(m["ordinal"])
    if m["weekday"]:
        number = words.weekday(m["weekday"])
        if nth < 0:
            day = weekday(number, whole.end, "past")
        else:
            day = weekday(number, whole.start, "this") + timedelta(weeks=nth - 1)
        return Timex(at, inner.end, one_day(day) if day <= whole.end else None, "day")
    count = 1 if m["number"] is None else words.number(m["number"])
    unit = m["unit"].lower()
    if unit == "weekend":
        if nth < 0:
            day = weekday(5, whole.end - timedelta(days=1), "past")
        else:
            day = weekday(5, whole.start, "this") + timedelta(weeks=nth - 1)
        return Timex(at, inner.end, Interval(day, day + timedelta(days=1)), "weekend")
    if unit in ("day", "week"):
        size = timedelta(days=count * (7 if unit == "week" else 1))
        start = whole.end - size + timedelta(days=1) if nth < 0 else whole.start + size * (nth - 1)
        end = start + size - timedelta(days=1)
    else:
        step = count * {"month": 1, "quarter": 3, "year": 12}[unit]
        after = whole.end + timedelta(days=1)
        start = month_later(after, -step) if nth < 0 else month_later(whole.start, step * (nth - 1))
        end = month_later(start, step) - timedelta(days=1)
    if start < whole.start or end > whole.end:
        return Timex(at, inner.end, None, "day")
    return Timex(at, inner.end, Interval(start, end), words.grain(unit))


def _around(ctx: Context, at: int, m: re.Match[str]) -> Timex | None:
    """ "the weekend of 3 March", "the week ending 5 May", "the night of 3 March"."""
    inner = _inner(ctx, m.end())
    if inner is None or inner.days is None:
        return inner and replace(inner, start=at)
    around, day = m["around"].lower(), inner.days.start
    if around == "eve":
        return replace(inner, start=at, days=one_day(day - timedelta(days=1)), grain="day")
    if around in ("week", "weekend") and inner.grain == "day":
        grain: Grain = "weekend" if around == "weekend" else "week"
        days = period(day, grain)
        if m["from"]:
            six = timedelta(days=6)
            ending = m["from"].lower() == "ending"
            days = Interval(day - six, day) if ending else Interval(day, day + six)
        return Timex(at, inner.end, days, grain)
    return replace(inner, start=at)


def _counted(ctx: Context, at: int, m: re.Match[str]) -> Timex | None:
    """ "two days later", "a week before Christmas", "the day after the vote on Tuesday"."""
    side = (m["side"] or "from").lower()
    sign = -1 if side in ("earlier", "previously", "before", "prior to") else 1
    said = (m["one"] or m["unit"]).lower()
    named = side not in ("later", "earlier", "afterward", "afterwards", "previously")
    if side in ("on", "from") and ctx.today is None:
        return None
    inner = None
    end = m.end()
    if named and (inside := _after_leads(ctx, m.end())):
        inner = inside
        end = inner.end
        if _OF_EVENT.match(ctx.sentence, end):  # "two days before Sunday's election"
            end = max(end, ctx.limit)
    elif side in ("on", "from"):
        return None
    than = ctx.sentence.startswith(" than", m.end())  # "a week earlier than planned"
    if inner is None and (than or ctx.counted):
        return Timex(at, end, None, "day")
    if inner is None:
        beside = _apposed(ctx, at, m.end())
        if beside is not None:
            return replace(beside, start=at, end=end)
        # What was "after the vote" is counted from a day that the rest of the clause names.
        ahead = named and _EVENT.match(ctx.sentence, m.end()) is not None
        inner = ctx.anchor(at, m.end(), ahead)
    if inner is None or inner.days is None:
        return Timex(at, end, None, "day")
    if said in ("hour", "minute"):
        return Timex(at, end, inner.days, inner.grain)
    unit, size = words.step("day" if said in ("morning", "evening") else said)
    count = sign * size * (1 if m["one"] else words.number(m["number"]))
    edge = inner.days
    if inner.grain != "day" and unit == "day":
        edge = one_day(edge.start if sign < 0 else edge.end)
    return Timex(
        at,
        end,
        shifted(edge, inner.grain, unit, count),
        inner.grain if unit in ("day", "week") else unit,
    )


def _after_leads(ctx: Context, at: int) -> Timex | None:
    """The expression right after the space at sentence[at], past "on", "noon on" and the like."""
    at += 1
    while at < len(ctx.sentence):
        if found := _inner(ctx, at):
            return found
        lead = _LEADS.match(ctx.sentence, at)
        if lead is None:
            return None
        at = lead.end()
    return None


def _apposed(ctx: Context, start: int, end: int) -> Timex | None:
    """The same time named beside: "two days later, on Thursday", "on Thursday, two days later"."""
    if (m := _APPOSED.match(ctx.sentence, end)) and (
        found := read(replace(ctx, counted=True), m.end())
    ):
        return found if found.grain == "day" else None
    other = ctx.anchor(start, end, False)
    if other is None or other.grain != "day":
        return None
    return other if _SIDE_BY_SIDE.fullmatch(ctx.sentence, other.end, start) else None
