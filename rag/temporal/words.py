"""The words of time in English, as patterns and as numbers."""

import re
from datetime import date, timedelta

from dateutil.easter import easter

from rag.temporal.days import Grain

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
    " twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth"
    " twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
).split()
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70}
_TENS |= {"eighty": 80, "ninety": 90}

DAY_OF_WEEK = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
WEEKDAY = (
    rf"(?P<weekday>{DAY_OF_WEEK}"
    r"|(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)(?:\.|(?=,? \d)))(?![\w-]*s\b)(?!\w)"
)
MONTH = (
    r"(?P<month>january|february|march|april|may|june|july|august|september|october|november"
    r"|december|(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?)(?!\w)"
)
YEAR = r"(?P<year>(?:1[0-9]|20|21)\d\d)(?![\w%]|[,.]\d)"
DAY = (
    rf"(?P<day>[0-3]?\d(?:st|nd|rd|th)?(?!\d|[.:,]\d)"
    rf"|(?:{'|'.join(_ORDINALS[1:])}))(?!\w)"
)
NUMBER = (
    rf"(?P<number>an?(?: couple(?: of)?)?|\d{{1,4}}|{'|'.join(_NUMBERS[:0:-1])}"
    rf"|(?:a |one )?hundred|(?:{'|'.join(_TENS)})(?:-(?:{'|'.join(_NUMBERS[1:10])}))?)(?![\w.,]*\d)"
)
UNIT = (
    r"(?P<unit>day|night|weekend|week|fortnight|month|quarter|year|decade|century|centurie|hour"
    r"|minute)s?(?!\w)"
)
SEASON = r"(?P<season>spring|summer|autumn|fall|winter)(?:time)?(?!\w)"
ORDINAL = rf"(?P<ordinal>\d{{1,2}}(?:st|nd|rd|th)|last|final|{'|'.join(_ORDINALS[1:22])})(?!\w)"
DAYPART = (
    r"(?:morning|afternoon|evening|night|lunchtime|midday|noon|midnight|dawn|dusk|nightfall"
    r"|daybreak|sunrise|sunset|teatime|breakfast)"
)
CLOCK = (
    r"(?:\d{1,2}(?:[.:]\d{2})?\s*[ap]\.?m\b\.?|\d{1,2}[.:]\d{2}|\d{4} hours|\d{1,2} o'clock|noon"
    r"|midnight|midday|[a-z]+ o'clock)(?: (?:local(?: time)?|gmt|utc|bst|ce?s?t|e[sd]?t))?"
)
HOLIDAY = (
    r"(?P<holiday>new year'?s eve|new year'?s day|christmas eve|christmas day|christmas"
    r"|boxing day|all saints'? day|halloween|valentine'?s day|st\.? patrick'?s day|may day"
    r"|maundy thursday|good friday|easter (?:sunday|monday|saturday)|easter|ash wednesday"
    r"|shrove tuesday|ascension day|whit (?:sunday|monday)|pentecost|thanksgiving(?: day)?"
    r"|black friday)(?!\w)"
)
_FIXED = {
    "new years eve": (12, 31),
    "new years day": (1, 1),
    "christmas eve": (12, 24),
    "christmas day": (12, 25),
    "christmas": (12, 25),
    "boxing day": (12, 26),
    "all saints day": (11, 1),
    "halloween": (10, 31),
    "valentines day": (2, 14),
    "st patricks day": (3, 17),
    "may day": (5, 1),
}
_FROM_EASTER = {
    "shrove tuesday": -47,
    "ash wednesday": -46,
    "maundy thursday": -3,
    "good friday": -2,
    "easter saturday": -1,
    "easter sunday": 0,
    "easter": 0,
    "easter monday": 1,
    "ascension day": 39,
    "whit sunday": 49,
    "pentecost": 49,
    "whit monday": 50,
}


def holiday(name: str, year: int) -> date:
    """The day of a holiday that HOLIDAY matches."""
    name = re.sub(r"['.]", "", name.lower())
    if name in _FIXED:
        return date(year, *_FIXED[name])
    if name in _FROM_EASTER:
        return easter(year) + timedelta(days=_FROM_EASTER[name])
    first = date(year, 11, 1)
    thanksgiving = first + timedelta(days=(3 - first.weekday()) % 7 + 21)
    return thanksgiving + timedelta(days=name == "black friday")


def number(word: str) -> int:
    """The value of what NUMBER matches."""
    word = word.lower()
    if word.isdecimal():
        return int(word)
    if "couple" in word:
        return 2
    if "hundred" in word:
        return 100
    if word in ("a", "an"):
        return 1
    tens, _, ones = word.partition("-")
    if tens in _TENS:
        return _TENS[tens] + (_NUMBERS.index(ones) if ones else 0)
    return _NUMBERS.index(word)


def ordinal(word: str) -> int:
    """The value of what DAY or ORDINAL matches; -1 for the last."""
    word = word.lower()
    if word in ("last", "final"):
        return -1
    digits = word.rstrip("stndrh")
    return int(digits) if digits.isdecimal() else _ORDINALS.index(word)


def month(word: str) -> int:
    """The number of a month, 1 to 12."""
    return MONTHS.index(word[:3].lower()) + 1


def weekday(word: str) -> int:
    """The number of a day of the week; Monday is 0."""
    return WEEKDAYS.index(word[:3].lower())


_GRAINS: dict[str, Grain] = {
    "day": "day",
    "night": "day",
    "weekend": "weekend",
    "week": "week",
    "fortnight": "week",
    "month": "month",
    "quarter": "quarter",
    "year": "year",
    "decade": "decade",
    "century": "century",
    "centurie": "century",
}


def grain(word: str) -> Grain:
    """What kind of period a unit names; a night is a day. KeyError for an hour or a minute."""
    return _GRAINS[word.lower()]


def step(word: str) -> tuple[Grain, int]:
    """What counting one of a unit moves by, and how many of it: a fortnight is two weeks, and from
    one weekend to the next it is a week."""
    named = grain(word)
    return ("week" if named == "weekend" else named), 2 if word.lower() == "fortnight" else 1
