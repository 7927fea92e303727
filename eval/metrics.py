"""The measures of the evaluation, as small pure functions.

Whatever cannot be reckoned (no values, only one class) is None, never NaN, which JSON does not
know. Exact match and F1 are our own, because every question needs its own figure in full
precision and torchmetrics gives float32 means; the tests hold them against torchmetrics.
"""

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import ir_measures
import numpy as np
from ir_measures import RR, Success
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from rag.equality import normalize_answer

RANK_MEASURES = {
    "recall@1": Success @ 1,
    "recall@5": Success @ 5,
    "recall@10": Success @ 10,
    "mrr": RR,
}
RETRIEVAL_DEPTH = 10  # articles that count for recall and reciprocal rank
CALIBRATION_BINS = 15
BOOTSTRAP_ROUNDS, BOOTSTRAP_BATCH = 20, 500  # 10,000 resamples, 500 of them in memory at once


def exact_match(prediction: str, answers: Sequence[str]) -> float:
    """1.0 when `prediction` is one of `answers` after normalisation, 0.0 otherwise.

    Without answers "" is the right prediction. SQuAD 2.0 (Rajpurkar et al., 2018).
    """
    normalized = normalize_answer(prediction)
    return float(any(normalized == normalize_answer(answer) for answer in _targets(answers)))


def f1(prediction: str, answers: Sequence[str]) -> float:
    """Harmonic mean of the precision and recall of words, 0..1, against the nearest answer.

    Without answers 1.0 for "" and 0.0 for anything else. SQuAD 2.0 (Rajpurkar et al., 2018).
    """
    return max(_f1_against(prediction, answer) for answer in _targets(answers))


def _targets(answers: Sequence[str]) -> list[str]:
    """The answers to compare with: as in SQuAD's evaluator, those of which normalising leaves
    something, or "" alone."""
    return [answer for answer in answers if normalize_answer(answer)] or [""]


def _f1_against(prediction: str, answer: str) -> float:
    predicted = normalize_answer(prediction).split()
    expected = normalize_answer(answer).split()
    if not predicted or not expected:
        return float(predicted == expected)
    common = (Counter(predicted) & Counter(expected)).total()
    # 2PR / (P + R) with P = common / len(predicted) and R = common / len(expected).
    return 2 * common / (len(predicted) + len(expected))


def rank_measures(
    ranked: Sequence[Sequence[str]], relevant: Sequence[Collection[str]]
) -> dict[str, list[float]]:
    """RANK_MEASURES of every question, 0..1, of its `ranked` ids against its `relevant` ones.

    recall@k is ir-measures' Success@k: open question answering calls it recall, because one
    article that holds the answer is enough (Karpukhin et al., 2020, "top-k accuracy"). "mrr" is
    the reciprocal rank of the first relevant id among the first 10.
    """
    wanted = {str(q): dict.fromkeys(ids, 1) for q, ids in enumerate(relevant)}
    # trec_eval sorts by score; the ranks themselves are the only score it needs. RR has no
    # cutoff in it, so that the list is cut here.
    run = {
        str(q): {id: float(-rank) for rank, id in enumerate(ids[:RETRIEVAL_DEPTH])}
        for q, ids in enumerate(ranked)
    }
    values = {name: [0.0] * len(ranked) for name in RANK_MEASURES}
    names = {measure: name for name, measure in RANK_MEASURES.items()}
    for metric in ir_measures.iter_calc(list(names), wanted, run):
        values[names[metric.measure]][int(metric.query_id)] = float(metric.value)
    return values


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[float], bins: int = CALIBRATION_BINS
) -> float | None:
    """Mean distance of confidence (0..1) and accuracy, weighted over bins of equal width.

    Guo et al. (2017), "On Calibration of Modern Neural Networks", by torchmetrics. `correct` is
    1 or 0. None without values.
    """
    if len(confidences) == 0:
        return None
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    sure = torch.tensor(confidences, dtype=torch.float64)  # (n,)
    right = torch.tensor(correct, dtype=torch.float64).long()  # (n,)
    return float(binary_calibration_error(sure, right, n_bins=bins, norm="l1"))


@dataclass(frozen=True)
class Bin:
    """The questions whose confidence lies in one bin: how sure, how often right, how many."""

    confidence: float
    accuracy: float
    questions: int


def calibration_bins(
    confidences: Sequence[float], correct: Sequence[float], bins: int = CALIBRATION_BINS
) -> list[Bin]:
    """The bins of `expected_calibration_error` that hold anything, for a reliability diagram.

    [m/M, (m+1)/M), and 1.0 in the last. torchmetrics gives 1.0 a bin of its own.
    """
    confidence = np.asarray(confidences, dtype=np.float64)  # (n,)
    right = np.asarray(correct, dtype=np.float64)  # (n,)
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)  # (n,)
    return [
        Bin(
            float(confidence[bin_of == m].mean()),
            float(right[bin_of == m].mean()),
            int((bin_of == m).sum()),
        )
        for m in np.unique(bin_of)
    ]


def auroc(confidences: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Probability that a positive's confidence (0..1) is above a negative's, ties counting half.

    By torchmetrics. None when one of the classes is missing.
    """
    if all(positive) or not any(positive):
        return None
    import torch
    from torchmetrics.functional.classification import binary_auroc

    sure = torch.tensor(confidences, dtype=torch.float64)  # (n,)
    return float(binary_auroc(sure, torch.tensor(positive, dtype=torch.long)))


def risk_coverage(confidences: Sequence[float], correct: Sequence[float]) -> NDArray[np.float64]:
    """(n,): the share of wrong ones among the k most confident, for k = 1..n.

    El-Yaniv & Wiener (2010). Equal confidences share their errors evenly, which is what every
    order of them gives on average: the curve does not hang on the order of the questions.
    """
    errors = 1.0 - np.asarray(correct, dtype=np.float64)  # (n,)
    levels, level_of, sizes = np.unique(
        np.asarray(confidences, dtype=np.float64), return_inverse=True, return_counts=True
    )
    shares = np.bincount(level_of, weights=errors, minlength=len(levels)) / sizes  # (levels,)
    by_confidence = np.repeat(shares[::-1], sizes[::-1])  # (n,), most confident first
    risks: NDArray[np.float64] = np.cumsum(by_confidence) / np.arange(1, len(errors) + 1)
    return risks


def aurc(confidences: Sequence[float], correct: Sequence[float]) -> float | None:
    """Area under the risk-coverage curve, 0..1; less is better. None without values.

    Geifman & El-Yaniv (2017), "Selective Classification for Deep Neural Networks".
    """
    return None if len(confidences) == 0 else float(risk_coverage(confidences, correct).mean())


def mean(values: Sequence[float]) -> float | None:
    """None without values."""
    return math.fsum(values) / len(values) if values else None


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 in the unit of `values`, linear between neighbours; None without values."""
    names = {"p50": 50, "p95": 95, "p99": 99}
    if len(values) == 0:
        return dict.fromkeys(names)
    return {name: float(np.percentile(values, rank)) for name, rank in names.items()}


def bootstrap_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """95% interval of the mean of `values`; the same for the same values.

    Bias-corrected and accelerated (BCa; Efron, 1987), as scipy.stats.bootstrap has it, which
    takes n * n steps for the jackknife. That of a mean needs only n: leaving x out moves it by
    (mean - x) / (n - 1), so that the acceleration is the skewness of the values over 6 sqrt(n).
    (mean, mean) where all values are equal, which no resampling can tell the chance of; None
    without values.
    """
    if len(values) == 0:
        return None
    numbers = np.asarray(values, dtype=np.float64)  # (n,)
    center = float(numbers.mean())
    if numbers.min() == numbers.max():
        return float(numbers[0]), float(numbers[0])
    means = _resampled_means(numbers, np.random.default_rng(seed=0))
    bias = ndtri((np.mean(means < center) + np.mean(means <= center)) / 2)
    apart = numbers - center
    spread = np.sum(apart**2) ** 1.5
    acceleration = np.sum(apart**3) / (6 * spread) if spread > 0 else 0.0
    edge = bias + ndtri(np.array([0.025, 0.975]))  # (2,)
    levels = ndtr(bias + edge / (1 - acceleration * edge))  # (2,)
    # Where all resamples lie on one side of the mean, BCa is undefined: the plain percentiles.
    low, high = np.quantile(means, levels if np.isfinite(levels).all() else [0.025, 0.975])
    return float(low), float(high)


def _resampled_means(numbers: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(10000,): means of samples drawn with replacement.

    Drawn as how often each distinct value comes up, of which scores have few: two for an exact
    match, some hundreds for F1.
    """
    distinct, counts = np.unique(numbers, return_counts=True)
    shares = counts / len(numbers)
    drawn = (
        rng.multinomial(len(numbers), shares, size=BOOTSTRAP_BATCH) @ distinct
        for _ in range(BOOTSTRAP_ROUNDS)
    )
    return np.concatenate(list(drawn)) / len(numbers)
