"""The measures of the evaluation, as small pure functions.

Whatever cannot be reckoned (no values, only one class) is None, never NaN, which JSON does not
know.
"""

import math
import warnings
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from scipy.stats import bootstrap, rankdata

from rag.answers import normalize_answer

BOOTSTRAP_RESAMPLES = 1_000
BOOTSTRAP_BATCH = 100  # resamples in memory at once: 100 * 5,000 values are 4 MB
BCA_LIMIT = 2_000


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


def recall_at(ranked_ids: Sequence[str], relevant: Collection[str], k: int) -> float:
    """1.0 when any of the first `k` ids is relevant, 0.0 otherwise.

    The hit rate, which open question answering calls recall@k: one article that holds the answer
    is enough (Karpukhin et al., 2020, "top-k accuracy").
    """
    return float(any(ranked in relevant for ranked in ranked_ids[:k]))


def reciprocal_rank(ranked_ids: Sequence[str], relevant: Collection[str]) -> float:
    """1 / rank of the first relevant id, 0.0 when there is none."""
    ranks = (rank for rank, ranked in enumerate(ranked_ids, start=1) if ranked in relevant)
    first = next(ranks, None)
    return 0.0 if first is None else 1.0 / first


def expected_calibration_error(
    confidences: Sequence[float], correct: Sequence[float], bins: int = 15
) -> float | None:
    """Mean distance of confidence (0..1) and accuracy, weighted over bins of equal width.

    Guo et al. (2017), "On Calibration of Modern Neural Networks", with bins (m-1)/M < c <= m/M.
    `correct` is 1 or 0. None without values.
    """
    if len(confidences) == 0:
        return None
    confidence = np.asarray(confidences, dtype=np.float64)  # (n,)
    accuracy = np.asarray(correct, dtype=np.float64)  # (n,)
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)  # (n,)
    # |sum of confidence - sum of correct| of a bin is its size times the distance of the means.
    gaps = np.bincount(bin_of, weights=confidence - accuracy, minlength=bins)  # (bins,)
    return float(np.abs(gaps).sum() / len(confidence))


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """Probability that a positive scores above a negative, ties counting half.

    The Mann-Whitney U statistic over the number of pairs (Hanley & McNeil, 1982). None when one
    of the classes is missing.
    """
    is_positive = np.asarray(positive, dtype=bool)  # (n,)
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if positives == 0 or negatives == 0:
        return None
    ranks = rankdata(np.asarray(scores, dtype=np.float64))  # (n,), ties share their mean rank
    above = float(ranks[is_positive].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def aurc(confidences: Sequence[float], correct: Sequence[float]) -> float | None:
    """Area under the risk-coverage curve, 0..1; less is better.

    The mean, over k = 1..n, of the share of wrong ones among the k most confident (Geifman &
    El-Yaniv, 2017, "Selective Classification for Deep Neural Networks"). Equal confidences share
    their errors evenly, which is what every order of them gives on average: the result does not
    hang on the order of the questions. None without values.
    """
    if len(confidences) == 0:
        return None
    errors = 1.0 - np.asarray(correct, dtype=np.float64)  # (n,)
    levels, level_of, sizes = np.unique(
        np.asarray(confidences, dtype=np.float64), return_inverse=True, return_counts=True
    )
    shares = np.bincount(level_of, weights=errors, minlength=len(levels)) / sizes  # (levels,)
    by_confidence = np.repeat(shares[::-1], sizes[::-1])  # (n,), most confident first
    risks = np.cumsum(by_confidence) / np.arange(1, len(errors) + 1)  # (n,)
    return float(risks.mean())


def mean(values: Sequence[float]) -> float | None:
    """None without values."""
    return math.fsum(values) / len(values) if values else None


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99 in the unit of `values`, linear between neighbours; None without values."""
    names = {"p50": 50, "p95": 95, "p99": 99}
    if len(values) == 0:
        return dict.fromkeys(names)
    return {name: float(np.percentile(values, rank)) for name, rank in names.items()}


def bootstrap_interval(values: Sequence[float], seed: int = 0) -> tuple[float, float] | None:
    """95% interval of the mean of `values`; the same for the same values and seed.

    Bias-corrected and accelerated (BCa; Efron, 1987). Above 2,000 values the plain percentile
    interval: BCa's jackknife leaves every value out once, which costs n * n, while what it corrects
    shrinks with the square root of n. (mean, mean) where all values are
    equal, None without values.
    """
    center = mean(values)
    if center is None:
        return None
    if min(values) == max(values):
        return center, center
    low, high = _interval(values, "BCa" if len(values) <= BCA_LIMIT else "percentile", seed)
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = _interval(values, "percentile", seed)
    return low, high


def _interval(values: Sequence[float], method: str, seed: int) -> tuple[float, float]:
    with warnings.catch_warnings():
        # SciPy warns where BCa is undefined and returns NaN, which the caller looks for.
        warnings.simplefilter("ignore")
        interval = bootstrap(
            (np.asarray(values, dtype=np.float64),),
            np.mean,
            n_resamples=BOOTSTRAP_RESAMPLES,
            batch=BOOTSTRAP_BATCH,
            vectorized=True,
            method=method,
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return float(interval.low), float(interval.high)
