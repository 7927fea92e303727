"""Numbers with their units, in digits or in words."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from rag.units import MEASURES, parse_unit, units_agree

Bound = Literal["least", "most", "about"]

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_BELOW_TWENTY = {word: number for number, word in enumerate(_NUMBER_WORDS)}
_TENS = {word: 10 * number for number, word in enumerate(_TENS_WORDS, start=2)}
_SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9}
_SCALES |= {"trillion": 10**12, "dozen": 12}
_SHORT_SCALES = {"k": 10**3, "m": 10**6, "mn": 10**6, "mln": 10**6, "bn": 10**9, "b": 10**9}
_SHORT_SCALES |= {"tn": 10**12, "trn": 10**12}
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PARTS |= {"eighth": 8, "ninth": 9, "tenth": 10}
_PARTS |= {f"{name}s": n for name, n in _PARTS.items() if n > 2}
_SIGNS = {"½": Fraction(1, 2), "⅓": Fraction(1, 3), "⅔": Fraction(2, 3)}
_SIGNS |= {"¼": Fraction(1, 4), "¾": Fraction(3, 4)}

_BOUNDS: dict[str, Bound] = {
    **dict.fromkeys(["at least", "more than", "over", "no fewer than", "no less than"], "least"),
    **dict.fromkeys(["upwards of", "a minimum of", "above", "not less than"], "least"),
    **dict.fromkeys(["at most", "up to", "less than", "fewer than", "under", "below"], "most"),
    **dict.fromkeys(["no more than", "as many as", "as much as", "a maximum of"], "most"),
    **dict.fromkeys(["about", "around", "some", "nearly", "almost", "roughly", "circa"], "about"),
    **dict.fromkeys(["approximately", "an estimated", "close to", "just over"], "about"),
    **dict.fromkeys(["just under", "a little over", "~"], "about"),
}
_SCALE = "|".join(_SCALES)
_SCALE_NEXT = re.compile(rf"\s?({_SCALE})\b")
_SHORT_SCALE_NEXT = re.compile(rf"({'|'.join(_SHORT_SCALES)})\b")  # "5m", but "5 m" are metres
_LARGE_SCALE_NEXT = re.compile(r"[\s-](million|billion|trillion)\b")
_OF_A_SCALE = re.compile(rf"[\s-](?:of\s)?a[\s-]({_SCALE})\b")
_MORE_NUMBER = re.compile(rf"(?:{'|'.join((*_BELOW_TWENTY, *_TENS))}|{_SCALE})\b")
_NUMBER_ANYWHERE = re.compile(
    rf"\d|[{''.join(_SIGNS)}]|\b(?:{_MORE_NUMBER.pattern}|half\b)"
    rf"|\ban?[\s-](?:{'|'.join(_PARTS)})\b",
    re.IGNORECASE,
)
_LATER_CAPITAL = re.compile(r"\s[A-Z]")
_FILLER = re.compile(r"(?:the|only|just|exactly|a total of|a record|all)\s+")
_BOUND = re.compile(
    rf"(?:{'|'.join(re.escape(b) for b in sorted(_BOUNDS, key=len, reverse=True))})(?!\w)\s*"
)
_CURRENCIES = {"us$": "dollar", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "₹": "rupee"}
_CURRENCIES |= {"a$": "australian dollar", "c$": "canadian dollar", "₽": "rouble", "₴": "hryvnia"}
_CURRENCY = re.compile("|".join(re.escape(c) for c in sorted(_CURRENCIES, key=len, reverse=True)))
_PART = re.compile(
    rf"(?:(?P<count>a|an|{'|'.join(_NUMBER_WORDS[1:10])})[\s-])?"
    rf"(?P<part>{'|'.join(sorted(_PARTS, key=len, reverse=True))})\b(?!\s+(?:of\s+)?\d)"
)
_AND_A_PART = re.compile(rf"(?:\s|-)and(?:\s|-){_PART.pattern}")
_HOUR = re.compile(r"^an? ")  # "half an hour"
_LETTERS = re.compile(r"[a-z]+")
_DIGITS = re.compile(r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d.,:/]*\d)")


@dataclass(frozen=True)
class Quantity:
    """How much of what.

    `unit` is a singular noun ("euro", "cubic metre", "%", "person"), "" for a bare number.
    `bound` says that the value is the least or the most, or near what is meant; None for exact.
    """

    value: Fraction
    unit: str
    bound: Bound | None = None


def holds_number(text: str) -> bool:
    """Whether a number stands anywhere in the text, in digits or in words."""
    return _NUMBER_ANYWHERE.search(text) is not None


@lru_cache(maxsize=10_000)
def parse_quantity(text: str) -> Quantity | None:
    """The quantity that the whole text states, as "at least 11 people", "$5m" or "two thirds".

    None for anything else: a date, a time, a score, a range, a number inside a name.
    """
    rest = " ".join(text.lower().replace("\u2212", "-").split()).rstrip(".!?;,")
    bound: Bound | None = None
    while match := _BOUND.match(rest) or _FILLER.match(rest):
        bound = _BOUNDS.get(match[0].strip(), bound)
        rest = rest[match.end() :]
    if match := _CURRENCY.match(rest):
        currency, rest = _CURRENCIES[match[0]], rest[match.end() :].lstrip()
    else:
        currency = ""
    negative = rest.startswith(("-", "minus "))
    number = _number(rest.removeprefix("minus").lstrip(" -") if negative else rest)
    if number is None:
        return None
    value, rest = number
    unit = None if _MORE_NUMBER.match(rest) else parse_unit(rest)
    if unit is None or (currency and unit and unit != currency):
        return None
    if unit.split(" ")[-1] not in MEASURES and _LATER_CAPITAL.search(text):  # "Ten Commandments"
        return None
    return Quantity(-value if negative else value, currency or unit, bound)


def _number(text: str) -> tuple[Fraction, str] | None:
    """The number at the beginning, and what follows it."""
    if text[:1] in _SIGNS:
        return _SIGNS[text[0]], text[1:].strip()
    match = _DIGITS.match(text)
    if match is None:
        return _number_in_words(text)
    value, rest = Fraction(match[0].replace(",", "")), text[match.end() :]
    if rest[:1] in _SIGNS:
        return value + _SIGNS[rest[0]], rest[1:].strip()
    if scale := _SCALE_NEXT.match(rest):
        return value * _SCALES[scale[1]], rest[scale.end() :].strip(" -")
    if short := _SHORT_SCALE_NEXT.match(rest):
        return value * _SHORT_SCALES[short[1]], rest[short.end() :].strip(" -")
    attached = _LETTERS.match(rest)
    if attached and attached[0] not in MEASURES:
        return None  # "3D"
    return value, rest.strip()


def _number_in_words(text: str) -> tuple[Fraction, str] | None:
    match = _PART.match(text)
    # "third" alone is a rank, "half" is not.
    if match and (match["count"] or match["part"] == "half"):
        value = _part(match)
        if scaled := _OF_A_SCALE.match(text, match.end()):
            return value * _SCALES[scaled[1]], text[scaled.end() :].strip(" -")
        return value, _HOUR.sub("", text[match.end() :].strip(" -"))
    value, end = _cardinal(text)
    if not end:
        return None
    if more := _AND_A_PART.match(text, end):
        value, end = value + _part(more), more.end()
        if scale := _LARGE_SCALE_NEXT.match(text, end):
            value, end = value * _SCALES[scale[1]], scale.end()
    return value, text[end:].strip(" -")


def _part(match: re.Match[str]) -> Fraction:
    count = match["count"]
    return Fraction(_BELOW_TWENTY.get(count, 1), _PARTS[match["part"]])


def _cardinal(text: str) -> tuple[Fraction, int]:
    """The whole number that the text begins with, and where it ends; (0, 0) for none.

    "two million three hundred and five thousand": each of a group is smaller than the one before.
    """
    total = group = end = 0
    least = 10**15  # what the next scale or word has to stay under
    for match in _LETTERS.finditer(text):
        word, between = match[0], text[end : match.start()]
        if end and between.strip(" -") not in ("", "and"):
            break
        if word == "and" or (word in ("a", "an") and not end):
            following = text[match.end() :].strip().split(" ")[0].split("-")[0]
            if following not in (_SCALES if word != "and" else {**_BELOW_TWENTY, **_TENS}):
                break
            continue
        if word in _BELOW_TWENTY and ((group % 10 == 0 and group % 100 != 10) or not group):
            group += _BELOW_TWENTY[word]
        elif word in _TENS and group % 100 == 0:
            group += _TENS[word]
        elif word == "hundred" and 0 <= group < 100:
            group = max(group, 1) * 100
        elif word == "dozen":
            group = max(group, 1) * 12
        elif word in _SCALES and word != "hundred" and _SCALES[word] < least:
            least = _SCALES[word]
            total, group = total + max(group, 1) * least, 0
        else:
            break
        end = match.end()
    return Fraction(total + group), end


def same_quantity(a: Quantity, b: Quantity) -> bool:
    """Whether both are one figure: the same value, units and bounds that do not contradict.

    A bare number agrees with any unit, and a bare fraction with its percentage.
    """
    if {a.bound, b.bound} == {"least", "most"}:
        return False
    if {a.unit, b.unit} == {"", "%"} and min(a.value, b.value) < 1:
        whole, share = sorted((a, b), key=lambda quantity: quantity.unit)
        return whole.value * 100 == share.value
    return a.value == b.value and units_agree(a.unit, b.unit)
