"""Calendar arithmetic for spoken time: weeks, seasons, parts of a year. Pure, on days alone."""

import calendar
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

from rag.types import Interval

Grain = Literal["day", "weekend", "week", "month", "quarter", "season", "year", "decade", "century"]
Part = Literal["early", "mid", "late", "first half", "second half"]
Which = Literal["past", "future", "near", "last", "this", "next"]

SEASONS = ("spring", "summer", "autumn", "winter")
MONTHS_IN: dict[Grain, int] = {
    "month": 1,
    "quarter": 3,
    "year": 12,
    "decade": 120,
    "century": 1200,
}
_ONE = timedelta(days=1)
_THIRDS: dict[Grain, tuple[int, int]] = {
    # How many units (days, months or years) the early and the middle part have.
    "week": (2, 2),
    "month": (10, 10),
    "quarter": (1, 1),
    "season": (1, 1),
    "year": (4, 4),
    "decade": (4, 3),
    "century": (33, 33),
}


def one_day(day: date) -> Interval:
    """That day alone."""
    return Interval(day, day)


def months(first: date, count: int) -> Interval:
    """`count` whole months, from the one that holds `first` on."""
    start = first.replace(day=1)
    return Interval(start, month_later(start, count) - _ONE)


def month_later(day: date, count: int) -> date:
    """The same day `count` months on, or the last day of a month too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def years(first: int, count: int = 1) -> Interval:
    """`count` whole years, from the year `first` on."""
    return Interval(date(first, 1, 1), date(first + count - 1, 12, 31))


def season(year: int, name: str) -> Interval:
    """The meteorological season of the northern half that begins in `year`."""
    return months(date(year, 3 * SEASONS.index(name) + 3, 1), 3)


def period(day: date, grain: Grain, count: int = 0) -> Interval:
    """The period that lies `count` periods after the one that holds `day`.

    Weeks run from Monday to Sunday and a weekend is that of its week; a century begins with its
    year 1, a decade with its year 0.
    """
    if grain == "day":
        return one_day(day + timedelta(days=count))
    if grain in ("week", "weekend"):
        monday = day + timedelta(weeks=count) - timedelta(days=day.weekday())
        first = 0 if grain == "week" else 5
        return Interval(monday + timedelta(days=first), monday + timedelta(days=6))
    if grain == "month":
        return months(month_later(day.replace(day=1), count), 1)
    if grain == "quarter":
        first_month = 3 * ((day.month - 1) // 3) + 1
        return months(month_later(date(day.year, first_month, 1), 3 * count), 3)
    if grain == "season":
        return months(month_later(day.replace(day=1), 3 * count - day.month % 3), 3)
    if grain == "year":
        return years(day.year + count)
    if grain == "decade":
        return years(day.year // 10 * 10 + 10 * count, 10)
    return years((day.year - 1) // 100 * 100 + 1 + 100 * count, 100)


def portion(whole: Interval, grain: Grain, part: Part) -> Interval:
    """The early, middle or late part of a period, or one half of it; a day or weekend is its own.

    A month is cut after its days 10 and 20, a year after April and August, a quarter and a season
    by months, a week after Tuesday and Thursday, a decade after its years 3 and 6, a century
    after its years 33 and 66; a month in halves after its day 15.
    """
    if grain in ("day", "weekend"):
        return whole
    if part in ("first half", "second half"):
        if grain in ("month", "week"):
            cut = whole.start + timedelta(days=15 if grain == "month" else 4)
        elif grain in ("quarter", "season"):
            cut = month_later(whole.start, 1).replace(day=16)
        else:
            cut = month_later(whole.start, MONTHS_IN[grain] // 2)
        if part == "first half":
            return Interval(whole.start, cut - _ONE)
        return Interval(cut, whole.end)
    early, mid = _THIRDS[grain]
    second, third = _later(whole.start, early, grain), _later(whole.start, early + mid, grain)
    cuts = {
        "early": Interval(whole.start, second - _ONE),
        "mid": Interval(second, third - _ONE),
        "late": Interval(third, whole.end),
    }
    return cuts[part]


def _later(day: date, count: int, grain: Grain) -> date:
    """`count` units on: the units that a period of this grain is cut by."""
    if grain in ("week", "month"):
        return day + timedelta(days=count)
    return month_later(day, count * (12 if grain in ("decade", "century") else 1))


def occurrence(of_year: Callable[[int], Interval], today: date, which: Which) -> Interval | None:
    """One of the yearly occurrences of a day, a month or a season, as seen from `today`.

    past: the latest that has begun. future: the first that is not over. near: the nearest.
    last, next: the nearest that is over, that has not begun. this: that of today's year.
    `of_year` raises ValueError for a year that has none, as with 29 February.
    """
    found = []
    # Eight years may lie between two days of 29 February: 1896 and 1904.
    for year in range(today.year - 8, today.year + 9):
        try:
            found.append(of_year(year))
        except ValueError:
            continue
    if which == "past":
        return max((o for o in found if o.start <= today), key=_start, default=None)
    if which == "future":
        return min((o for o in found if o.end >= today), key=_start, default=None)
    if which == "last":
        return max((o for o in found if o.end < today), key=_start, default=None)
    if which == "next":
        return min((o for o in found if o.start > today), key=_start, default=None)
    if which == "this":
        return next((o for o in found if o.start.year == today.year), None)
    return min(found, key=lambda o: max(o.start - today, today - o.end, timedelta()), default=None)


def _start(interval: Interval) -> date:
    return interval.start


def weekday(number: int, today: date, which: Which) -> date:
    """A day of the week (Monday is 0) as seen from `today`.

    past: the latest, today included; last: before today; future and next: after today;
    this: today or after.
    """
    back = (today.weekday() - number) % 7
    if which in ("past", "near"):
        return today - timedelta(days=back)
    if which == "last":
        return today - timedelta(days=back or 7)
    ahead = (number - today.weekday()) % 7
    return today + timedelta(days=ahead if which == "this" else ahead or 7)


def shifted(anchor: Interval, grain: Grain, unit: Grain, count: int) -> Interval:
    """`count` units from a period of this grain, as wide as the coarser of the two.

    Days and weeks move a day to a day; months move it to a month, years to a year. A month, quarter
    or season a year on is that month, quarter or season of the other year.
    """
    if unit in ("day", "week"):
        step = timedelta(days=count * (7 if unit == "week" else 1))
        return Interval(anchor.start + step, anchor.end + step)
    step_months = MONTHS_IN[unit]
    if grain in ("day", "week", "weekend"):
        there = month_later(anchor.start, count * step_months)
        return period(there, "year" if unit in ("decade", "century") else unit)
    if grain == "year" and unit in ("month", "quarter"):
        return period(month_later(anchor.start, count * step_months), unit)
    length = (anchor.end.year - anchor.start.year) * 12 + anchor.end.month - anchor.start.month + 1
    return months(month_later(anchor.start, count * step_months), length)
