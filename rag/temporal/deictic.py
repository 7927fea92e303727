"""What is told from the day of the article: yesterday, "on Tuesday", "last week", "a year ago"."""

import re
from datetime import date, timedelta

from rag.temporal import words
from rag.temporal.days import (
    MONTHS_IN,
    Grain,
    month_later,
    one_day,
    period,
    shifted,
    weekday,
)
from rag.temporal.expressions import (
    ANCHORED,
    STEPS,
    TOWARDS,
    WHICH,
    Context,
    Match,
    Meaning,
    relative_step,
)
from rag.types import Interval

_CLOCKED = ("hour", "minute")
_SHORT = ("sun", "sat", "mon", "wed", "fri", "thu", "tue")
_LATER = re.compile(r"\blater (?:on )?$", re.I)
_NIGHT_OF = re.compile(r" (?:on|into|from)? ?[A-Z]")
_PART_OF = re.compile(
    r"\b(?:earlier|later|start|beginning|middle|end|half|close|part|late|early|quarter|months?|weeks?"
    r"|days?) (?:in|on|of) $",
    re.I,
)
_INEXACT = re.compile(r"\b(?:(?:more|less|fewer|longer) than|over|under|at least|up to) $", re.I)
_BEFORE_NTH = re.compile(r"\b(?:on|by|since|until|from|before|after|to|and|or|day,?) $", re.I)
_NO_NTH = re.compile(
    r"[ -](?!(?:and|to|or|at|in|for|with|that|it|he|she|they|the|after|before|when|until|as|by|of"
    r"|from|but|a|on|will|was|is)\b)[a-z]"
)


def on_weekday(m: Match, ctx: Context) -> Meaning | None:
    """ "on Tuesday", "last Tuesday", "Tuesday of next week", "the following Tuesday"."""
    if m["weekday"].rstrip(".") in _SHORT:  # in small letters another word
        return None
    number = words.weekday(m["weekday"])
    if (step := relative_step(m)) is not None:
        base = ctx.counted_from(m)
        if base is None:
            return None, "day"
        edge = base.start if step < 1 else base.end
        return one_day(weekday(number, edge, TOWARDS[step])), "day"
    if ctx.today is None:
        return None, "day"
    groups = m.groupdict()
    if week := groups["week"] or groups["week_before"]:
        monday = period(ctx.today, "week", STEPS[week.lower()]).start
        return one_day(monday + timedelta(days=number)), "day"
    if m["further"]:  # "Tuesday week"
        weeks = 2 if m["further"] == "fortnight" else 1
        return one_day(weekday(number, ctx.today, "next") + timedelta(weeks=weeks)), "day"
    said = m["which"] or m["which_after"]
    if said is None:
        told = ctx.which(m)
        later = _LATER.search(ctx.sentence[: m.start()])
        return one_day(weekday(number, ctx.today, "this" if later else told)), "day"
    which = WHICH[said.lower()]
    if which == "this" and ctx.which(m) == "past":
        which = "past"
    return one_day(weekday(number, ctx.today, which)), "day"


def near_day(m: Match, ctx: Context) -> Meaning | None:
    """yesterday, tonight, "this morning", "the day after tomorrow"."""
    if ctx.today is None:
        return None, "day"
    said = m["deictic"].lower()
    if said.startswith("overnight"):
        if _NIGHT_OF.match(ctx.sentence, m.end()):  # the day is named, and read by itself
            return None
        first = ctx.today if ctx.which(m) == "future" else ctx.today - timedelta(days=1)
        return Interval(first, first + timedelta(days=1)), "day"
    step = 0
    if "yesterday" in said or said.startswith("last"):
        step = -1
    elif "tomorrow" in said:
        step = 1
    if said.startswith("the day"):
        step *= 2
    return one_day(ctx.today + timedelta(days=step)), "day"


def near_unit(m: Match, ctx: Context) -> Meaning | None:
    """ "last week", "the following month", "the year before last"."""
    grain = words.grain(m["unit"])
    if (step := relative_step(m)) is not None:
        base = ctx.counted_from(m)
        if base is None:
            return None, grain
        if grain == "day":
            edge = base.end if step > 0 else base.start
            return one_day(edge + timedelta(days=step)), grain
        return period(base.start, grain, step), grain
    if ctx.today is None:
        return None, grain
    said = m["which"].lower()
    if grain == "weekend":
        return period(ctx.today, grain, _weekends_off(m, ctx)), grain
    step = STEPS[WHICH[said]]
    if said in ("the past", "the coming"):
        return _window(ctx.today, 1, grain, step), grain
    if grain == "day":
        return None
    return period(ctx.today, grain, step), grain


def _weekends_off(m: Match, ctx: Context) -> int:
    """How many weekends on from the one of this week; "this past" is the one just behind us."""
    assert ctx.today is not None
    said = m["which"].lower()
    if said.endswith("coming"):
        return 0
    if said.endswith("past"):
        return -1 if ctx.today.weekday() < 6 else 0
    step = STEPS[WHICH[said]]
    is_behind = step == 0 and ctx.today.weekday() < 5 and ctx.which(m) == "past"
    return -1 if is_behind else step


def unit_but_one(m: Match, ctx: Context) -> Meaning | None:
    """ "the week before last", "the month after next"."""
    grain = words.grain(m["unit"])
    if ctx.today is None:
        return None, grain
    return period(ctx.today, grain, -2 if m["side"].lower() == "before last" else 2), grain


def the_unit(m: Match, ctx: Context) -> Meaning | None:
    """ "at the weekend"; "the year" and "the month" mean the ones we are in."""
    grain = words.grain(m["unit"])
    if grain == "weekend":
        if ctx.today is None:
            return None, grain
        weekend = period(ctx.today, grain)
        past = ctx.which(m) != "future"
        if past and ctx.today < weekend.start:
            weekend = period(ctx.today, grain, -1)
        return weekend, grain
    if not _PART_OF.search(ctx.sentence[: m.start()]):
        return None
    base = ctx.counted_from(m) if grain == "day" else None
    day = ctx.today if base is None else base.start
    return (period(day, grain) if day else None), grain


def _window(today: date, count: int, grain: Grain, step: int) -> Interval:
    """The `count` units up to today, or from today on."""
    if grain in ("day", "week"):
        there = today + step * timedelta(days=count * (7 if grain == "week" else 1))
    else:
        there = month_later(today, step * count * MONTHS_IN[grain])
    return Interval(min(today, there), max(today, there))


def units_around(m: Match, ctx: Context) -> Meaning | None:
    """ "the past two weeks", "within ten days"."""
    if m["unit"].lower() in _CLOCKED:
        return None
    grain, size = words.step(m["unit"])
    if ctx.today is None:
        return None, grain
    number = m.groupdict().get("number")
    count = 1 if number is None else words.number(number)
    backwards = m["window"].lower().split()[-1] in ("past", "last", "previous")
    if m["window"].lower() == "within" and ctx.which(m) == "past":
        return None, grain
    return _window(ctx.today, count * size, grain, -1 if backwards else 1), grain


def _moved(ctx: Context, m: Match, sign: int) -> Meaning:
    """Today moved by what is counted: days and weeks lead to a day, longer units to one of them."""
    if ctx.today is None or _INEXACT.search(ctx.sentence[: m.start()]):
        return None, "day"
    count = words.number(m["number"])
    said = m["unit"].lower()
    if said in _CLOCKED:
        hours = count if said == "hour" else 0
        return one_day(ctx.today + sign * timedelta(days=hours // 24)), "day"
    grain, size = words.step(said)
    return shifted(one_day(ctx.today), "day", grain, sign * count * size), grain


def ago(m: Match, ctx: Context) -> Meaning | None:
    """ "two weeks ago", "a year ago today"."""
    days, grain = _moved(ctx, m, -1)
    exact = (m["exact"] or "").lower()
    if days is None or ctx.today is None or not exact or m["unit"].lower() in _CLOCKED:
        return days, grain
    there = days.start
    if grain not in ("day", "week"):
        there = month_later(ctx.today, -words.number(m["number"]) * MONTHS_IN[grain])
    if "week" in exact or "month" in exact:
        finer: Grain = "week" if "week" in exact else "month"
        return period(there, finer), finer
    return one_day(there - timedelta(days="yesterday" in exact)), "day"


def from_now(m: Match, ctx: Context) -> Meaning | None:
    """ "in two weeks' time", "in three days" of what is to come, "a month from now"."""
    if m["time"] is None and (m["in"] is None or ctx.which(m) != "future"):
        return None
    return _moved(ctx, m, 1)


def weekdays_ago(m: Match, ctx: Context) -> Meaning | None:
    """ "two Fridays ago"."""
    if ctx.today is None:
        return None, "day"
    back = words.number(m["number"]) - 1
    latest = weekday(words.weekday(m["name"]), ctx.today, "last")
    return one_day(latest - timedelta(weeks=back)), "day"


def the_nth(m: Match, ctx: Context) -> Meaning | None:
    """ "the 12th": of the month that is named, of the sentence's, or of the one that fits."""
    day = words.ordinal(m["day"])
    if m["monthly"] is None and (
        not _BEFORE_NTH.search(ctx.sentence[: m.start()]) or _NO_NTH.match(ctx.sentence, m.end())
    ):
        return None
    said = (m["monthly"] or "").lower().removeprefix("the").strip()
    base = None if said in ("last", "this", "next") else ctx.anchor(m.start(), m.end(), False)
    if base and base.days and base.grain in ("day", "month", "week"):
        step = ANCHORED.get(said, 0)
        first = month_later(base.days.start.replace(day=1), step)
        return one_day(first.replace(day=day)), "day"
    if ctx.today is None or said in ("same", "following", "previous", "that"):
        return None, "day"
    first = ctx.today.replace(day=1)
    if m["monthly"]:
        return one_day(month_later(first, STEPS.get(said, 0)).replace(day=day)), "day"
    of_months = [month_later(first, step) for step in range(-3, 4)]
    choices = [
        start.replace(day=day)
        for start in of_months
        if month_later(start, 1) - start >= timedelta(days=day)
    ]
    today = ctx.today
    if ctx.weekday is not None:
        choices = [c for c in choices if c.weekday() == ctx.weekday] or choices
        return one_day(min(choices, key=lambda c: abs(c - today))), "day"
    if ctx.which(m) == "future":
        return one_day(min(c for c in choices if c >= today)), "day"
    return one_day(max(c for c in choices if c <= today)), "day"
