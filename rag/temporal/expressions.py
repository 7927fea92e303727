"""What an expression of time is, and what it is read against."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from rag.temporal.days import Grain, Which, occurrence
from rag.temporal.tense import sense_at
from rag.temporal.verbs import Sense
from rag.temporal.words import YEAR
from rag.types import Interval


@dataclass(frozen=True)
class Timex:
    """sentence[start:end], an expression of time, and its days; None if they cannot be known."""

    start: int
    end: int
    days: Interval | None
    grain: Grain


Meaning = tuple[Interval | None, Grain]
Match = re.Match[str]


@dataclass(frozen=True)
class Context:
    """What an expression is read against.

    `today` is the day the article speaks of as today. `sense` overrules what the sentence tells.
    `anchor(start, end, ahead)` finds the time that "two days later" counts from; with `ahead`
    only after the expression. Only text before `limit` may make an expression a range. `weekday`
    is one that a date without year has to fall on. `counted` says that what counts from another
    time stays open, `depth` how many expressions this one stands in.
    """

    sentence: str
    today: date | None
    limit: int
    sense: Sense | None = None
    anchor: Callable[[int, int, bool], Timex | None] = field(default=lambda *_: None)
    weekday: int | None = None
    counted: bool = False
    depth: int = 0

    def which(self, m: Match, month: bool = False) -> Which:
        """How the sentence sees the expression."""
        sense = self.sense
        if sense is None:
            sense = sense_at(self.sentence, m.start(), m.end(), month)
        return "past" if sense < 0 else "future" if sense > 0 else "near"

    def counted_from(self, m: Match) -> Interval | None:
        """The days that the expression counts from, None if the sentence does not tell."""
        base = self.anchor(m.start(), m.end(), False)
        return None if base is None else base.days


WHICH: dict[str, Which] = {
    **dict.fromkeys(("last", "past", "this past", "the past", "this last"), "last"),
    **dict.fromkeys(("this", "current", "the current"), "this"),
    **dict.fromkeys(("next", "coming", "upcoming", "this coming", "the coming"), "next"),
}
ANCHORED = {
    **dict.fromkeys(("previous", "preceding"), -1),
    **dict.fromkeys(("same", "very same", "that", "that same", "that very"), 0),
    **dict.fromkeys(("next", "following", "subsequent"), 1),
}
# A period from the one that counts as "this".
STEPS: dict[str, int] = {"last": -1, "this": 0, "next": 1}
TOWARDS: dict[int, Which] = {-1: "last", 0: "this", 1: "next"}
_DEICTIC = (
    r"(?P<which>(?:this |the )?(?:past|coming)|this last|last|this|(?:the )?current|next|upcoming)"
)
_RELATIVE = (
    r"(?P<relative>the (?:previous|preceding|same|very same|next|following|subsequent)"
    r"|that (?:same |very )?|(?:previous|preceding|following))"
)
DIRECTED = rf"(?:(?:{_DEICTIC}|{_RELATIVE}) ?)"
OF_YEAR = (
    rf"(?:,?[ -](?:of |in )?(?:{YEAR}"
    r"|(?P<yearly>last|this|next|that|the (?:same|following|previous)) year))"
)
OF_MONTH = r"(?: of (?P<monthly>last|this|next|that|the(?: (?:same|following|previous))?) month)"
_DATELINE = re.compile(r"[A-Z][A-Z .-]+,\s*$")


def relative_step(m: Match) -> int | None:
    """-1 for "the previous", 0 for "the same", 1 for "the following", which need an anchor."""
    text = m.groupdict().get("relative")
    return None if text is None else ANCHORED[text.lower().removeprefix("the ").strip()]


def _named_year(m: Match, ctx: Context) -> int | None:
    """The year that an expression names, if it does; ValueError if it cannot be known."""
    groups = m.groupdict()
    if groups.get("year") is not None:
        return int(groups["year"])
    if groups.get("yearly") is None:
        return None
    named = groups["yearly"].lower().removeprefix("the ")
    if named in STEPS:
        day, step = ctx.today, STEPS[named]
    else:
        base = ctx.counted_from(m)
        day, step = None if base is None else base.start, ANCHORED[named]
    if day is None:
        raise ValueError("the year cannot be known")
    return day.year + step


def yearly(m: Match, ctx: Context, of_year: Callable[[int], Interval], grain: Grain) -> Meaning:
    """What comes once a year, in the year that is named or fits the sentence."""
    year = _named_year(m, ctx)
    if year is not None:
        return of_year(year), grain
    if (step := relative_step(m)) is not None:
        base = ctx.counted_from(m)
        if base is None:
            return None, grain
        return occurrence(of_year, base.start, TOWARDS[step]), grain
    if ctx.today is None:
        return None, grain
    if said := m.groupdict().get("which"):
        which = WHICH[said.lower()]
        if which == "this" and grain == "season":
            which = ctx.which(m, True)
        return occurrence(of_year, ctx.today, which), grain
    if ctx.weekday is not None:
        near = occurrence(lambda year: _on_weekday(of_year(year), ctx.weekday), ctx.today, "near")
        if near is not None and abs(near.start - ctx.today) < timedelta(days=366):
            return near, grain
    if _DATELINE.match(ctx.sentence[: m.start()]):
        return occurrence(of_year, ctx.today, "near"), grain
    return occurrence(of_year, ctx.today, ctx.which(m, grain != "day")), grain


def _on_weekday(days: Interval, number: int | None) -> Interval:
    if days.start.weekday() != number:
        raise ValueError("another day of the week")
    return days
