"""Dates, months, seasons, holidays, quarters, years, decades and centuries by their names."""

import re
from datetime import date

from rag.temporal import words
from rag.temporal.days import months, one_day, season, years
from rag.temporal.expressions import Context, Match, Meaning, yearly
from rag.types import Interval

_OTHER_WORDS = ("march", "april", "may", "june", "august")  # or names of persons
_BEFORE_MONTH = re.compile(
    r"(?:^|[(,;:–—-]\s*|\b(?:in|since|by|until|till|before|after|during|from|through|for|of|to|and|or"
    r"|around|about|between|early|mid|mid-|late|on|throughout|over|as|this|last|next)[ -])$",
    re.I,
)
_ENDS = re.compile(r"\s*(?:$|[,.;:)–—-]|'s\b|\w+ed\b)")
_CAPITAL = re.compile(r"[A-Z][\w.]*\s$")
_BEFORE_SEASON = re.compile(
    r"\b(?:in|during|over|by|until|till|since|before|after|from|through|throughout|of|early|mid|mid-"
    r"|late|for|this|last)(?: the)?[ -]$",
    re.I,
)
_NO_SEASON = re.compile(r" of\b| \w+ings?\b")
_BC = re.compile(r" ?(?:bc|bce|b\.c\.)(?!\w)", re.I)
_AGED = re.compile(r"\b(?:his|her|their|my|our|your|low|high)(?: (?:early|mid|late))?[ -]$", re.I)
_BETWEEN = re.compile(r"\bbetween (?:the )?$", re.I)
_COUNTABLE = re.compile(
    r"[ -](?:people|men|women|children|persons|residents|homes|houses|jobs|troops|soldiers|workers"
    r"|met(?:re|er)s?|feet|foot|miles?|km|kilomet\w+|kg|tonnes?|tons?|dollars|euros?|pounds|votes"
    r"|seats|members|passengers|students|hours?|days|years|words|copies|cases|times|tickets|others"
    r"|protesters|demonstrators|employees|patients|degrees|litres|per|percent)\b"
)
_SURE_YEAR = re.compile(
    r"\b(?:in|since|until|till|during|year|early|mid|mid-|late|circa|by|back in)[ -]$", re.I
)
_LIKELY_YEAR = re.compile(
    r"(?:^|[(,;–—/-]\s?|\b(?:from|before|after|of|and|or|to|through|around|about|between|for|as|the"
    r"|than))\s*$",
    re.I,
)
_OF_ELSE = re.compile(r" of (?!the year)")
_DECADES = {"twent": 1920, "thirt": 1930, "fort": 1940, "fift": 1950, "sixt": 1960}
_DECADES |= {"sevent": 1970, "eight": 1980, "ninet": 1990}  # without -ies


def iso(m: Match, ctx: Context) -> Meaning | None:
    """2023-12-06."""
    if m["one"] != m["two"]:
        return None
    return one_day(date(int(m["y"]), int(m["m"]), int(m["d"]))), "day"


def digits(m: Match, ctx: Context) -> Meaning | None:
    """13/12/2023; unknown where day and month could change places."""
    if m["one"] != m["two"]:
        return None
    first, second, year = int(m["first"]), int(m["second"]), int(m["y"])
    if first <= 12 and second <= 12 and first != second:
        return None, "day"
    day, month = (first, second) if second <= 12 else (second, first)
    return one_day(date(year, month, day)), "day"


def dated(m: Match, ctx: Context) -> Meaning | None:
    """ "6 December", "Dec. 6, 2023"."""
    month, day = words.month(m["month"]), words.ordinal(m["day"])
    return yearly(m, ctx, lambda year: one_day(date(year, month, day)), "day")


def day_range(m: Match, ctx: Context) -> Meaning | None:
    """ "3-5 March": of a span that holds the 3 alone, the first day."""
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
    return yearly(
        m, ctx, lambda year: Interval(date(year, month, first), date(year, month, last)), "day"
    )


def _is_month(m: Match, ctx: Context) -> bool:
    """Whether the word, with no day beside it, is a month and no person, verb or adjective."""
    name, small = m["month"], m["month"].lower()
    if small not in _OTHER_WORDS and (len(name) > 4 or name[0].isupper() or small == "july"):
        return True
    if small not in _OTHER_WORDS:  # "dec", "mar", "sun" in small letters are other words
        return False
    if name[0].islower() and small in ("may", "march", "august"):
        return bool(m["year"])
    if m["year"] or m["yearly"] or m["which"] or m["relative"]:
        return True
    before = ctx.sentence[: m.start()]
    ends = _ENDS.match(ctx.sentence, m.end()) is not None
    if _BEFORE_MONTH.search(before):
        # At the beginning, or after a comma, it may be someone's name or a verb.
        return ends or before[-2:-1].islower()
    return ends and not _CAPITAL.search(before)


def whole_month(m: Match, ctx: Context) -> Meaning | None:
    """ "March", "last March", "March of last year"."""
    if not _is_month(m, ctx):
        return None
    number = words.month(m["month"])
    return yearly(m, ctx, lambda year: months(date(year, number, 1), 1), "month")


def named_season(m: Match, ctx: Context) -> Meaning | None:
    """ "last spring", "the summer of 2019"; "fall" and "spring" alone may be other words."""
    name = m["season"].lower()
    if not (m["which"] or m["relative"] or m["year"] or m["yearly"]):
        if not _BEFORE_SEASON.search(ctx.sentence[: m.start("season")]):
            return None
        if _NO_SEASON.match(ctx.sentence, m.end()):
            return None
    name = "autumn" if name == "fall" else name
    return yearly(m, ctx, lambda year: season(year, name), "season")


def named_holiday(m: Match, ctx: Context) -> Meaning | None:
    """ "Christmas Day", "Good Friday 2021"."""
    return yearly(m, ctx, lambda year: one_day(words.holiday(m["holiday"], year)), "day")


def whole_year(m: Match, ctx: Context) -> Meaning | None:
    """ "in 2019", "2019-21"; None for other numbers."""
    first, before = int(m["year"]), ctx.sentence[: m.start()]
    sure = m["the"] is not None or _SURE_YEAR.search(before)
    if not sure and not (1700 <= first <= 2100 and _LIKELY_YEAR.search(before)):
        return None
    if _COUNTABLE.match(ctx.sentence, m.end()) or _BC.match(ctx.sentence, m.end()):
        return None
    short = m["to"]
    if short is None or ctx.limit <= m.start("to"):
        return years(first), "year"
    last = int(str(first)[: 4 - len(short)] + short)
    return (years(first, last - first + 1), "year") if last > first else None


def whole_decade(m: Match, ctx: Context) -> Meaning | None:
    """ "the 1990s", "the nineties"; "the 1800s" are the hundred years."""
    if _AGED.search(ctx.sentence[: m.start()]):
        return None
    said = m["decade"].lower()
    if said in _DECADES:
        first = _DECADES[said]
    else:
        first = int(said) if len(said) == 4 else 1900 + int(said)
    if first < 1930 and len(said) != 4:
        return None
    if first % 100 == 0 and first < 2000:
        return years(first, 100), "century"
    return years(first, 10), "decade"


def whole_century(m: Match, ctx: Context) -> Meaning | None:
    """ "the 19th century"."""
    number = words.ordinal(m["ordinal"])
    if number < 1:
        return None
    if _BC.match(ctx.sentence, m.end()):
        return None, "century"
    return years(100 * number - 99, 100), "century"


def whole_quarter(m: Match, ctx: Context) -> Meaning | None:
    """ "the third quarter", "Q3 2023"."""
    groups = m.groupdict()
    number = int(groups["q"]) if groups.get("q") else words.ordinal(m["nth"])
    number = 4 if number == -1 else number
    if _OF_ELSE.match(ctx.sentence, m.end()):
        return None
    return yearly(m, ctx, lambda year: months(date(year, 3 * number - 2, 1), 3), "quarter")
