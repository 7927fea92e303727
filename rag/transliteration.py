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
"""Places, and two organisations, that news calls by several names: chosen by hand, not complete."""

# What one sound is written like; applied in this order to folded words without spaces. "E" stands
# for a sound of its own, so that no later rule takes it for the letter.
_SOUNDS = tuple(
    (re.compile(pattern), letters)
    for pattern, letters in [
        (r"^ab[du]+[aeu]l(?=.{3})", "abdal"),  # Abdul-, Abdel-, Abdollah
        (r"^(?:tsch|tch)", "ch"),  # Tschaikowsky, Tchaikovsky
        (r"^(?:ye|je)(?=.{3})", "e"),  # Yeltsin, Jelzin
        (r"s(?:h|z)?ch", "sh"),  # Khrushchev
        (r"wsk", "vsk"),  # Lewandowski
        (r"(?<=[eo])ff$", "v"),  # Romanoff
        (r"ph", "f"),  # Joseph
        (r"[kq]h", "k"),  # Kharkiv, Sheikh
        (r"gh(?=[aeiou])", "g"),  # Afghan
        (r"dh", "d"),  # Riyadh
        (r"th", "t"),  # Thessaloniki
        (r"ck|q", "k"),  # Qatar
        (r"c(?=[aoukrl])", "k"),  # Carl
        (r"x", "ks"),  # Alexei
        (r"ee", "i"),  # Rasheed
        (r"(?:iy|yi|ii|yy|ij|ie|y|i)$", "i"),  # Zelenskyy, Zelensky, Zelenskiy
        (r"(?:ae?|e)[iy](?=.)|[ae][iy]$", "E"),  # Hussein, Husayn
        (r"(?<=[aeiou])y(?=[aeiou])", ""),  # Aliyev
        (r"oo|ou", "u"),  # Mahmoud
        (r"u", "o"),  # Muhammad
        (r"(?<=.{4})e(?=d$)", "a"),  # Mohammed
        (r"(?<=[ao])h$", ""),  # Abdullah
        (r"(.)\1+", r"\1"),  # Mohammad
        (r"^[gk](?=[aeio].{4})", "k"),  # Gaddafi, Kadafi
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
