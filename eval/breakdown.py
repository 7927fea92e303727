"""What a run's predictions show beyond its figures. All is derived: a saved run is enough."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval.metrics import RETRIEVAL_DEPTH, bootstrap_interval, exact_match, mean
from eval.records import Prediction

_QUESTION_WORDS = re.compile(r"\b(who|what|when|where|why|which|how (?:many|much))\b")
_FORMS = re.compile(r"\b(?:whom|whose)\b")


@dataclass(frozen=True)
class Group:
    """Questions of one kind. `f1` is their mean with its 95% interval, over all of them;
    `forced_f1` that of the best candidates, over the answerable ones."""

    name: str
    questions: int
    f1: float
    low: float
    high: float
    forced_f1: float | None


@dataclass(frozen=True)
class Sure:
    """How sure the engine was of its best candidates (0..1), and whether they were right."""

    confidences: list[float]
    right: list[float]


@dataclass(frozen=True)
class Recall:
    """Share of the questions with a gold article among the first k, with its 95% interval."""

    k: int
    share: float
    low: float
    high: float


def question_word(question: str) -> str:
    """who, what, when, where, why, which, how many (or much), or other: the first that stands.

    Anywhere, because news is asked about "In what year"; whom and whose are who.
    """
    found = _QUESTION_WORDS.search(_FORMS.sub("who", question.lower()))
    return "other" if found is None else found[1].replace("how much", "how many")


def groups(
    predictions: Sequence[Prediction], of: Callable[[Prediction], str | None]
) -> list[Group]:
    """The questions grouped by what `of` says, the largest group first; None is left out."""
    members: dict[str, list[Prediction]] = {}
    for prediction in predictions:
        name = of(prediction)
        if name is not None and prediction["f1"] is not None:
            members.setdefault(name, []).append(prediction)
    found = [_group(name, some) for name, some in members.items()]
    return sorted(found, key=lambda group: (-group.questions, group.name))


def _group(name: str, members: Sequence[Prediction]) -> Group:
    scores = [p["f1"] for p in members if p["f1"] is not None]
    forced = [p["forced_f1"] for p in members if p["forced_f1"] is not None]
    low, high = bootstrap_interval(scores) or (0.0, 0.0)
    return Group(name, len(members), mean(scores) or 0.0, low, high, mean(forced))


def sure(predictions: Sequence[Prediction], answerable: bool) -> Sure:
    """Of the answerable questions, or of all, where no candidate for an unanswerable one is
    right: what "ece" and "aurc", "ece_all" and "aurc_all" are reckoned from."""
    judged = [
        (p["confidence"], _candidate_right(p))
        for p in predictions
        if p["confidence"] is not None and (p["answers"] or not answerable)
    ]
    return Sure([confidence for confidence, _ in judged], [right for _, right in judged])


def _candidate_right(prediction: Prediction) -> float:
    candidate = prediction["candidate"]
    if candidate is None or not prediction["answers"]:
        return 0.0
    return exact_match(candidate, prediction["answers"])


def operating_point(
    predictions: Sequence[Prediction], answerable: bool
) -> tuple[float, float] | None:
    """(coverage, risk) of what was given; None when nothing was, or nothing was asked."""
    judged = [
        p for p in predictions if p["confidence"] is not None and (p["answers"] or not answerable)
    ]
    given = [p for p in judged if p["prediction"] is not None]
    right = mean([_candidate_right(p) for p in given])
    return None if right is None else (len(given) / len(judged), 1.0 - right)


def recall_curve(predictions: Sequence[Prediction]) -> list[Recall]:
    """For k = 1..10; empty where no retrieval was judged or the run is too old to tell."""
    ranks = [p["gold_rank"] for p in predictions if p["answers"] and p["docs"] and "gold_rank" in p]
    if not ranks:
        return []
    curve = []
    for k in range(1, RETRIEVAL_DEPTH + 1):
        found = [float(rank is not None and rank <= k) for rank in ranks]
        low, high = bootstrap_interval(found) or (0.0, 0.0)
        curve.append(Recall(k, mean(found) or 0.0, low, high))
    return curve
