"""Fit what a reader's scores are worth: on gold questions, read once and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from eval.gold import Gold, Question
from eval.metrics import auroc, exact_match, expected_calibration_error, f1, mean
from eval.outcome import is_relevant
from rag.answers import Candidate, rank_candidates
from rag.confidence import Calibration, Features
from rag.errors import InputError
from rag.types import Article, Hit, Passage, Span

if TYPE_CHECKING:
    from rag.engine import Dateline

RETRIEVAL_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)  # times the present one
RELEVANCE_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
_FOLDS = 5
_FEWEST = 50


@dataclass(frozen=True)
class Case:
    """A question with all that was read for it; no `answers` where it should stay unanswered."""

    question: str
    answers: tuple[str, ...]
    hits: tuple[Hit, ...]
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Fit:
    """A calibration, and how good it is on questions left out of fitting it (5 folds)."""

    calibration: Calibration
    questions: int
    forced_f1: float
    ece: float
    auroc: float | None


def read_cases(engine: Dateline, gold: Gold, on_progress: Callable[[int, int], None]) -> list[Case]:
    """Every question read in its gold articles and in the whole collection.

    The second is done again with the gold articles taken away: a question that its collection
    does not answer, of the kind that a user asks. Without articles of its own, a question is
    asked of the collection alone.
    """
    own = {article.id: article for article in gold.articles}
    cases = []
    for done, question in enumerate(gold.questions, start=1):
        cases += _read(engine, question, own)
        on_progress(done, len(gold.questions))
    return cases


def _read(engine: Dateline, question: Question, own: dict[str, Article]) -> list[Case]:
    text, docs = question.question, question.docs
    found = [own[d] for d in docs if d in own] if own else engine.find_articles(docs)
    whole = [Hit(Passage(article, 0, len(article.text)), 0.0) for article in found]
    near = engine.search(text, limit=3 * engine.top_k)
    far = [hit for hit in near if not is_relevant(hit.passage.article, docs)]
    ways = [
        (whole, question.answers),
        (near[: engine.top_k], question.answers),
        (far[: engine.top_k], ()),
    ]
    cases = []
    for hits, answers in ways if docs else ways[1:2]:
        if hits:
            spans = engine.reader.read(text, [hit.passage for hit in hits])
            cases.append(Case(text, answers, tuple(hits), tuple(spans)))
    return cases


def fit(cases: Sequence[Case], start: Calibration) -> Fit:
    """The calibration that suits the cases, from `start` on. Raises InputError for too few.

    How candidates are ranked comes first: the weights of relevance and of retrieval that give
    the best F1 on answerable cases. Then the probability that the best candidate matches exactly
    is fitted by logistic regression (as Kamath et al., 2020, fit theirs on held-out questions of
    the domain). The threshold is the one with the highest mean F1 over all cases, where an
    unanswerable one counts 1 if nothing is given.
    """
    answerable = [case for case in cases if case.answers]
    if len(answerable) < _FEWEST or len(answerable) == len(cases):
        raise InputError(
            f"{len(answerable)} answerable and {len(cases) - len(answerable)} unanswerable "
            f"questions were read: at least {_FEWEST} and 1 are needed"
        )
    ways = [replace(start, relevance_weight=weight) for weight in RELEVANCE_WEIGHTS]
    ranked = max(ways, key=lambda way: _forced_f1(answerable, way))
    weights = [start.retrieval_weight * times for times in RETRIEVAL_WEIGHTS]
    ways = [replace(ranked, retrieval_weight=weight) for weight in weights]
    ranked = max(ways, key=lambda way: _forced_f1(answerable, way))
    best = [_best(case, ranked) for case in cases]
    right = [_right(case, candidate) for case, candidate in zip(cases, best, strict=True)]
    model = LogisticRegression(max_iter=1000)
    rows, labels = _rows(best), np.array(right)
    ranked = replace(ranked, scale=_scale(rows, labels))
    best = [_best(case, ranked) for case in cases]  # odds of stories add up with that scale
    rows = _rows(best)
    held_out = cross_val_predict(model, rows, labels, cv=_FOLDS, method="predict_proba")[:, 1]
    model.fit(rows, labels)
    fitted = replace(
        ranked,
        weights=Features(*(float(w) for w in model.coef_[0])),
        bias=float(model.intercept_[0]),
    )
    return Fit(
        calibration=replace(fitted, threshold=_threshold(cases, best, fitted)),
        questions=len(cases),
        forced_f1=_forced_f1(answerable, fitted),
        ece=expected_calibration_error(list(held_out), right) or 0.0,
        auroc=auroc(list(held_out), [bool(case.answers) for case in cases]),
    )


def _best(case: Case, calibration: Calibration) -> Candidate | None:
    ranked = rank_candidates(case.spans, case.hits, calibration)
    return ranked[0] if ranked else None


def _forced_f1(cases: Sequence[Case], calibration: Calibration) -> float:
    best = [(case, _best(case, calibration)) for case in cases]
    return mean([f1(c.text if c else "", case.answers) for case, c in best]) or 0.0


def _right(case: Case, candidate: Candidate | None) -> int:
    """1 where the candidate is one of the answers; where there is none, nothing is right."""
    return int(bool(case.answers and candidate and exact_match(candidate.text, case.answers)))


def _rows(best: Sequence[Candidate | None]) -> NDArray[np.float64]:
    """(cases, features); a case without a candidate has the features of a hopeless one."""
    hopeless = Features(score=-20.0)
    return np.array([astuple(c.features if c is not None else hopeless) for c in best])


def _scale(rows: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """How steeply the odds rise with the score alone; always up."""
    return max(0.01, float(LogisticRegression().fit(rows[:, :1], labels).coef_[0, 0]))


def _threshold(
    cases: Sequence[Case], best: Sequence[Candidate | None], calibration: Calibration
) -> float:
    """The least confidence at which giving the answer pays, over all cases."""
    sure, gains = [], []
    for case, candidate in zip(cases, best, strict=True):
        if candidate is not None:
            sure.append(calibration.confidence(candidate.features))
            # Giving it adds the F1 of a right answer, or loses the 1 of a silence that was right.
            gains.append(f1(candidate.text, case.answers) if case.answers else -1.0)
    order = np.argsort(sure)[::-1]
    total = np.cumsum(np.array(gains)[order])
    return round(float(np.array(sure)[order][int(np.argmax(total))]), 3)
