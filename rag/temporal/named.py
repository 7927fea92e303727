"""Dates, months, seasons, holidays, quarters, years, decades and centuries by their names."""

import re
from datetime import date

from rag.temporal import words
from rag.temporal.days import months, one_day, season, years
from rag.temporal.expressions import Context, Match, Meaning, yearly
from rag.types import Interval

_NAMES = ("march", "april", "may", "june", "august")

_BEFORE_MONTH = re.compile(
    r"(?:^|[(,;:–—-]\s*|\b(?:in|since|by|until|till|before|after|during|from|through|for|of|to|and|or"
    r"|around|about|between|early|mid|mid-|late|on|throughout|over|as|this|last|next)[ -])$",
    re.I,
)

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
    r"(?:^|[(,;–—/-]\s?|\b(?:from|before|after|of|and|or|to|through|around|about|between|for|as|the|than))\s*$",
    re.I,
)

_NINETIES = ("twen", "thir", "for", "fif", "six", "seven", "eigh", "nine")


def iso(m: Match, ctx: Context) -> Meaning:
    return one_day(date(int(m["y"]), int(m["m"]), int(m["d"]))), "day"


def digits(m: Match, ctx: Context) -> Meaning | None:
    first, second, year = int(m["first"]), int(m["second"]), int(m["y"])
    if first <= 12 and second <= 12 and first != second:
        return None, "day"
    day, month = (first, second) if second <= 12 else (second, first)
    return one_day(date(year, month, day)), "day"


def dated(m: Match, ctx: Context) -> Meaning | None:
    if not _is_month(m, ctx, dated=True):
        return None
    month, day = words.month(m["month"]), words.ordinal(m["day"])
    return yearly(m, ctx, lambda year: one_day(date(year, month, day)), "day")


def day_range(m: Match, ctx: Context) -> Meaning | None:
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
    return yearly(
        m, ctx, lambda year: Interval(date(year, month, first), date(year, month, last)), "day"
    )


def _is_month(m: Match, ctx: Context, dated: bool = False) -> bool:
    """Whether the word is a month and no person, verb or adjective."""
    name = m["month"]
    ambiguous = name.lower() in _NAMES
    if len(name) <= 4 and name.lower() not in _NAMES and not name[0].isupper() and not dated:
        return name.lower() in ("june", "july")
    if dated or not ambiguous:
        return True
    if m["year"] or m["yearly"] or m["which"] or m["relative"]:
        return (
            name[0].isupper() or name.lower() not in ("may", "march", "august") or bool(m["year"])
        )
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


def whole_month(m: Match, ctx: Context) -> Meaning | None:
    if not _is_month(m, ctx):
        return None
    number = words.month(m["month"])
    return yearly(m, ctx, lambda year: months(date(year, number, 1), 1), "month")


def named_season(m: Match, ctx: Context) -> Meaning | None:
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
    return yearly(m, ctx, lambda year: season(year, name), "season")


def named_holiday(m: Match, ctx: Context) -> Meaning | None:
    return yearly(m, ctx, lambda year: one_day(words.holiday(m["holiday"], year)), "day")


def whole_year(m: Match, ctx: Context) -> Meaning | None:
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


def whole_decade(m: Match, ctx: Context) -> Meaning | None:
    if re.search(
        r"\b(?:his|her|their|my|our|your|low|high)(?: (?:early|mid|late))?[ -]$",
        ctx.sentence[: m.start()],
    ):
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


def whole_century(m: Match, ctx: Context) -> Meaning | None:
    number = words.ordinal(m["ordinal"])
    if number < 1 or re.match(r" (?:bc|bce|b\.c\.)\b", ctx.sentence[m.end() :], re.I):
        return (None, "century") if number > 0 else None
    return years(100 * number - 99, 100), "century"


def whole_quarter(m: Match, ctx: Context) -> Meaning | None:
    groups = m.groupdict()
    number = int(groups["q"]) if groups.get("q") else words.ordinal(m["nth"])
    number = 4 if number == -1 else number
    if re.match(r" of (?!the year)", ctx.sentence[m.end() :]):
        return None

    def of_year(year: int) -> Interval:
        return months(date(year, 3 * number - 2, 1), 3)

    return yearly(m, ctx, of_year, "quarter")
