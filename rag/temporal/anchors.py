"""What "two days later" counts from: the other times that the sentence names."""

import re
from collections.abc import Iterator
from dataclasses import replace

from rag.temporal.expressions import Context, Timex
from rag.temporal.timex import parse

WORD_START = re.compile(r"(?<![\w'])'?[A-Za-z0-9]")
_REPORTING = re.compile(
    r"\b(?:said|says|told [\w ]+?|announced|reported|added|confirmed|wrote)"
    r"(?: (?:late|early|on|in|at|a|the|statement|interview))*\s*$",
    re.I,
)


def timexes(ctx: Context, start: int, end: int) -> Iterator[Timex]:
    """The expressions of time that begin in sentence[start:end], none within another."""
    at = start
    while at < end and (m := WORD_START.search(ctx.sentence, at, end)):
        found = parse(ctx, m.start())
        if found is None:
            at = m.end()
            while at < end and (ctx.sentence[at].isalnum() or ctx.sentence[at] == "'"):
                at += 1
        else:
            if found.days is not None:
                yield found
            at = max(found.end, m.end())


def anchor(ctx: Context, start: int, end: int, ahead: bool) -> Timex | None:
    """The time in the sentence that sentence[start:end] counts from.

    The nearest before it, or else the first after it; with `ahead`, only after it. The day on
    which somebody said so is none.
    """
    plain = replace(ctx, counted=True, limit=len(ctx.sentence))
    if not ahead:
        nearer = replace(plain, limit=start)
        before = [t for t in timexes(nearer, 0, start) if t.end <= start and not _reported(ctx, t)]
        if before:
            return before[-1]
    return next((t for t in timexes(plain, end, len(ctx.sentence)) if not _reported(ctx, t)), None)


def _reported(ctx: Context, found: Timex) -> bool:
    return _REPORTING.search(ctx.sentence, max(0, found.start - 50), found.start) is not None
