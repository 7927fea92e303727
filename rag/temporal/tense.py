"""Whether what a sentence says of a day lies behind or ahead, told by its verbs.

No grammar is parsed: words are looked up, and the verb that governs an expression of time is the
nearest before it in its clause, or else the nearest after it. That is enough for "said on Tuesday
that it would reopen on Friday".
"""

import re

from rag.temporal.verbs import Sense, find_cues
from rag.temporal.words import DAY_OF_WEEK

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
    rf"|(?!(?i:{DAY_OF_WEEK}))[A-Z]\w*)\b)"
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
# "pledged to help during their last meeting in August": that it was the last is what tells.
_PAST_EVENT = re.compile(
    r"\b(?:his|her|their|its|the|our|my)\s+(?:last|latest|previous|earlier|most recent)\s+"
    r"(?:\w+\s+)?(?:meetings?|talks|visits?|trips?|summits?|speech|calls?|conversations?|sessions?"
    r"|encounters?|interviews?|round)\b"
)
_LEAD = re.compile(r"(?:\b([a-z]+)\s+)?\b([a-z]+)\s+(?:the\s+)?$")


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
    if _PAST_EVENT.search(sentence, first, start):
        return -1
    cues = find_cues(sentence)
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
