"""The simple expressions of time, each with the days it means. `rag.timex` puts them together."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from rag import words
from rag.days import (
    Grain,
    Which,
    month_later,
    months,
    occurrence,
    one_day,
    period,
    season,
    shifted,
    weekday,
    years,
)
from rag.tense import Sense, sense_at
from rag.types import Interval
from rag.words import DAY, DAYPART, HOLIDAY, MONTH, NUMBER, SEASON, UNIT, WEEKDAY, YEAR


@dataclass(frozen=True)
class Timex:
    """sentence[start:end], an expression of time, and its days; None if they cannot be known."""

    start: int
    end: int
    days: Interval | None
    grain: Grain


Meaning = tuple[Interval | None, Grain]
Match = re.Match[str]


@dataclass(frozen=True)
class Context:
    """What an expression is read against.

    `today` is the day the article speaks of as today. `sense` overrules what the sentence tells.
    `anchor(start, end, ahead)` finds the time that "two days later" counts from; with `ahead`
    only after the expression. Only text before `limit` may make an expression a range. `weekday`
    is one that a date without year has to fall on. `counted` says that what counts from another
    time stays open, `depth` how many expressions this one stands in.
    """

    sentence: str
    today: date | None
    limit: int
    sense: Sense | None = None
    anchor: Callable[[int, int, bool], Timex | None] = field(default=lambda *_: None)
    weekday: int | None = None
    counted: bool = False
    depth: int = 0

    def which(self, m: Match, month: bool = False) -> Which:
        """How the sentence sees the expression."""
        sense = self.sense
        if sense is None:
            sense = sense_at(self.sentence, m.start(), m.end(), month)
        return "past" if sense < 0 else "future" if sense > 0 else "near"


_WHICH: dict[str, Which] = {
    **dict.fromkeys(("last", "past", "this past", "the past", "this last"), "last"),
    **dict.fromkeys(("this", "current", "the current"), "this"),
    **dict.fromkeys(("next", "coming", "upcoming", "this coming", "the coming"), "next"),
}
_ANCHORED = {
    **dict.fromkeys(("previous", "preceding"), -1),
    **dict.fromkeys(("same", "very same", "that", "that same", "that very"), 0),
    **dict.fromkeys(("next", "following", "subsequent"), 1),
}
_DEICTIC = r"(?P<which>(?:this |the )?(?:past|coming)|this last|last|this|(?:the )?current|next|upcoming)"
_RELATIVE = (
    r"(?P<relative>the (?:previous|preceding|same|very same|next|following|subsequent)"
    r"|that (?:same |very )?|(?:previous|preceding|following))"
)
_DIRECTED = rf"(?:(?:{_DEICTIC}|{_RELATIVE}) ?)"
_OF_YEAR = rf"(?:,?[ -](?:of |in )?(?:{YEAR}|(?P<yearly>last|this|next|that|the (?:same|following|previous)) year))"
_OF_MONTH = r"(?: of (?P<monthly>last|this|next|that|the(?: (?:same|following|previous))?) month)"
_NAMES = ("march", "april", "may", "june", "august")
_BEFORE_MONTH = re.compile(
    r"(?:^|[(,;:–—-]\s*|\b(?:in|since|by|until|till|before|after|during|from|through|for|of|to|and|or"
    r"|around|about|between|early|mid|mid-|late|on|throughout|over|as|this|last|next)[ -])$",
    re.I,
)


def _relative(m: Match) -> int | None:
    text = m["relative"]
    if text is None:
        return None
    return _ANCHORED[text.lower().removeprefix("the ").strip()]


def _year(m: Match, ctx: Context) -> int | None:
    """The year that an expression names, if it does; ValueError if it cannot be known."""
    if m["year"] is not None:
        return int(m["year"])
    if m["yearly"] is None:
        return None
    named = m["yearly"].lower().removeprefix("the ")
    if named in _ANCHORED and named != "next":
        base = ctx.anchor(m.start(), m.end(), False)
        day = base.days.start if base and base.days else None
        step = _ANCHORED[named]
    else:
        day, step = ctx.today, {"last": -1, "this": 0, "next": 1}[named]
    if day is None:
        raise ValueError("the year cannot be known")
    return day.year + step


def _yearly(
    m: Match, ctx: Context, of_year: Callable[[int], Interval], grain: Grain
) -> Meaning:
    """What comes once a year, in the year that is named or fits the sentence."""
    year = _year(m, ctx)
    if year is not None:
        return of_year(year), grain
    groups = m.groupdict()
    if groups.get("relative"):
        base = ctx.anchor(m.start(), m.end(), False)
        if base is None or base.days is None:
            return None, grain
        step = _relative(m)
        which: Which = "last" if step == -1 else "next" if step == 1 else "this"
        return occurrence(of_year, base.days.start, which), grain
    if ctx.today is None:
        return None, grain
    if groups.get("which"):
        which = _WHICH[groups["which"].lower()]
        if which == "this" and grain == "season":
            which = ctx.which(m, True)
        return occurrence(of_year, ctx.today, which), grain
    if ctx.weekday is not None:
        near = occurrence(
            lambda year: _on_weekday(of_year(year), ctx.weekday), ctx.today, "near"
        )
        if near is not None and abs(near.start - ctx.today) < timedelta(days=366):
            return near, grain
    if re.match(r"(?:[A-Z][A-Z .-]+,\s*)$", ctx.sentence[: m.start()]):  # a dateline
        return occurrence(of_year, ctx.today, "near"), grain
    return occurrence(of_year, ctx.today, ctx.which(m, grain != "day")), grain


def _on_weekday(days: Interval, number: int | None) -> Interval:
    if days.start.weekday() != number:
        raise ValueError("another day of the week")
    return days


def _iso(m: Match, ctx: Context) -> Meaning:
    return one_day(date(int(m["y"]), int(m["m"]), int(m["d"]))), "day"


def _digits(m: Match, ctx: Context) -> Meaning | None:
    first, second, year = int(m["first"]), int(m["second"]), int(m["y"])
    if first <= 12 and second <= 12 and first != second:
        return None, "day"
    day, month = (first, second) if second <= 12 else (second, first)
    return one_day(date(year, month, day)), "day"


def _date(m: Match, ctx: Context) -> Meaning | None:
    if not _is_month(m, ctx, dated=True):
        return None
    month, day = words.month(m["month"]), words.ordinal(m["day"])
    return _yearly(m, ctx, lambda year: one_day(date(year, month, day)), "day")


def _days(m: Match, ctx: Context) -> Meaning | None:
    """ "3-5 March": of a span that holds the 3 alone, the first day."""
    if not _is_month(m, ctx, dated=True):
        return None
    month, first, last = words.month(m["month"]), words.ordinal(m["day"]), words.ordinal(m["last"])
    joined = m["join"].strip().lower()
    if last <= first:
        return None
    two = joined in ("and", "or", "&", "/", "and the") and not _BETWEEN.search(
        ctx.sentence, 0, m.start()
    )
    if ctx.limit <= m.start("join"):
        last = first
    elif two and last != first + 1:
        return None, "day"
    return _yearly(
        m, ctx, lambda year: Interval(date(year, month, first), date(year, month, last)), "day"
    )


_BETWEEN = re.compile(r"\bbetween (?:the )?$", re.I)


def _is_month(m: Match, ctx: Context, dated: bool = False) -> bool:
    """Whether the word is a month and no person, verb or adjective."""
    name = m["month"]
    ambiguous = name.lower() in _NAMES
    if len(name) <= 4 and name.lower() not in _NAMES and not name[0].isupper() and not dated:
        return name.lower() in ("june", "july")
    if dated or not ambiguous:
        return True
    if m["year"] or m["yearly"] or m["which"] or m["relative"]:
        return name[0].isupper() or name.lower() not in ("may", "march", "august") or bool(m["year"])
    if name[0].islower() and name.lower() in ("may", "march", "august"):
        return False
    before, after = ctx.sentence[: m.start()], ctx.sentence[m.end() :]
    if _BEFORE_MONTH.search(before):
        # At the beginning, or after a comma, it may be someone's name or a verb.
        plain = re.search(r"[a-z][ -]$", before) is not None
        return plain or re.match(r"\s*(?:$|[,.;:)–—-]|\w+ed\b)", after) is not None
    return re.match(r"\s*(?:$|[,.;:)–—]|'s\b)", after) is not None and not re.search(
        r"[A-Z][\w.]*\s$", before
    )


def _month(m: Match, ctx: Context) -> Meaning | None:
    if not _is_month(m, ctx):
        return None
    number = words.month(m["month"])
    return _yearly(m, ctx, lambda year: months(date(year, number, 1), 1), "month")


def _season(m: Match, ctx: Context) -> Meaning | None:
    name = m["season"].lower()
    named = m["which"] or m["relative"] or m["year"] or m["yearly"]
    before = ctx.sentence[max(0, m.start() - 14) : m.start()]
    leads = r"\b(?:in|during|over|by|until|till|since|before|after|from|through|throughout|of|early|mid|mid-|late|for|this|last)(?: the)?[ -]$"
    if not named and (
        not re.search(leads, before + ("the " if m["the"] else ""), re.I)
        or re.match(r" of\b| \w+ings?\b", ctx.sentence[m.end() :])
    ):
        return None
    name = "autumn" if name == "fall" else name
    return _yearly(m, ctx, lambda year: season(year, name), "season")


def _holiday(m: Match, ctx: Context) -> Meaning | None:
    return _yearly(m, ctx, lambda year: one_day(words.holiday(m["holiday"], year)), "day")


def _weekday(m: Match, ctx: Context) -> Meaning | None:
    if m["weekday"].lower().rstrip(".") in ("sun", "sat", "mon", "wed", "fri", "thu", "tue") and (
        m["weekday"][0].islower()
    ):
        return None
    number = words.weekday(m["weekday"])
    if (step := _relative(m)) is not None:
        base = ctx.anchor(m.start(), m.end(), False)
        if base is None or base.days is None:
            return None, "day"
        edge = base.days.start if step < 1 else base.days.end
        which: Which = "last" if step < 0 else "next" if step > 0 else "this"
        return one_day(weekday(number, edge, which)), "day"
    if ctx.today is None:
        return None, "day"
    groups = m.groupdict()
    if week := groups["week"] or groups["week_before"]:
        monday = period(ctx.today, "week", {"last": -1, "this": 0, "next": 1}[week.lower()]).start
        return one_day(monday + timedelta(days=number)), "day"
    if m["further"]:  # "Tuesday week"
        weeks = 2 if m["further"] == "fortnight" else 1
        return one_day(weekday(number, ctx.today, "next") + timedelta(weeks=weeks)), "day"
    said = m["which"] or m["which_after"]
    if said is None:
        which = ctx.which(m)
        later = re.search(r"\blater (?:on )?$", ctx.sentence[: m.start()])
        return one_day(weekday(number, ctx.today, "this" if later else which)), "day"
    which = _WHICH[said.lower()]
    if which == "this" and ctx.which(m) == "past":
        which = "past"
    return one_day(weekday(number, ctx.today, which)), "day"


def _near_day(m: Match, ctx: Context) -> Meaning | None:
    """yesterday, tonight, "this morning", "the day after tomorrow"."""
    if ctx.today is None:
        return None, "day"
    said = m["deictic"].lower()
    if said.startswith("overnight"):
        if re.match(r" (?:on|into|from)? ?[A-Z]", ctx.sentence[m.end() :]):
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


def _unit(m: Match, ctx: Context) -> Meaning | None:
    """ "last week", "the following month", "the year before last"."""
    grain: Grain = "weekend" if m["unit"].lower() == "weekend" else words.unit(m["unit"])[0]
    if (step := _relative(m)) is not None:
        base = ctx.anchor(m.start(), m.end(), False)
        if base is None or base.days is None:
            return None, grain
        if grain == "day":
            edge = base.days.end if step > 0 else base.days.start
            return one_day(edge + timedelta(days=step)), grain
        return period(base.days.start, grain, step), grain
    if ctx.today is None:
        return None, grain
    which = _WHICH[m["which"].lower()]
    step = {"last": -1, "this": 0, "next": 1}.get(which, 0)
    if grain == "weekend" and step:
        step = 0 if m["which"].lower() in ("the coming", "coming", "this coming") else step
        if m["which"].lower() in ("the past", "past", "this past"):
            step = -1 if ctx.today.weekday() < 6 else 0
    elif grain == "weekend" and ctx.today.weekday() < 5 and ctx.which(m) == "past":
        step = -1
    if m["which"].lower() in ("the past", "the coming") and grain != "weekend":
        return _window(ctx.today, 1, grain, step), grain
    if grain == "day":
        return None
    return period(ctx.today, grain, step), grain


def _twice(m: Match, ctx: Context) -> Meaning | None:
    """ "the week before last", "the month after next"."""
    grain: Grain = "weekend" if m["unit"].lower() == "weekend" else words.unit(m["unit"])[0]
    if ctx.today is None:
        return None, grain
    return period(ctx.today, grain, -2 if m["side"].lower() == "before last" else 2), grain


def _the_unit(m: Match, ctx: Context) -> Meaning | None:
    """ "at the weekend"; "the year" and "the month" mean the ones we are in."""
    said = m["unit"].lower()
    grain: Grain = "weekend" if said == "weekend" else words.unit(said)[0]
    before = ctx.sentence[max(0, m.start() - 30) : m.start()]
    if grain == "weekend":
        if ctx.today is None:
            return None, grain
        weekend = period(ctx.today, grain)
        past = ctx.which(m) != "future"
        if past and ctx.today < weekend.start:
            weekend = period(ctx.today, grain, -1)
        return weekend, grain
    if not re.search(
        r"\b(?:earlier|later|start|beginning|middle|end|half|close|part|late|early|quarter|months?|weeks?|days?)"
        r" (?:in|on|of) $",
        before,
        re.I,
    ):
        return None
    base = ctx.anchor(m.start(), m.end(), False) if grain == "day" else None
    day = base.days.start if base and base.days else ctx.today
    return (period(day, grain) if day else None), grain


def _window(today: date, count: int, grain: Grain, step: int) -> Interval:
    """The `count` units up to today, or from today on."""
    if grain in ("day", "week"):
        there = today + step * timedelta(days=count * (7 if grain == "week" else 1))
    else:
        size = {"month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200}[grain]
        there = month_later(today, step * count * size)
    return Interval(min(today, there), max(today, there))


def _last_units(m: Match, ctx: Context) -> Meaning | None:
    """ "the past two weeks", "within ten days"."""
    if m["unit"].lower() in ("hour", "minute"):
        return None
    grain, size = words.unit(m["unit"])
    if ctx.today is None:
        return None, grain
    count = 1 if m["number"] is None else words.number(m["number"])
    backwards = m["window"].lower().split()[-1] in ("past", "last", "previous")
    if m["window"].lower() == "within" and ctx.which(m) == "past":
        return None, grain
    return _window(ctx.today, count * size, grain, -1 if backwards else 1), grain


_INEXACT = re.compile(r"\b(?:(?:more|less|fewer|longer) than|over|under|at least|up to) $", re.I)


def _counted(ctx: Context, m: Match, sign: int) -> Meaning:
    if ctx.today is None or _INEXACT.search(ctx.sentence[: m.start()]):
        return None, "day"
    count = words.number(m["number"])
    said = m["unit"].lower()
    if said in ("hour", "minute"):
        hours = count if said == "hour" else 0
        return one_day(ctx.today + sign * timedelta(days=hours // 24)), "day"
    grain, size = words.unit(said)
    moved = shifted(one_day(ctx.today), "day", grain, sign * count * size)
    return moved, grain


def _ago(m: Match, ctx: Context) -> Meaning | None:
    days, grain = _counted(ctx, m, -1)
    exact = (m["exact"] or "").lower()
    if days is None or ctx.today is None or not exact:
        return days, grain
    count = words.number(m["number"])
    unit, size = words.unit(m["unit"])
    back = -count * size
    if unit in ("day", "week"):
        there = shifted(one_day(ctx.today), "day", unit, back).start
    else:
        there = month_later(ctx.today, back * {"month": 1, "quarter": 3, "year": 12}.get(unit, 120))
    if "week" in exact or "month" in exact:
        finer: Grain = "week" if "week" in exact else "month"
        return period(there, finer), finer
    return one_day(there - timedelta(days="yesterday" in exact)), "day"


def _from_now(m: Match, ctx: Context) -> Meaning | None:
    """ "in two weeks' time", "in three days" of what is to come, "a month from now"."""
    if m["time"] is None and (m["in"] is None or ctx.which(m) != "future"):
        return None
    return _counted(ctx, m, 1)


def _weekdays_ago(m: Match, ctx: Context) -> Meaning | None:
    if ctx.today is None:
        return None, "day"
    back = words.number(m["number"]) - 1
    latest = weekday(words.weekday(m["name"]), ctx.today, "last")
    return one_day(latest - timedelta(weeks=back)), "day"


def _the_nth(m: Match, ctx: Context) -> Meaning | None:
    """ "the 12th": of the month that is named, of the sentence's, or of the one that fits."""
    day = words.ordinal(m["day"])
    before = ctx.sentence[max(0, m.start() - 12) : m.start()]
    if m["monthly"] is None and (
        not re.search(r"\b(?:on|by|since|until|from|before|after|to|and|or|day,?) $", before, re.I)
        or re.match(r"[ -][a-z]+", ctx.sentence[m.end() :])
        and not re.match(r" (?:and|to|or|at|in|for|with|that|it|he|she|they|the|after|before|when|until|as|by|of|from|but|a|on|will|was|is)\b", ctx.sentence[m.end() :])
    ):
        return None
    said = (m["monthly"] or "").lower().removeprefix("the").strip()
    base = None if said in ("last", "this", "next") else ctx.anchor(m.start(), m.end(), False)
    if base and base.days and base.grain in ("day", "month", "week"):
        step = _ANCHORED.get(said, 0)
        first = month_later(base.days.start.replace(day=1), step)
        return one_day(first.replace(day=day)), "day"
    if ctx.today is None or said in ("same", "following", "previous", "that"):
        return None, "day"
    first = ctx.today.replace(day=1)
    if m["monthly"]:
        step = {"last": -1, "next": 1}.get(said, 0)
        return one_day(month_later(first, step).replace(day=day)), "day"
    choices = []
    for step in range(-3, 4):
        there = month_later(first, step)
        if month_later(there, 1) - there >= timedelta(days=day):
            choices.append(there.replace(day=day))
    if ctx.weekday is not None:
        choices = [c for c in choices if c.weekday() == ctx.weekday] or choices
        return one_day(min(choices, key=lambda c: abs(c - ctx.today))), "day"  # type: ignore[operator]
    which = ctx.which(m)
    if which == "future":
        return one_day(min(c for c in choices if c >= ctx.today)), "day"
    return one_day(max(c for c in choices if c <= ctx.today)), "day"


_COUNTABLE = re.compile(
    r"[ -](?:people|men|women|children|persons|residents|homes|houses|jobs|troops|soldiers|workers"
    r"|met(?:re|er)s?|feet|foot|miles?|km|kilomet\w+|kg|tonnes?|tons?|dollars|euros?|pounds|votes"
    r"|seats|members|passengers|students|hours?|days|years|words|copies|cases|times|tickets|others"
    r"|protesters|demonstrators|employees|patients|degrees|litres|per|percent)\b"
)
_SURE_YEAR = re.compile(r"\b(?:in|since|until|till|during|year|early|mid|mid-|late|circa|by|back in)[ -]$", re.I)
_LIKELY_YEAR = re.compile(
    r"(?:^|[(,;–—/-]\s?|\b(?:from|before|after|of|and|or|to|through|around|about|between|for|as|the|than))\s*$",
    re.I,
)


def _a_year(m: Match, ctx: Context) -> Meaning | None:
    first = int(m["year"])
    before, after = ctx.sentence[: m.start()], ctx.sentence[m.end() :]
    if m["the"] is None and not _SURE_YEAR.search(before):
        if not 1700 <= first <= 2100 or not _LIKELY_YEAR.search(before):
            return None
    if _COUNTABLE.match(after) or re.match(r" ?(?:bc|bce|b\.c\.)\b", after, re.I):
        return None
    if m["to"] is None or ctx.limit <= m.start("to"):
        return years(first), "year"
    short = m["to"]
    last = int(str(first)[: 4 - len(short)] + short)
    return (years(first, last - first + 1), "year") if last > first else None


_NINETIES = ("twen", "thir", "for", "fif", "six", "seven", "eigh", "nine")


def _decade(m: Match, ctx: Context) -> Meaning | None:
    if re.search(r"\b(?:his|her|their|my|our|your|low|high)(?: (?:early|mid|late))?[ -]$", ctx.sentence[: m.start()]):
        return None
    said = m["decade"].lower()
    if said[0].isalpha():
        first = 1900 + 10 * next(i + 2 for i, name in enumerate(_NINETIES) if said.startswith(name))
    else:
        first = int(said) if len(said) == 4 else 1900 + int(said)
    if first < 1930 and len(said) != 4:
        return None
    if first % 100 == 0 and first < 2000:
        return years(first, 100), "century"
    return years(first, 10), "decade"


def _century(m: Match, ctx: Context) -> Meaning | None:
    number = words.ordinal(m["ordinal"])
    if number < 1 or re.match(r" (?:bc|bce|b\.c\.)\b", ctx.sentence[m.end() :], re.I):
        return (None, "century") if number > 0 else None
    return years(100 * number - 99, 100), "century"


def _quarter(m: Match, ctx: Context) -> Meaning | None:
    groups = m.groupdict()
    number = int(groups["q"]) if groups.get("q") else words.ordinal(m["nth"])
    number = 4 if number == -1 else number
    if re.match(r" of (?!the year)", ctx.sentence[m.end() :]):
        return None

    def of_year(year: int) -> Interval:
        return months(date(year, 3 * number - 2, 1), 3)

    return _yearly(m, ctx, of_year, "quarter")


Rule = tuple[re.Pattern[str], Callable[[Match, Context], Meaning | None]]


def _rule(pattern: str, meaning: Callable[[Match, Context], Meaning | None]) -> Rule:
    return re.compile(pattern, re.I), meaning


_JOIN = r"(?P<join> ?(?:-|–|—|/|&) ?| (?:to|until|till|through|and|or|to the|and the) )"
_LAST = r"(?P<last>[0-3]?\d(?:st|nd|rd|th)?(?!\d))(?!\w)"
_APPROX = r"(?:(?:about|around|roughly|nearly|almost|some|exactly|just|only|approximately) )?"
_YEARLESS = r"(?P<year>(?!))?(?P<yearly>(?!))?"

RULES: tuple[Rule, ...] = (
    _rule(r"(?P<y>[12]\d{3})([-/.])(?P<m>\d{1,2})\2(?P<d>\d{1,2})(?!\d)(?:t[\d:.+z-]+)?", _iso),
    _rule(r"(?P<first>\d{1,2})([-/.])(?P<second>\d{1,2})\2(?P<y>[12]\d{3})(?!\d)", _digits),
    _rule(rf"(?:the )?{DAY}{_JOIN}{_LAST} (?:of )?{MONTH}{_OF_YEAR}?", _days),
    _rule(rf"{MONTH} {DAY}{_JOIN}{_LAST}{_OF_YEAR}?", _days),
    _rule(rf"(?:the )?{DAY}[ -](?:of )?{MONTH}{_OF_YEAR}?", _date),
    _rule(rf"{MONTH} (?:the )?{DAY}{_OF_YEAR}?", _date),
    _rule(rf"(?:the )?{HOLIDAY}{_OF_YEAR}?", _holiday),
    _rule(rf"{_DIRECTED}{HOLIDAY}{_YEARLESS}", _holiday),
    _rule(rf"{_DIRECTED}?(?:month of )?{MONTH}{_OF_YEAR}?", _month),
    _rule(rf"(?P<the>the )?{_DIRECTED}?{SEASON}{_OF_YEAR}?(?:[-–/](?:\d\d){{1,2}}(?!\d))?", _season),
    _rule(
        rf"(?:(?P<week_before>last|this|next) week,? (?:on )?)?{_DIRECTED}?{WEEKDAY}"
        rf"(?:(?: of|,)? (?P<week>last|this|next) week| (?P<further>week|fortnight)(?! )"
        rf"| (?P<which_after>last|next)(?! \w+))?",
        _weekday,
    ),
    _rule(
        rf"(?P<deictic>the day before yesterday|the day after tomorrow|yesterday|tomorrow|today|tonight"
        rf"|this {DAYPART}|last (?:night|evening)|overnight)(?: {DAYPART})?(?!\w)",
        _near_day,
    ),
    _rule(rf"(?:the )?{NUMBER} (?P<name>(?:mon|tues|wednes|thurs|fri|satur|sun)day)s? ago", _weekdays_ago),
    _rule(
        rf"{_APPROX}{NUMBER} {UNIT} ago(?: (?P<exact>to ?day|yesterday|this (?:week|month)))?(?!\w)",
        _ago,
    ),
    _rule(
        rf"(?P<window>within(?: the(?: next)?)?|the (?:past|last|next|coming)) {NUMBER} {UNIT}",
        _last_units,
    ),
    _rule(
        rf"(?P<window>(?:in|over|within|during) the (?:next|coming|last|past)) "
        rf"(?P<number>(?!))?{UNIT}(?<!s)(?! of\b)",
        _last_units,
    ),
    _rule(rf"(?P<in>in )?{_APPROX}{NUMBER} {UNIT}(?P<time>'?s?'? time| from (?:now|today)| hence)?(?!\w)", _from_now),
    _rule(rf"the (?P<unit>weekend|week|month|year|decade) (?P<side>before last|after next)", _twice),
    _rule(rf"{_DIRECTED}(?P<unit>day|night|weekend|week|month|quarter|year|decade|century)(?!\w)", _unit),
    _rule(r"the (?P<unit>weekend|day|week|month|year|decade|century)(?!\w)", _the_unit),
    _rule(
        rf"(?:the )?(?P<nth>first|second|third|fourth|final|1st|2nd|3rd|4th) quarter{_OF_YEAR}?(?!\w)",
        _quarter,
    ),
    _rule(rf"Q(?P<q>[1-4]){_OF_YEAR}?(?!\w)", _quarter),
    _rule(rf"(?:the )?{words.ORDINAL} century", _century),
    _rule(
        r"(?:the )?(?:'?(?P<decade>\d0|[12]\d\d0|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?=ies)))'?(?:s|ies)(?!\w)",
        _decade,
    ),
    _rule(rf"(?P<the>the year )?{YEAR}(?:(?: ?[-–/] ?)(?P<to>\d{{4}}|\d\d)(?![\d-]))?", _a_year),
    _rule(rf"(?:the )?{DAY}{_OF_MONTH}?(?<=[a-z])", _the_nth),
)


def read(ctx: Context, at: int) -> Timex | None:
    """The simple expression that begins at sentence[at], if one does."""
    for pattern, meaning in RULES:
        m = pattern.match(ctx.sentence, at)
        if m is None:
            continue
        try:
            meant = meaning(m, ctx)
        except (ValueError, OverflowError):  # no such day, or outside the calendar
            meant = None, "day"
        if meant is not None:
            return Timex(at, m.end(), *meant)
    return None


def with_weekday(ctx: Context, number: int) -> Context:
    """For a date that is said to fall on this day of the week."""
    return replace(ctx, weekday=number)
