"""Dates as newsrooms write them. Nothing is guessed: a date names its day in full or is none."""

import re
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_WEEKDAY = r"(?:(?:mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(?:day)?\.?,?\s+)?"
_TIME = (
    r"(?:\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s*[ap]\.?m\.?)?|\d{1,2}(?:\.\d{2})?\s*[ap]\.?m\.?)"
    r"(?:\s*(?:z|utc|[a-z]{1,4}t|(?:utc|gmt)?[+-]\d{1,2}(?::?\d{2})?))?(?:\s*\([a-z]{2,5}\))?"
)
_DATES = tuple(
    re.compile(
        rf"{_WEEKDAY}(?:{_TIME},?\s+(?:on\s+)?{_WEEKDAY})?{form}"
        rf"(?:(?:t|,?\s+(?:at\s+)?|\s+[-–—|•·]\s+){_TIME})?",
        re.I,
    )
    for form in (
        rf"{_YEAR}(?P<sep>[-/.]?)(?P<month>\d{{2}})(?P=sep)(?P<day>\d{{2}})",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_DAY}(?:\s+of)?[\s-]+{_MONTH},?[\s-]+{_YEAR}",
        rf"(?P<first>\d{{1,2}})(?P<sep>[-/.])(?P<second>\d{{1,2}})(?P=sep){_YEAR}",
    )
)


def parse_date(value: str) -> date | None:
    """The day that `value` names in full, as written (no time zone is applied), else None.

    Reads ISO dates and times, RFC 822, "Dec 6, 2023", "6 December 2023 10:30 GMT". Without a
    year of four digits or a day, or where day and month of 3/4/2024 could change places, the
    answer is None.
    """
    value = value.strip()
    found = next((m for form in _DATES if (m := form.fullmatch(value))), None)
    if found is None:
        return None
    part = found.groupdict()
    if "first" in part:
        first, second = int(part["first"]), int(part["second"])
        if (first > 12) == (second > 12):
            return None
        month, day = (second, first) if first > 12 else (first, second)
    else:
        name = part["month"][:3].lower()
        month = _MONTHS.index(name) + 1 if name in _MONTHS else int(name)
        day = int(part["day"])
    try:
        return date(int(part["year"]), month, day)
    except ValueError:
        return None
