"""Whether what a sentence says of a day lies behind or ahead, told by its verbs.

No grammar is parsed: words are looked up, and the verb that governs an expression of time is the
nearest before it in its clause, or else the nearest after it. That is enough for "said on Tuesday
that it would reopen on Friday".
"""

import re
from dataclasses import dataclass
from typing import Literal

Sense = Literal[-1, 0, 1]
"""-1 the past, 1 the future, 0 the words do not tell."""

_WORD = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|'ll\b")
_BOUNDARY = re.compile(
    r"[;:,()\"“”—–]|\s-\s|\b(?:that|which|who|whom|whose|when|where|while|because|after|before|as|if"
    r"|although|though|whether|but|and|or|than|since|until)\b"
)
# "said the talks on Tuesday would ...": what is said begins a clause of its own, but not in
# '"...", said the minister on Tuesday'.
_REPORTED = re.compile(
    r"(?<![,\"”'] )\b(?:said|says|say|announced|confirmed|believes?|thinks?|warned|insisted|added"
    r"|claimed|reported|estimated|stated|argued|explained|predicted|suggested|hopes?)\s+"
    r"(?=(?:the|a|an|it|he|she|they|we|its|his|her|their|this|these|those|there|no|some|all"
    r"|(?!(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)[A-Z])\b)"
)


_MODALS = frozenset(
    """
    will would shall won't wouldn't 'll may might can can't could couldn't should must ought
    """.split()
)
_BE = frozenset("is are am was were isn't aren't wasn't weren't".split())
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
_RESCHEDULED = re.compile(
    r"\b(?:call(?:s|ed)?|set|fix(?:es|ed)|schedul\w+|book(?:s|ed)|summon(?:s|ed)|invit\w+"
    r"|adjourn\w*|postpone\w*|delay(?:s|ed)?|defer(?:s|red)|reschedul\w+|move[ds]?|announced"
    r"|propose[ds]|brought|push(?:es|ed)|put|convene[ds]|plan(?:s|ned)?|due|slated|shifted)\b"
)
_DEMANDED = re.compile(
    r"\b(?:want(?:s|ed)|demand(?:s|ed)?|order(?:s|ed)|told|ask(?:s|ed)|must|need(?:s|ed)?|g[ai]ven?"
    r"|deadline|pledge[ds]?|sought|seeks?|require[ds]|call(?:s|ed)|hope[ds]?|promise[ds]?)\b"
)
_LASTED = re.compile(r"\b(?:not|n't|never|lasted|ran|waited|continued|stayed|kept|worked|lived)\b")
_SET = re.compile(
    r"\b(?:set|fix(?:es|ed)|chose|picked|proposed|named|booked|reserved|scheduled)\s+(?:the\s+)?$"
)
_LEAD = re.compile(r"(?:\b([a-z]+)\s+)?\b([a-z]+)\s+(?:the\s+)?$")


@dataclass(frozen=True)
class _Cue:
    """A verb, or a word that tells the same. An infinitive governs only what follows it; the
    present is believed when nothing stronger stands in the clause."""

    start: int
    sense: Sense
    kind: Literal["finite", "infinitive", "present"]


def sense_at(sentence: str, start: int, end: int, month: bool = False) -> Sense:
    """Whether sentence[start:end], an expression of time, lies behind or ahead.

    `month` says that it names no day: "figures for March" are no plan.
    """
    bounds = [0, *sorted({m.end() for p in (_BOUNDARY, _REPORTED) for m in p.finditer(sentence)})]
    ours = max(i for i, bound in enumerate(bounds) if bound <= start)
    first = bounds[ours]
    last = next((bound for bound in bounds if bound >= end), len(sentence))
    if (told := _told_by_preposition(sentence, start, bounds, month)) is not None:
        return told
    cues = _cues(sentence)
    before = [c for c in cues if first <= c.start < start and c.kind != "present"]
    after = [c for c in cues if end <= c.start < last and c.kind == "finite"]
    present = [c for c in cues if first <= c.start < last and c.kind == "present"]
    if found := before[-1:] or after[:1] or present[:1]:
        return found[0].sense
    earlier = [c for c in cues if c.start < first and c.kind != "present"]
    later = [c for c in cues if c.start >= last and c.kind == "finite"]
    # "said that, on Tuesday, work will begin": what comes is what is meant.
    if re.search(r"\b(?:that|which|who|and|but)\s*,\s*\w*\s*$", sentence[:start]):
        earlier, later = later[:1], earlier
    if found := earlier[-1:] or later[:1]:
        return found[0].sense
    return next((c.sense for c in cues if c.kind == "present" and c.start < end), 0)


def _told_by_preposition(sentence: str, start: int, bounds: list[int], month: bool) -> Sense | None:
    """What the words right before the expression tell, whatever the verb."""
    lead = _LEAD.search(sentence, max(0, start - 24), start)
    if lead is None:
        return None
    two, one = lead.groups()
    clause = sentence[max((b for b in bounds if b <= lead.start(2) - 1), default=0) : start]
    told: Sense | None = None
    if one == "since":
        told = -1
    elif (two, one) in (("ahead", "of"), ("deadline", "of")):
        told = 1
    elif one in ("until", "till"):
        told = -1 if _LASTED.search(clause) else 1
    elif "had been" in clause:
        told = None
    elif (
        (one in ("for", "to") and _RESCHEDULED.search(clause))
        or (one == "for" and not month)
        or (one == "by" and _DEMANDED.search(clause))
        or (one == "from" and two == "effective")
        or _SET.search(sentence, 0, start)
    ):
        told = 1
    return told


def _cues(sentence: str) -> list[_Cue]:
    """The verbs of the sentence in order; an auxiliary and its verb are one."""
    found = list(_WORD.finditer(sentence))
    words = [m.group().lower() for m in found]
    cues: list[_Cue] = []
    i = 0
    while i < len(words):
        sense, kind, used = _cue(words, i, found[i].group())
        if kind is not None:
            cues.append(_Cue(found[i].start(), sense, kind))
        i += used
    return cues


def _cue(
    words: list[str], i: int, written: str
) -> tuple[Sense, Literal["finite", "infinitive", "present"] | None, int]:
    """(sense, kind, words used up) of the word at i; its kind is None if it tells nothing."""
    word = words[i]
    before = words[i - 1] if i else ""
    j = i + 1
    while j < len(words) and (words[j] in _ADVERBS or words[j].endswith("ly")):
        j += 1
    after = words[j] if j < len(words) else ""
    second = words[j + 1] if j + 1 < len(words) else ""
    used = j + 1 - i
    month = written == "May" and i > 0
    if word in _MODALS and not month and not (word == "will" and before in _DETERMINERS):
        if after == "have" and word not in ("will", "shall", "won't", "'ll"):
            return -1, "finite", used + 1
        if word == "couldn't" or (word == "could" and "not" in words[i + 1 : j]):
            return -1, "finite", used
        return 1, "finite", used + (after in ("be", "have"))
    if word in _BE:
        planned = after in _READY and (
            after != "set" or second in ("to", "for", "on") or second == ""
        )
        if word in ("was", "were", "wasn't", "weren't"):
            planned = planned and (after != "planned" or second in ("for", "to"))
        if planned or after == "to":
            k = j + (after != "to")
            if k + 1 < len(words) and words[k] == "to":
                if words[k + 1] == "have":
                    return -1, "finite", used + 3
                return 1, "finite", k + 2 - i + (words[k + 1] == "be")
            return 1, "finite", used
        if word in ("was", "were", "wasn't", "weren't"):
            return -1, "finite", used
        if after in ("seen", "pictured", "shown", "photographed") or "have" in words[j : j + 3]:
            return -1, "finite", used
        return 1, "present", used
    if word in ("has", "have", "had", "hasn't", "haven't", "hadn't"):
        if after == "until" or (after == "to" and word[:3] != "had"):
            return 1, "finite", used
        if word[:3] == "had" or _is_past(after) or after == "been":
            plan = words[j + (after == "been")] if j + 1 < len(words) else ""
            unmet = word == "had" and plan in _READY | _UNMET
            return -1, "finite", used + (after == "been") + 2 * unmet
        return 0, None, 1
    if word in ("did", "didn't"):
        return -1, "finite", used
    if word == "to":
        if after == "have":
            return -1, "infinitive", used + 1
        if after in _DETERMINERS or after in ("", "on", "him", "them", "it", "reporters"):
            return 0, None, 1
        if any(w in _INTENT for w in words[max(0, i - 9) : i]):
            return 1, "infinitive", used + (after == "be")
        return 0, None, used
    if word == "due":
        # "due to snow" gives a reason; "is due to open" was read with its auxiliary.
        return (
            (0, None, 1) if after == "to" and before not in ("", "originally") else (1, "finite", 1)
        )
    if word == "set" and after in ("for", "to"):
        return 1, "finite", 1
    if word in _AHEAD and not (word == "expected" and before in ("than", "as")):
        noun = word in ("hope", "want", "aim") or (
            word in ("plans", "eyes") and before in _DETERMINERS
        )
        return (0, None, 1) if noun else (1, "finite", 1)
    if _is_past(word) and written[0].islower() and before not in _DETERMINERS:
        return -1, "finite", 1
    if word in _TO_COME:
        return 1, "present", 1
    return 0, None, 1


def _is_past(word: str) -> bool:
    return word in _IRREGULAR or (word.endswith("ed") and len(word) > 3 and word not in _NO_PAST)
