"""When two texts name one person or place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.folding import HYPHENS, LINKS, MARKS, OFFICES, fold
from rag.transliteration import OTHER_NAMES, same_sound, sound

_ONE_NAME = {fold(name): fold(names[0]) for names in OTHER_NAMES for name in names}
"""Each name that has others -> the first of them, both folded."""

_PARTICLES = frozenset(
    """
    al el bin ibn bint ben abu de da do dos das del della di du la le las los van von der den
    ter ten zu af av y e of the
    """.split()
)
"""Words of a name that are written small."""
_DROPPED = frozenset(["al", "el"])  # as some writings do
_TELLING_APART = frozenset(
    """
    north south east west northern southern eastern western central new old upper lower great
    greater little equatorial democratic republic papua anti non ex former public national
    """.split()
)
"""What makes another place of a place: no part of it is said alone."""
_KINDS = frozenset(
    """
    agency airport army association authority bank bay board bridge building camp centre center
    church city club college commission committee company congress corporation corp council
    county court day department district force forces foundation fund games government group
    guard hall hospital hotel house inc institute island islands lake league ltd market ministry
    mountain museum office palace park parliament party police press prize province region river
    road school sea senate service square stadium state states station street street team times
    tower town union united university valley village war monday tuesday wednesday thursday
    friday saturday sunday january february april june july august september october november
    december
    """.split()
)
"""What many are called, with other words beside it."""
_SEVERAL = re.compile(r"[/&;:]|,.*,|\b(?:and|or)\b")  # more than one is named
# "her deputy", "47": what stands beside a name with a comma between
_DESCRIBES = re.compile(r"(?:(?:a|an|the|his|her|its|their)\b|\d)", re.IGNORECASE)
_LONGEST_DESCRIPTION = 4  # words
_INNER_HYPHEN = re.compile(rf"(?<=\w)\.?[{HYPHENS}](?=\w)")  # Amir-Dovlat, J.-P.
_INNER_MARK = re.compile(f"[{HYPHENS}{MARKS}]")
_ARABIC_ARTICLE = re.compile(rf"\b[ae]l[{HYPHENS}]", re.IGNORECASE)  # al-Sisi
_NOT_LEFT_OUT = _KINDS | _TELLING_APART | LINKS


def same_name(a: str, b: str) -> bool:
    """Whether two texts name one person or place, however it is spelt and however much is said.

    "Amir-Abdollahian" and "Amirabdollahian", "Kiev" and "Kyiv", "Mohammed" and "Muhammad",
    "Merkel" and "Chancellor Angela Merkel". A first name alone, or a place without what tells it
    from another ("North Korea", "Lagos, Nigeria"), is not the same.
    """
    one, two = _read(a), _read(b)
    if one.key == two.key:
        return one.key != "" or a == b
    if one.endings.isdisjoint(two.endings):
        return False
    pairs = ((one.words, two.words), (two.words, one.words))
    return _same_words(*pairs[0]) or any(_part_of(short, long) for short, long in pairs)


@dataclass(frozen=True)
class _Name:
    """A text as a name.

    `words` are folded and without what stands around the name; () for what is none. `endings`
    are the sounds of its last word, its last two, and so on: names that share none differ.
    """

    key: str
    words: tuple[str, ...] = ()
    endings: frozenset[str] = frozenset()


@lru_cache(maxsize=10_000)
def _read(text: str) -> _Name:
    key = fold(text)
    bare = _bare_name(text)
    if not bare or not all(_is_name_word(word) for word in bare):
        return _Name(key)
    text = " ".join(bare)
    # A compound is one word: "US-China" is no China.
    solid = fold(_INNER_HYPHEN.sub("", _ARABIC_ARTICLE.sub("", text)))
    name = _ONE_NAME.get(fold(text), solid)
    words = tuple(w for w in name.split() if w not in _DROPPED) or tuple(name.split())
    endings = frozenset(sound("".join(words[start:])) for start in range(len(words)))
    return _Name(key, words, endings)


def _is_name_word(word: str) -> bool:
    parts = _INNER_MARK.split(word)  # "al-Sisi", "d'Ivoire"
    return any(part[:1].isupper() for part in parts) or word in _PARTICLES


def _bare_name(text: str) -> list[str]:
    """The words of "Ruth Ashgrove" in "her deputy, Judge Ruth Ashgrove".

    [] where two are named: "Lagos, Nigeria" is no Nigeria.
    """
    if _SEVERAL.search(text):
        return []
    head, comma, tail = (part.strip() for part in text.partition(","))
    if comma:
        # "Her deputy, Stefan Brook", and "Stefan Brook, 47"
        head_describes, tail_describes = (
            _DESCRIBES.match(part) is not None for part in (head, tail)
        )
        if head_describes == tail_describes:
            return []
        text = tail if head_describes else head
    words = text.split()
    for index in range(len(words) - 1, 0, -1):
        before = words[:index]
        if not words[index][:1].isupper() and words[index] not in _PARTICLES:
            break
        if not words[index][:1].isupper() or not LINKS.isdisjoint(before):
            continue
        # "the hydrologist Emil Brandeck", but not "the capital Vessen"
        described = index <= _LONGEST_DESCRIPTION and all(map(str.islower, before[1:]))
        described = described and before[-1].islower() and before[-1] not in _PARTICLES
        if before[-1].lower() in OFFICES or (described and len(words) - index > 1):
            return words[index:]
    return words


def _same_words(a: Sequence[str], b: Sequence[str]) -> bool:
    if same_sound("".join(a), "".join(b)):
        return True
    return len(a) == len(b) and same_sound(a[-1], b[-1]) and all(map(_same_given, a[:-1], b))


def _part_of(short: Sequence[str], long: Sequence[str]) -> bool:
    """Whether `short` is the family name of `long`, or leaves out something in the middle."""
    if short[-1] in _KINDS or len(short[-1]) < 3:
        return False
    if not _NOT_LEFT_OUT.isdisjoint(word for word in long if word not in short):
        return False
    joined = "".join(short)
    if any(same_sound(joined, "".join(long[start:])) for start in range(1, len(long))):
        return True
    if not (1 < len(short) < len(long) and same_sound(short[-1], long[-1])):
        return False
    rest = iter(long)
    return _same_given(short[0], long[0]) and all(
        any(_same_given(word, other) for other in rest) for word in short
    )


def _same_given(a: str, b: str) -> bool:
    """Whether two given names are the same, or one is the other's initial."""
    return same_sound(a, b) or (a[0] == b[0] and min(len(a), len(b)) == 1)
