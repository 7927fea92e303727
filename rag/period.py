"""What a question says about which evidence counts: "as of 1 December 2023"."""

import re
from dataclasses import dataclass
from datetime import date

from rag.temporal import when_begins

_AS_OF = re.compile(r"\bas (?:of|at)\s+(?=\S)", re.I)
_NOW = re.compile(r"(?:right )?now\b", re.I)


@dataclass(frozen=True)
class Asked:
    """A question without the words that restrict its evidence, and the day they name.

    `as_of` is None where it has none; `question` is then as it was asked.
    """

    question: str
    as_of: date | None


def period_of(question: str, today: date) -> Asked:
    """The question without "as of DATE", and the last day of what DATE means as seen from today.

    Only "as of" restricts the evidence: other dates are what is asked about. A date that cannot
    be read, or that is all there is, stays in the question.
    """
    for m in _AS_OF.finditer(question):
        now = _NOW.match(question, m.end())
        end, day = (now.end(), today) if now else _last_day(question, m.end(), today)
        if day is None:
            continue
        left = _without(question, m.start(), end)
        if re.search(r"\w", left):
            return Asked(left, day)
    return Asked(question, None)


def _last_day(question: str, start: int, today: date) -> tuple[int, date | None]:
    """(where the words of time that begin at `start` end, the last day they mean)."""
    found = when_begins(question, start, today)
    if found is None or found.days is None:
        return start, None
    return found.end, found.days.end


def _without(question: str, start: int, end: int) -> str:
    """The question without question[start:end], tidied: no dangling comma, a capital first."""
    before, after = question[:start].rstrip(), question[end:].lstrip()
    if before.endswith("(") and after.startswith(")"):
        before, after = before[:-1].rstrip(), after[1:].lstrip()
    for mark in (",", "–", "—", ":"):
        if after.startswith(mark) and (not before or before.endswith(mark)):
            after = after[1:].lstrip()
    if before.endswith((",", "–", "—")):
        before = before[:-1].rstrip()
    joint = "" if not before or not after or after[0] in ",.;:?!)" else " "
    tidied = before + joint + after
    if not before and question[start].isupper():
        tidied = tidied[:1].upper() + tidied[1:]
    return tidied
