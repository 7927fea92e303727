"""The writings of one text: the key by which two are the same."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

HYPHENS = "-‐‑‒–—―−﹘﹣－"
APOSTROPHES = "'’‘‛′`´ʹʻʼʽʾʿˈ＇"
MARKS = APOSTROPHES + '"‚“”„‟″«»‹›「」『』＂'

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
    | {"ı": "i", "ə": "a", "ŋ": "n"}
)
_NO_MARKS = str.maketrans("", "", MARKS)
_COMBINING = re.compile("[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f]+")
_SIMPLE = re.compile(r"[a-z0-9 ]*")  # nothing left to fold
_POSSESSIVE = re.compile(rf"(?<=\w)[{MARKS}]s(?!\w)")  # Brandeck's
_SPACED_HYPHEN = re.compile(rf"(?<=\w)\s*[{HYPHENS}]+\s*(?=\w)")  # Amir - Dovlat
_MINUS = re.compile(rf"(?<!\w)[{HYPHENS}](?=\d)")  # -3
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")  # 1,100
_INITIALS = re.compile(r"(?<!\w)([^\W\d_])\.\s*(?=[^\W\d_](?:\.|\s|$))")  # U.S., J. R. Hale
_LONE_LETTERS = re.compile(r"(?<!\w)[^\W\d_](?: [^\W\d_](?!\w))+")  # u s
_NO_WORD = re.compile(r"(?:(?<!\d)\.|\.(?!\d)|[^\w\s.]|_)+")  # all marks but the point of 1.5

_ARTICLES = frozenset(["a", "an", "the"])
OFFICES = frozenset(
    """
    president chancellor minister premier senator congressman congresswoman governor mayor
    ambassador envoy secretary chairman chairwoman director commissioner commander spokesman
    spokeswoman spokesperson professor lawyer
    """.split()
)
"""Titles that may stand before a name without a comma: "the director Ines Okafor"."""
TITLES = OFFICES | frozenset(
    """
    mr mrs ms miss mx dr doctor sir dame lord lady prof sen representative rep gov judge justice
    general gen colonel col captain capt lieutenant lt major maj sergeant sgt admiral king queen
    prince princess emperor sheikh sultan emir ayatollah imam rabbi pope cardinal archbishop
    bishop reverend rev father sister chief chair coach
    """.split()
)
_RANKS = frozenset(
    """
    prime foreign vice deputy former ex interim acting then late finance defence defense
    interior justice health transport environment energy agriculture education home attorney
    press state lead grand supreme crown first us uk
    """.split()
)
"""What stands between an article and a title."""
LINKS = frozenset("of for and or in at on from to by with as against under over who".split())
"""What joins words to a phrase that is no name."""


@lru_cache(maxsize=10_000)
def fold(text: str) -> str:
    """The key by which two writings of one answer are the same; folding it changes nothing.

    Without case, compatibility forms, diacritics, quotation marks, possessives and points of
    initials, with spaces for hyphens, and without articles and titles in front ("President").
    """
    words = _plain(text).split()
    while first := _titles_end(words):
        words = words[first:]
    return " ".join(words)


def _plain(text: str) -> str:
    """Lower-case words in letters without marks, separated by single spaces."""
    while True:  # what one rule leaves, another may change; two rounds are usual
        before = text
        text = _POSSESSIVE.sub("", text).translate(_NO_MARKS)
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
            text = _COMBINING.sub("", unicodedata.normalize("NFD", text))
        text = _SPACED_HYPHEN.sub(" ", text.casefold())
        text = _MINUS.sub("minus ", text)
        text = _THOUSANDS.sub("", text)
        text = _INITIALS.sub(r"\1", text)
        text = " ".join(_NO_WORD.sub(" ", text).split())
        text = _LONE_LETTERS.sub(lambda match: match[0].replace(" ", ""), text)
        if text == before or _SIMPLE.fullmatch(text):
            return text


def _titles_end(words: Sequence[str]) -> int:
    """Index of the first word after articles and titles; 0 where nothing would be left."""
    first = 0
    while first < len(words) - 1 and words[first] in _ARTICLES:
        first += 1
    end = first
    for index in range(first, len(words)):
        if words[index] in TITLES:
            end = index + 1
        elif words[index] not in _RANKS:
            break
    # "Minister for Water" is no Water.
    return end if end < len(words) and words[end] not in LINKS else first
