"""Names, and the writings of one text: when two texts name the same."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rag.transliteration import OTHER_NAMES, same_sound, sound

HYPHENS = "-‐‑‒–—―−﹘﹣－"
APOSTROPHES = "'’‘‛′`´ʹʻʼʽʾʿˈ＇"
_MARKS = APOSTROPHES + '"‚“”„‟″«»‹›「」『』＂'

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
    | {"ı": "i", "ə": "a", "ŋ": "n"}
)
_NO_MARKS = str.maketrans("", "", _MARKS)
_COMBINING = re.compile("[\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f]+")
_SIMPLE = re.compile(r"[a-z0-9 ]*")
_POSSESSIVE = re.compile(rf"(?<=\w)[{_MARKS}]s(?!\w)")
_SPACED_HYPHEN = re.compile(rf"(?<=\w)\s*[{HYPHENS}]+\s*(?=\w)")
_INNER_HYPHEN = re.compile(rf"(?<=\w)\.?[{HYPHENS}](?=\w)")
_INNER_MARK = re.compile(f"[{HYPHENS}{_MARKS}]")
_MINUS = re.compile(rf"(?<!\w)[{HYPHENS}](?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_INITIALS = re.compile(r"(?<!\w)([^\W\d_])\.\s*(?=[^\W\d_](?:\.|\s|$))")
_LONE_LETTERS = re.compile(r"(?<!\w)[^\W\d_](?: [^\W\d_](?!\w))+")
_NO_WORD = re.compile(r"(?:(?<!\d)\.|\.(?!\d)|[^\w\s.]|_)+")

_ARTICLES = frozenset(["a", "an", "the"])
_OFFICES = frozenset(
    """
    president chancellor minister premier senator congressman congresswoman governor mayor
    ambassador envoy secretary chairman chairwoman director commissioner commander spokesman
    spokeswoman spokesperson professor lawyer
    """.split()
)
_TITLES = _OFFICES | frozenset(
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
_LINKS = frozenset("of for and or in at on from to by with as against under over who".split())


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
        if words[index] in _TITLES:
            end = index + 1
        elif words[index] not in _RANKS:
            break
    # "Minister for Water" is no Water.
    return end if end < len(words) and words[end] not in _LINKS else first


_ONE_NAME = {fold(name): fold(names[0]) for names in OTHER_NAMES for name in names}


_PARTICLES = frozenset(
    """
    al el bin ibn bint ben abu de da do dos das del della di du la le las los van von der den
    ter ten zu af av y e of the
    """.split()
)
"""Words of a name that are written small."""
_DROPPED = frozenset(["al", "el"])
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
_SEVERAL = re.compile(r"[/&;:]|,.*,|\b(?:and|or)\b")
_DESCRIBES = re.compile(r"(?:(?:a|an|the|his|her|its|their)\b|\d)", re.IGNORECASE)
_LONGEST_DESCRIPTION = 4  # words
_ARABIC_ARTICLE = re.compile(rf"\b[ae]l[{HYPHENS}]", re.IGNORECASE)
_NOT_LEFT_OUT = _KINDS | _TELLING_APART | _LINKS


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
        if not words[index][:1].isupper() or not _LINKS.isdisjoint(before):
            continue
        # "the hydrologist Emil Brandeck", but not "the capital Vessen"
        described = index <= _LONGEST_DESCRIPTION and all(map(str.islower, before[1:]))
        described = described and before[-1].islower() and before[-1] not in _PARTICLES
        if before[-1].lower() in _OFFICES or (described and len(words) - index > 1):
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
