"""The verbs of a sentence, and whether each looks back or ahead. Looked up, not parsed."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Sense = Literal[-1, 0, 1]
"""-1 the past, 1 the future, 0 the words do not tell."""

Kind = Literal["finite", "infinitive", "present"]
"""An infinitive governs only what follows it; the present is believed when nothing stronger stands
in the clause."""

_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|'ll\b")

_MODALS = frozenset(
    """
    will would shall won't wouldn't 'll may might can can't could couldn't should must ought
    """.split()
)
_BE = frozenset("is are am was were isn't aren't wasn't weren't".split())
_HAVE = frozenset("has have had hasn't haven't hadn't".split())
_ADVERBS = frozenset(
    """
    not also now still never then already again instead therefore both likely soon just even first
    finally formally only
    """.split()
)
_DETERMINERS = frozenset(
    """
    the a an this these those its his her their our my your another any some no every each of newly
    most more such
    """.split()
)
_NO_PAST = frozenset(
    """
    need feed indeed hundred speed exceed proceed succeed seed breed bleed embed sacred naked
    kindred unprecedented infrared
    """.split()
)
_IRREGULAR = frozenset(
    """
    arose ate awoke beat became began bent bet blew bore bought bound broke brought built burnt
    burst came cast caught chose clung cost crept cut dealt did didn't drank drew drove dug fell
    felt fled flew forbade forgot fought found froze gave gone got grew had hadn't heard held hid
    hit hung hurt kept knelt knew laid lay leapt led left lent let lit lost made meant met paid put
    quit ran rang read rode rose said sang sank sat saw sent shook shone shot shut slept slid sold
    sought spent split spoke sprang spread spun stole stood stuck struck sued swam swept swore swung
    taken taught thought threw told took tore understood undertook underwent was went were withdrew
    woke won wore wound wrote written seen shown given known begun done been born broken chosen
    drawn driven fallen flown frozen grown hidden risen spoken stolen thrown torn worn withdrawn
    overtaken
    """.split()
)
_AHEAD = frozenset(
    """
    scheduled slated expected expects expect upcoming forthcoming looming planned planning intends
    intend hopes hope aims aim wants want plans vows pledges promises seeks prepares preparing
    deadline eyes poised pencilled earmarked tentatively likely
    """.split()
)
_READY = _AHEAD | frozenset(
    "due set going supposed meant ready hoping about bound tipped booked billed".split()
)
_INTENT = _AHEAD | frozenset(
    """
    due set vote votes voted agree agrees agreed agreement decide decides decided decision plan
    promise promised pledge pledged vowed urge urges urged ask asks asked told order orders ordered
    hoped intended aimed wanted sought invite invites invited call calls called require requires
    required needs needed proposes proposed offer offers offered threatens threatened advised warned
    warns deal bid chance chose chosen opted resolved preparations instructed directed permission
    arranged approved able
    """.split()
)
_UNMET = frozenset("hoped intended aimed wanted promised agreed".split())
_TO_COME = frozenset(
    """
    open opens reopen reopens begin begins start starts starting beginning end ends close closes
    meet meets resume resumes vote votes go goes face faces appear appears play plays take takes
    kick kicks host hosts visit visits travel travels fly flies return returns launch launches
    expire expires fall falls come comes enter enters run runs leave leaves arrive arrives apply
    applies continue continues hold holds stand stands decide decides
    """.split()
)
_INTENT_REACH = 9  # words before "to" in which one of them may stand


@dataclass(frozen=True)
class Cue:
    """A verb, or a word that tells the same, and where it begins."""

    start: int
    sense: Sense
    kind: Kind


_Told = tuple[Sense, Kind]
_PAST: _Told = (-1, "finite")
_FUTURE: _Told = (1, "finite")
_TO_HAVE_DONE: _Told = (-1, "infinitive")
_TO_DO: _Told = (1, "infinitive")
_TIMETABLE: _Told = (1, "present")

_Reading = tuple[_Told | None, int]
"""What a verb tells, if anything, and how many words it is, its auxiliary included."""


@dataclass(frozen=True)
class _Place:
    """One of the words of a sentence, in small letters, and what stands around it."""

    words: list[str]
    at: int

    @property
    def word(self) -> str:
        return self.words[self.at]

    @property
    def before(self) -> str:
        return self.words[self.at - 1] if self.at else ""

    @cached_property
    def next(self) -> int:
        """Index of the next word that is no adverb."""
        place = self.at + 1
        while place < len(self.words) and (
            self.words[place] in _ADVERBS or self.words[place].endswith("ly")
        ):
            place += 1
        return place

    def after(self, more: int = 0) -> str:
        """The next word that is no adverb, or the one that stands so many words after it."""
        return self.words[self.next + more] if self.next + more < len(self.words) else ""

    @property
    def up_to_next(self) -> int:
        """How many words it is from this one to the next that is no adverb, both included."""
        return self.next + 1 - self.at


def find_cues(sentence: str) -> list[Cue]:
    """The verbs of the sentence in order; an auxiliary and its verb are one."""
    found = list(_WORD.finditer(sentence))
    words = [m.group().lower() for m in found]
    cues: list[Cue] = []
    at = 0
    while at < len(words):
        told, used = _read(_Place(words, at), found[at].group())
        if told is not None:
            cues.append(Cue(found[at].start(), *told))
        at += used
    return cues


def _read(place: _Place, written: str) -> _Reading:
    word, before = place.word, place.before
    is_month = written == "May" and place.at > 0
    is_noun = word == "will" and before in _DETERMINERS
    if word in _MODALS and not is_month and not is_noun:
        return _modal(place)
    if word in _BE:
        return _be(place)
    if word in _HAVE:
        return _have(place)
    if word in ("did", "didn't"):
        return _PAST, place.up_to_next
    if word == "to":
        return _to(place)
    if word == "due":
        # "due to snow" gives a reason; "is due to open" was read with its auxiliary.
        reason = place.after() == "to" and before not in ("", "originally")
        return None if reason else _FUTURE, 1
    if word == "set" and place.after() in ("for", "to"):
        return _FUTURE, 1
    if word in _AHEAD and not (word == "expected" and before in ("than", "as")):
        is_noun = word in ("hope", "want", "aim") or (
            word in ("plans", "eyes") and before in _DETERMINERS
        )
        return None if is_noun else _FUTURE, 1
    if _is_past(word) and written[0].islower() and before not in _DETERMINERS:
        return _PAST, 1
    return _TIMETABLE if word in _TO_COME else None, 1


def _modal(place: _Place) -> _Reading:
    """ "would reopen"; but "may have sunk" and "could not reopen" are past."""
    word, after = place.word, place.after()
    if after == "have" and word not in ("will", "shall", "won't", "'ll"):
        return _PAST, place.up_to_next + 1
    negated = "not" in place.words[place.at + 1 : place.next]
    if word == "couldn't" or (word == "could" and negated):
        return _PAST, place.up_to_next
    return _FUTURE, place.up_to_next + (after in ("be", "have"))


def _be(place: _Place) -> _Reading:
    """ "was hit"; "is due to open", "were to meet"; "is opening" of what a timetable says."""
    word, after = place.word, place.after()
    used = place.up_to_next
    is_past = word in ("was", "were", "wasn't", "weren't")
    planned = after in _READY
    if after == "set":
        planned = place.after(1) in ("to", "for", "on", "")
    if after == "planned" and is_past:
        planned = place.after(1) in ("for", "to")
    if planned or after == "to":
        to = 0 if after == "to" else 1  # where an infinitive would begin
        if place.after(to) == "to" and place.after(to + 1):
            if place.after(to + 1) == "have":
                return _PAST, used + 3
            return _FUTURE, used + to + 1 + (place.after(to + 1) == "be")
        return _FUTURE, used
    if is_past:
        return _PAST, used
    pictured = after in ("seen", "pictured", "shown", "photographed")
    if pictured or "have" in place.words[place.next : place.next + 3]:
        return _PAST, used
    return _TIMETABLE, used


def _have(place: _Place) -> _Reading:
    """ "has sunk"; but "has to" and "has until", and "had been due to" with what follows."""
    after = place.after()
    is_past = place.word in ("had", "hadn't")
    if after == "until" or (after == "to" and not is_past):
        return _FUTURE, place.up_to_next
    if is_past or after == "been" or _is_past(after):
        unmet = place.word == "had" and place.after(after == "been") in _READY | _UNMET
        return _PAST, place.up_to_next + (after == "been") + 2 * unmet
    return None, 1


def _to(place: _Place) -> _Reading:
    """ "agreed to meet", "a plan to close"; an infinitive without such a word tells nothing."""
    after = place.after()
    if after == "have":
        return _TO_HAVE_DONE, place.up_to_next + 1
    if after in _DETERMINERS or after in ("", "on", "him", "them", "it", "reporters"):
        return None, 1
    if any(word in _INTENT for word in place.words[max(0, place.at - _INTENT_REACH) : place.at]):
        return _TO_DO, place.up_to_next + (after == "be")
    return None, place.up_to_next


def _is_past(word: str) -> bool:
    return word in _IRREGULAR or (word.endswith("ed") and len(word) > 3 and word not in _NO_PAST)
