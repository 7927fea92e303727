"""One name in several alphabets and languages."""

import re
from functools import lru_cache

OTHER_NAMES: tuple[tuple[str, ...], ...] = (
    ("Kyiv", "Kiev"),
    ("Kharkiv", "Kharkov"),
    ("Odesa", "Odessa"),
    ("Lviv", "Lvov"),
    ("Chernobyl", "Chornobyl"),
    ("Luhansk", "Lugansk"),
    ("Mykolaiv", "Nikolaev"),
    ("Zaporizhzhia", "Zaporizhia", "Zaporozhye"),
    ("Belarus", "Byelorussia"),
    ("Moldova", "Moldavia"),
    ("Beijing", "Peking"),
    ("Mumbai", "Bombay"),
    ("Kolkata", "Calcutta"),
    ("Chennai", "Madras"),
    ("Bengaluru", "Bangalore"),
    ("Myanmar", "Burma"),
    ("Yangon", "Rangoon"),
    ("Mecca", "Makkah"),
    ("Ivory Coast", "Côte d'Ivoire"),
    ("Eswatini", "Swaziland"),
    ("Cape Verde", "Cabo Verde"),
    ("East Timor", "Timor-Leste"),
    ("Czech Republic", "Czechia"),
    ("Turkey", "Türkiye"),
    ("Raqqa", "Raqqah", "Rakka"),
    ("Hezbollah", "Hizbullah", "Hizbollah", "Hizballah"),
    ("al-Qaeda", "al-Qaida"),
)
"""Places, and two organisations, that news calls by several names.

From Wikipedia's "List of renamed populated places" and "List of country names in various
languages" (English), and the UN Group of Experts on Geographical Names' list of country names.
"""

# What one sound is written like; applied in this order to folded words without spaces.
_SOUNDS = tuple(
    (re.compile(pattern), letters)
    for pattern, letters in [
        (r"^ab[du]+[aeu]l(?=.{3})", "abdal"),
        (r"^(?:tsch|tch)", "ch"),
        (r"^(?:ye|je)(?=.{3})", "e"),
        (r"s(?:h|z)?ch", "sh"),
        (r"wsk", "vsk"),
        (r"(?<=[eo])ff$", "v"),
        (r"ph", "f"),
        (r"[kq]h", "k"),
        (r"gh(?=[aeiou])", "g"),
        (r"dh", "d"),
        (r"th", "t"),
        (r"ck|q", "k"),
        (r"c(?=[aoukrl])", "k"),
        (r"x", "ks"),
        (r"ee", "i"),
        (r"(?:iy|yi|ii|yy|ij|ie|y|i)$", "i"),
        (r"(?:a|e|ae)[iy](?=.)(?!$)", "E"),
        (r"(?:a|e)[iy]$", "E"),
        (r"(?<=[aeiou])y(?=[aeiou])", ""),
        (r"oo|ou", "u"),
        (r"u", "o"),
        (r"(?<=.{4})e(?=d$)", "a"),
        (r"(?<=[ao])h$", ""),
        (r"(.)\1+", r"\1"),
        (r"^[gk](?=[aeio].{4})", "k"),
    ]
)


@lru_cache(maxsize=10_000)
def sound(word: str) -> str:
    """What transliterations of one name have in common: a key, not a spelling."""
    for pattern, letters in _SOUNDS:
        word = pattern.sub(letters, word)
    return word


def same_sound(a: str, b: str) -> bool:
    """Whether two folded words may be one name in two transliterations.

    Not for words of fewer than four letters, in which one letter more or less is another name.
    """
    return a == b or (min(len(a), len(b)) >= 4 and sound(a) == sound(b))
