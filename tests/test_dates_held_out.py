"""Dates in sentences written without sight of `rag.temporal`, which is not to be fitted to them."""

import json
from datetime import date
from pathlib import Path

from rag.temporal import when_of

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("dates_held_out.jsonl").read_text("utf-8").splitlines()
]


def days(text: str, words: str, nth: int, published: str) -> str | None:
    """What the words mean where they stand for the nth time, as the cases write it."""
    start = -1
    for _ in range(nth + 1):
        start = text.index(words, start + 1)
    when = when_of(text, start, start + len(words), date.fromisoformat(published))
    if when is None:
        return None
    return str(when.start) if when.start == when.end else f"{when.start}/{when.end}"


def test_more_than_95_in_100_dates_are_right() -> None:
    wrong = [
        case
        for case in CASES
        if days(case["text"], case["words"], case["nth"], case["published"]) != case["expected"]
    ]
    assert len(CASES) == 160
    assert len(wrong) < 0.05 * len(CASES), wrong
