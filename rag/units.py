"""What is counted or measured: units in one writing."""

import re

_WRITINGS = {
    "%": "% percent pct",
    "kilometre": "km kms kilometer",
    "metre": "m meter",
    "centimetre": "cm centimeter",
    "millimetre": "mm millimeter",
    "mile": "mi",
    "foot": "feet ft",
    "inch": "inches",
    "yard": "yd",
    "knot": "kn",
    "kilogram": "kg kilo kilogramme",
    "gram": "g gramme",
    "tonne": "t",
    "ton": "",
    "pound": "lb lbs gbp",
    "litre": "liter",
    "gallon": "",
    "barrel": "",
    "hectare": "ha",
    "acre": "",
    "second": "sec s",
    "minute": "min mins",
    "hour": "hr hrs h",
    "day": "",
    "week": "",
    "month": "",
    "year": "yr yrs",
    "decade": "",
    "century": "centuries",
    "degree": "°c °",
    "watt": "w",
    "kilowatt": "kw",
    "megawatt": "mw",
    "gigawatt": "gw",
    "dollar": "usd",
    "cent": "",
    "euro": "eur",
    "yen": "jpy",
    "yuan": "rmb cny",
    "rupee": "inr",
    "rouble": "ruble rub",
    "franc": "chf",
    "crown": "",
    "peso": "",
    "rand": "",
    "lira": "",
    "riyal": "",
    "hryvnia": "uah",
}
MEASURES = {word: name for name, others in _WRITINGS.items() for word in (name, *others.split())}
"""Each way to write a unit of measure, and its name here."""
_QUALIFIERS = frozenset(
    "square cubic nautical australian canadian gigawatt megawatt kilowatt".split()
)
_PEOPLE = {
    "person": "person people persons human humans lives life others",
    "dead": "dead killed deaths death fatalities fatality died dies lost",
    "injured": "injured wounded hurt injuries",
    "missing": "missing unaccounted",
}
_PEOPLE_WORD = {word: name for name, words in _PEOPLE.items() for word in words.split()}
_COUNTED_PEOPLE = frozenset(
    """
    passenger civilian child man woman soldier survivor victim resident student pupil worker
    migrant refugee hostage officer troop member voter protester employee fighter inmate patient
    prisoner journalist official villager farmer teenager girl boy teacher crew adult
    """.split()
)
_IRREGULAR = {"children": "child", "men": "man", "women": "woman", "feet": "foot"}
# "7 May", "10 am", "one of them", "88 votes to 51", "2 in 3"
_NO_UNIT = re.compile(
    r"\d|^(?:of|in|on|at|to|by|and|or|am|pm|a\.m|p\.m|st|nd|rd|th|o'clock|ad|bc|january|february|"
    r"march|april|may|june|july|august|september|october|november|december|jan|feb|mar|apr|jun|"
    r"jul|aug|sept?|oct|nov|dec)\b"
)
_RATE = re.compile(r"^(?:a|an|per|each)\b(?: \S+){1,2}$")  # "5 a day"
# What may follow a unit: "of water", "a second", "deep"
_AFTER = re.compile(
    r"\b(?:of|in|on|at|from|who|were|was|are|have|had|a|an|per|long|deep|down|high|tall|wide|"
    r"thick|old|away)\b"
)
_LONGEST_UNIT = 3  # words


def parse_unit(text: str) -> str | None:
    """The unit that the text names, "" if it is empty, None if it is no unit."""
    text = text.strip(" -")
    if not text:
        return ""
    if _NO_UNIT.search(text):
        return None
    text = text.replace("per cent", "percent").replace("-", " ")
    if _RATE.match(text):
        return ""
    words = text.split()
    for word in words:
        if word in _PEOPLE_WORD and _PEOPLE_WORD[word] != "person":
            return _PEOPLE_WORD[word]
    if words[0] in _PEOPLE_WORD:
        return "person"
    measured = _measure(words)
    if measured is not None:
        unit, rest = measured
        return unit if not rest or _AFTER.match(rest) else None  # "70 years ago"
    counted = _AFTER.split(text)[0].split()
    if not 0 < len(counted) <= _LONGEST_UNIT:
        return None
    return " ".join([*counted[:-1], _singular(counted[-1])])


def _measure(words: list[str]) -> tuple[str, str] | None:
    """The unit of measure that the words begin with, and what follows it."""
    for size in range(min(_LONGEST_UNIT, len(words)), 0, -1):
        *before, last = words[:size]
        single = MEASURES.get(last) or MEASURES.get(last.removesuffix("s"))
        if single and _QUALIFIERS.issuperset(before):
            return " ".join([*before, single]), " ".join(words[size:])
    return None


def _singular(noun: str) -> str:
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith("ies"):
        return f"{noun[:-3]}y"
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun


def units_agree(a: str, b: str) -> bool:
    """Whether both may be said of one figure; "" agrees with any."""
    if a == b or not a or not b:
        return True
    if "person" in (a, b):
        other = b if a == "person" else a
        return other in _PEOPLE or other.split()[-1] in _COUNTED_PEOPLE
    # "police officer" and "officer", but not "cubic metre" and "metre"
    return a.split()[-1] == b.split()[-1] and a.split()[-1] not in _WRITINGS
