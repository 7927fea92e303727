"""What an evaluation writes: the JSON of a run, and reading it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, NotRequired

# pydantic cannot check the TypedDict of Python 3.11's own typing.
from typing_extensions import TypedDict

from eval.gold import read_text
from rag.errors import InputError

Mode = Literal["end-to-end", "reader", "retrieval"]
Figures = dict[str, float | None]  # shares and scores 0..1; "questions" is a count
Interval = list[float]  # [low, high]


class Prediction(TypedDict):
    """One question and what became of it; what the mode cannot judge is None.

    `prediction` is the answer given, `candidate` the best one whether given or not. `gold_rank`
    is the place, counted from 1, of the first gold article among `retrieved`.
    `independent_sources`, `disputed` and `when`, as gold writes it, are what the best candidate
    says of itself.
    """

    id: str
    question: str
    kind: str | None
    answers: list[str]
    prediction: str | None
    candidate: str | None
    confidence: float | None
    exact_match: float | None
    f1: float | None
    forced_f1: float | None
    docs: list[str]
    retrieved: list[str]
    gold_rank: NotRequired[int | None]
    cited: list[str]
    independent_sources: NotRequired[int | None]
    disputed: NotRequired[bool | None]
    when: NotRequired[str | None]
    blame: str | None
    latency_ms: float | None
    error: str | None


class Change(TypedDict):
    """A question that came out differently. "old" and "new" are what was said, or not given."""

    id: str
    question: str
    answers: list[str]
    old: str
    new: str
    measure: str
    difference: float


class Difference(TypedDict):
    """One measure over the questions that both runs judge: new less old."""

    questions: int
    old: float
    new: float
    difference: float
    interval_95: Interval
    won: int
    lost: int
    tied: int


class Comparison(TypedDict):
    """A run against an older one, paired by question id.

    `only_old` and `only_new` count the questions that have no pair; `gold_changed` those whose
    gold answers differ, where a difference may lie in the gold.
    """

    against: str
    questions: int
    only_old: int
    only_new: int
    gold_changed: int
    measures: dict[str, Difference]
    changed: list[Change]


class Run(TypedDict):
    """A whole evaluation. None is what the mode or the gold gives nothing to reckon from.

    `without` names the abilities that were switched off.
    """

    mode: Mode
    gold: NotRequired[str]
    without: NotRequired[list[str]]
    models: NotRequired[dict[str, str | None]]
    questions: int
    exact_match: float | None
    f1: float | None
    answerable: dict[str, int | float | None]
    unanswerable: dict[str, int | float | None]
    forced: Figures
    retrieval: Figures
    citations: Figures
    when: dict[str, int | float | None]
    independent_sources: NotRequired[dict[str, int | float | None]]
    disputed: NotRequired[dict[str, int | float | None]]
    calibration: Figures
    blame: dict[str, int]
    latency_ms: Figures
    intervals_95: dict[str, Interval | None]
    comparison: NotRequired[Comparison]
    predictions: list[Prediction]


def load_run(path: str | Path) -> Run:
    """The run saved in a file. Raises InputError for a file that is none."""
    expected = "what 'dateline eval --json' writes"
    run = parse_run(read_text(path, expected), str(path))
    if run is None:
        raise InputError(f"{path}: not a run; expected {expected}")
    return run


def parse_run(text: str, name: str) -> Run | None:
    """The run that `text` holds, None when it is no run at all but, for example, gold.

    Raises InputError when it is one and damaged; `name` is what to call it there.
    """
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or "predictions" not in whole:
        return None
    from pydantic import TypeAdapter, ValidationError

    try:
        run = TypeAdapter(Run).validate_python(whole, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{name}: a damaged run ({field}: {first['msg']}); expected what"
            " 'dateline eval --json' writes"
        ) from error
    if len(run["predictions"]) != run["questions"]:
        raise InputError(
            f"{name}: a damaged run ({run['questions']} questions, but"
            f" {len(run['predictions'])} predictions); expected one for each"
        )
    return run
