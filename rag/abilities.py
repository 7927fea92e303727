"""What Dateline does beyond finding and reading: each can be switched off, to measure it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Self

from rag.errors import InputError


@dataclass(frozen=True)
class Abilities:
    """All are on, except where an evaluation asks what one of them is worth.

    stories: reprints and near-duplicates count as one source. merging: equal answers of several
    stories are one answer. conflict: different answers with comparable support are disputed.
    dates: temporal answers carry their days, and a day in the question restricts the evidence.
    names: spelling variants of a name find each other, and a name found nowhere makes an answer
    unlikely. questions: careless questions and "Who is X?" are understood. stopping: the best
    passages are read first, and the others only where the answer is not clear.
    """

    stories: bool = True
    merging: bool = True
    conflict: bool = True
    dates: bool = True
    names: bool = True
    questions: bool = True
    stopping: bool = True

    def without(self, names: Iterable[str]) -> Self:
        """These, with the named ones off. Raises InputError for a name that is none of them."""
        known = [field.name for field in fields(self)]
        off = list(names)
        for name in off:
            if name not in known:
                raise InputError(f"no ability {name!r}; expected one of: {', '.join(known)}")
        return replace(self, **dict.fromkeys(off, False))


ALL_ABILITIES = Abilities()
