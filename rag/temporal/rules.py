"""Which words are read in which way."""

import re
from collections.abc import Callable

from rag.temporal import deictic, named
from rag.temporal.expressions import DIRECTED, OF_MONTH, OF_YEAR, Context, Match, Meaning, Timex
from rag.temporal.words import (
    DAY,
    DAY_OF_WEEK,
    DAYPART,
    HOLIDAY,
    MONTH,
    NUMBER,
    ORDINAL,
    SEASON,
    UNIT,
    WEEKDAY,
    YEAR,
)

Rule = tuple[re.Pattern[str], Callable[[Match, Context], Meaning | None]]


def _rule(pattern: str, meaning: Callable[[Match, Context], Meaning | None]) -> Rule:
    return re.compile(pattern, re.I), meaning


_JOIN = r"(?P<join> ?(?:-|–|—|/|&) ?| (?:to|until|till|through|and|or|to the|and the) )"
_LAST = r"(?P<last>[0-3]?\d(?:st|nd|rd|th)?(?!\d))(?!\w)"
_APPROX = r"(?:(?:about|around|roughly|nearly|almost|some|exactly|just|only|approximately) )?"

RULES: tuple[Rule, ...] = (
    _rule(
        r"(?P<y>[12]\d{3})(?P<one>[-/.])(?P<m>\d{1,2})(?P<two>[-/.])(?P<d>\d{1,2})(?!\d)"
        r"(?:t[\d:.+z-]+)?",
        named.iso,
    ),
    _rule(
        r"(?P<first>\d{1,2})(?P<one>[-/.])(?P<second>\d{1,2})(?P<two>[-/.])(?P<y>[12]\d{3})(?!\d)",
        named.digits,
    ),
    _rule(rf"(?:the )?{DAY}{_JOIN}{_LAST} (?:of )?{MONTH}{OF_YEAR}?", named.day_range),
    _rule(rf"{MONTH} {DAY}{_JOIN}{_LAST}{OF_YEAR}?", named.day_range),
    _rule(rf"(?:the )?{DAY}[ -](?:of )?{MONTH}{OF_YEAR}?", named.dated),
    _rule(rf"{MONTH} (?:the )?{DAY}{OF_YEAR}?", named.dated),
    _rule(rf"(?:the )?{HOLIDAY}{OF_YEAR}?", named.named_holiday),
    _rule(rf"{DIRECTED}{HOLIDAY}", named.named_holiday),
    _rule(rf"{DIRECTED}?(?:month of )?{MONTH}{OF_YEAR}?", named.whole_month),
    _rule(
        rf"(?P<the>the )?{DIRECTED}?{SEASON}{OF_YEAR}?(?:[-–/](?:\d\d){{1,2}}(?!\d))?",
        named.named_season,
    ),
    _rule(
        rf"(?:(?P<week_before>last|this|next) week,? (?:on )?)?{DIRECTED}?{WEEKDAY}"
        rf"(?:(?: of|,)? (?P<week>last|this|next) week| (?P<further>week|fortnight)(?! )"
        rf"| (?P<which_after>last|next)(?! \w+))?",
        deictic.on_weekday,
    ),
    _rule(
        rf"(?P<deictic>the day before yesterday|the day after tomorrow|yesterday|tomorrow|today"
        rf"|tonight|this {DAYPART}|last (?:night|evening)|overnight)(?: {DAYPART})?(?!\w)",
        deictic.near_day,
    ),
    _rule(
        rf"(?:the )?{NUMBER} (?P<name>{DAY_OF_WEEK})s? ago",
        deictic.weekdays_ago,
    ),
    _rule(
        rf"{_APPROX}{NUMBER} {UNIT} ago"
        rf"(?: (?P<exact>to ?day|yesterday|this (?:week|month)))?(?!\w)",
        deictic.ago,
    ),
    _rule(
        rf"(?P<window>within(?: the(?: next)?)?|the (?:past|last|next|coming)) {NUMBER} {UNIT}",
        deictic.units_around,
    ),
    _rule(
        rf"(?P<window>(?:in|over|within|during) the (?:next|coming|last|past)) "
        rf"{UNIT}(?<!s)(?! of\b)",
        deictic.units_around,
    ),
    _rule(
        rf"(?P<in>in )?{_APPROX}{NUMBER} {UNIT}"
        r"(?P<time>'?s?'? time| from (?:now|today)| hence)?(?!\w)",
        deictic.from_now,
    ),
    _rule(
        r"the (?P<unit>weekend|week|month|year|decade) (?P<side>before last|after next)",
        deictic.unit_but_one,
    ),
    _rule(
        rf"{DIRECTED}(?P<unit>day|night|weekend|week|month|quarter|year|decade|century)(?!\w)",
        deictic.near_unit,
    ),
    _rule(r"the (?P<unit>weekend|day|week|month|year|decade|century)(?!\w)", deictic.the_unit),
    _rule(
        rf"(?:the )?(?P<nth>first|second|third|fourth|final|1st|2nd|3rd|4th) quarter{OF_YEAR}?"
        r"(?!\w)",
        named.whole_quarter,
    ),
    _rule(rf"Q(?P<q>[1-4]){OF_YEAR}?(?!\w)", named.whole_quarter),
    _rule(rf"(?:the )?{ORDINAL} century", named.whole_century),
    _rule(
        r"(?:the )?(?:'?(?P<decade>\d0|[12]\d\d0"
        r"|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?=ies)))'?(?:s|ies)(?!\w)",
        named.whole_decade,
    ),
    _rule(
        rf"(?P<the>the year )?{YEAR}(?:(?: ?[-–/] ?)(?P<to>\d{{4}}|\d\d)(?![\d-]))?",
        named.whole_year,
    ),
    _rule(rf"(?:the )?{DAY}{OF_MONTH}?(?<=[a-z])", deictic.the_nth),
)


# All patterns in one, a group for each: most words begin no expression, and this tells at once.
# Its groups have no names, so that no pattern above may refer back to one of its own.
_ANY = re.compile(
    "|".join("(" + re.sub(r"\(\?P<\w+>", "(?:", pattern.pattern) + ")" for pattern, _ in RULES),
    re.I,
)


def read(ctx: Context, at: int) -> Timex | None:
    """The simple expression that begins at sentence[at], if one does."""
    gate = _ANY.match(ctx.sentence, at)
    if gate is None or gate.lastindex is None:
        return None
    for pattern, meaning in RULES[gate.lastindex - 1 :]:
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
