"""Fit what a reader's scores are worth: on gold questions, read once and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict

from eval.gold import Gold, Question
from eval.metrics import auroc, exact_match, expected_calibration_error, f1, mean
from eval.outcome import holds, is_relevant
from rag.candidates import Candidate, rank_candidates
from rag.confidence import Calibration, lead
from rag.errors import InputError
from rag.stories import group_stories
from rag.types import Article, Hit, Passage, Span, Stories
from rag.wordings import count_words

if TYPE_CHECKING:
    from rag.engine import Dateline

RELEVANCE_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
RETRIEVAL_WEIGHTS = (0.0, 2.5, 5.0, 10.0, 15.0, 20.0, 40.0)
# Readings without an answer are there to be told from the others. Counted whole they would be
# most of what is read, and every answer would seem too unlikely.
_UNANSWERABLE_WEIGHT = 1 / 3
_FOLDS = 5
_FEWEST = 50


@dataclass(frozen=True)
class Case:
    """One reading of a question: what was read, and the spans found in it.

    `id` is the question's; `answers` are none where it should stay unanswered.
    """

    id: str
    question: str
    answers: tuple[str, ...]
    hits: tuple[Hit, ...]
    spans: tuple[Span, ...]

    @cached_property
    def stories(self) -> Stories:
        """Article id -> its story, of what was read."""
        return group_stories(hit.passage.article for hit in self.hits)

    def ranked(self, calibration: Calibration) -> list[Candidate]:
        """The candidates, ranked so, the best first."""
        return rank_candidates(self.spans, self.hits, self.stories, calibration)


@dataclass(frozen=True)
class Judged:
    """A reading's best candidate, its lead over the others, and whether it is right."""

    case: Case
    candidate: Candidate
    lead: float
    right: bool

    @property
    def weight(self) -> float:
        """How much the reading counts."""
        return 1.0 if self.case.answers else _UNANSWERABLE_WEIGHT

    @property
    def gain(self) -> float:
        """What giving the answer changes: its F1, or the 1 of a silence that was right lost."""
        return f1(self.candidate.text, self.case.answers) if self.case.answers else -1.0


@dataclass(frozen=True)
class Fit:
    """A calibration and how good it is.

    `forced_f1` is over the readings that have an answer, the weights chosen on the same. `ece`
    and `auroc` are of a fit on four fifths of the questions, judged on the last, in turn.
    """

    calibration: Calibration
    readings: int
    forced_f1: float
    ece: float
    auroc: float | None


def read_cases(engine: Dateline, gold: Gold, on_progress: Callable[[int], None]) -> list[Case]:
    """Every question read in its first gold article and in the whole collection.

    The second is done again without the gold articles and whatever else holds an answer: a
    question that its collection does not answer, of the kind that a user asks. A question that
    names no article is asked of the collection alone. `on_progress` is told how many are done.
    """
    own = {article.id: article for article in gold.articles}
    cases = []
    for done, question in enumerate(gold.questions, start=1):
        cases += _read(engine, question, own)
        on_progress(done)
    return cases


def _read(engine: Dateline, question: Question, own: dict[str, Article]) -> list[Case]:
    text, docs = question.question, question.docs
    found = [own[d] for d in docs if d in own] if own else engine.find_articles(docs)
    whole = [Hit(Passage(article, 0, len(article.text)), 0.0) for article in found[:1]]
    try:
        near = engine.search(text, limit=3 * engine.top_k)
    except InputError:  # a question that nobody can ask teaches nothing
        return []
    far = [
        hit
        for hit in near
        if not is_relevant(hit.passage.article, docs)
        and not any(holds(hit.passage.text, answer) for answer in question.answers)
    ]
    ways = [
        (whole, question.answers),
        (near[: engine.top_k], question.answers),
        (far[: engine.top_k], ()),
    ]
    cases = []
    for hits, answers in ways if docs else ways[1:2]:
        if hits:
            if hits is whole:
                spans = engine.reading.of_articles(text, found[:1])
            else:
                spans = engine.reading.of_passages(text, [hit.passage for hit in hits])
            cases.append(Case(question.id, text, answers, tuple(hits), tuple(spans)))
    return cases


def fit(cases: Sequence[Case], start: Calibration) -> Fit:
    """The calibration that suits the cases. Raises InputError for too few.

    How candidates are ranked comes first: the weights of relevance and of retrieval that give
    the best F1 on answerable cases. Then the probability that the best candidate matches exactly
    is fitted by logistic regression (as Kamath et al., 2020, fit theirs on held-out questions of
    the domain). The threshold is that point of the risk-coverage curve with the highest mean F1
    over all cases, where an unanswerable one is right if nothing is given.
    """
    answerable = [case for case in cases if case.answers]
    if len(answerable) < _FEWEST or len(answerable) == len(cases):
        raise InputError(
            f"{len(answerable)} readings that should find an answer and "
            f"{len(cases) - len(answerable)} that should not: at least {_FEWEST} and 1 are "
            "needed. Give more gold, and see that its 'docs' are in the collection"
        )
    ways = [replace(start, relevance_weight=weight) for weight in RELEVANCE_WEIGHTS]
    ranked = max(ways, key=lambda way: _forced_f1(answerable, way))
    ways = [replace(ranked, retrieval_weight=weight) for weight in RETRIEVAL_WEIGHTS]
    ranked = max(ways, key=lambda way: _forced_f1(answerable, way))
    judged = _judge(cases, ranked)
    if min(sum(j.right for j in judged), sum(not j.right for j in judged)) < _FOLDS:
        raise InputError(
            f"of {len(judged)} readings {sum(j.right for j in judged)} were answered right: at "
            f"least {_FOLDS} right and {_FOLDS} wrong ones are needed"
        )
    fitted = _regress(judged, ranked)
    held_out = _held_out(judged)
    return Fit(
        calibration=replace(fitted, threshold=_threshold(judged, fitted)),
        readings=len(cases),
        forced_f1=_forced_f1(answerable, fitted),
        ece=expected_calibration_error(held_out, [j.right for j in judged]) or 0.0,
        auroc=auroc(held_out, [bool(j.case.answers) for j in judged]),
    )


def _forced_f1(cases: Sequence[Case], calibration: Calibration) -> float:
    best = [(case, case.ranked(calibration)[:1]) for case in cases]
    return mean([f1(c[0].text if c else "", case.answers) for case, c in best]) or 0.0


def _judge(cases: Sequence[Case], calibration: Calibration) -> list[Judged]:
    """The cases that have a candidate: of the others no confidence is ever asked."""
    judged = []
    for case in cases:
        ranked = case.ranked(calibration)
        if ranked:
            best, *others = ranked
            ahead = lead(best.score, (other.score for other in others))
            right = bool(case.answers) and exact_match(best.text, case.answers) == 1.0
            judged.append(Judged(case, best, ahead, right))
    return judged


def _arrays(
    judged: Sequence[Judged],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Score, lead and log length of the question (n, 3), whether right (n,), weights (n,)."""
    rows = [(j.candidate.score, j.lead, np.log1p(count_words(j.case.question))) for j in judged]
    return (
        np.array(rows),
        np.array([int(j.right) for j in judged]),
        np.array([j.weight for j in judged]),
    )


def _regress(judged: Sequence[Judged], ranked: Calibration) -> Calibration:
    """The calibration with the weights of a logistic regression; more score or lead is better."""
    rows, right, weights = _arrays(judged)
    model = LogisticRegression(max_iter=1000).fit(rows, right, sample_weight=weights)
    if model.coef_[0, 1] < 0:
        rows[:, 1] = 0.0
        model = LogisticRegression(max_iter=1000).fit(rows, right, sample_weight=weights)
    return replace(
        ranked,
        scale=max(0.01, float(model.coef_[0, 0])),
        lead_weight=float(model.coef_[0, 1]),
        length_weight=float(model.coef_[0, 2]),
        bias=float(model.intercept_[0]),
    )


def _held_out(judged: Sequence[Judged]) -> list[float]:
    """The probability of each by a fit that has not seen its question."""
    rows, right, weights = _arrays(judged)
    probabilities = cross_val_predict(
        LogisticRegression(max_iter=1000),
        rows,
        right,
        groups=[j.case.id for j in judged],
        cv=GroupKFold(_FOLDS, shuffle=True, random_state=0),
        method="predict_proba",
        params={"sample_weight": weights},
    )
    return [float(probability) for probability in probabilities[:, 1]]


def _sure(judged: Judged, calibration: Calibration) -> float:
    words = count_words(judged.case.question)
    return calibration.confidence(judged.candidate.score, judged.lead, words)


def _threshold(judged: Sequence[Judged], calibration: Calibration) -> float:
    """The least confidence at which giving the answer pays; 1 if it never does."""
    sure = np.array([_sure(j, calibration) for j in judged])
    order = np.argsort(-sure, kind="stable")
    total = np.cumsum(np.array([j.gain for j in judged])[order])
    best = int(np.argmax(total))
    return round(float(sure[order][best]), 3) if total[best] > 0 else 1.0
