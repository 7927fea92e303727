import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from eval.metrics import (
    Bin,
    aurc,
    auroc,
    bootstrap_interval,
    calibration_bins,
    exact_match,
    expected_calibration_error,
    f1,
    mean,
    percentiles,
    rank_measures,
    risk_coverage,
)

SHARES = st.floats(0, 1)
JUDGED = st.lists(st.tuples(SHARES, st.booleans()), min_size=1, max_size=30)
WORDS = st.lists(st.sampled_from(["Ann", "the", "Bell", "won", "!"]), max_size=5).map(" ".join)


@pytest.mark.parametrize(
    ("prediction", "answers", "em", "overlap"),
    [
        ("Ann", ["Ann"], 1, 1),
        ("the  ann!", ["Ann"], 1, 1),
        ("Bob", ["Ann"], 0, 0),
        ("Ann Bell", ["Ann"], 0, 2 / 3),  # precision 1/2, recall 1
        ("Ann", ["Ann Bell Cole"], 0, 1 / 2),  # precision 1, recall 1/3
        ("Ann Ann", ["Ann Bell"], 0, 1 / 2),  # a word counts as often as both have it
        ("Ann Bell", ["Bob", "Ann Bell Cole", "Ann"], 0, 4 / 5),  # the nearest answer
        ("", [], 1, 1),
        ("the", [], 1, 1),
        ("Ann", [], 0, 0),
        ("", ["Ann"], 0, 0),
        ("Ann", ["the", "Ann"], 1, 1),
        ("", ["the", "Ann"], 0, 0),  # as in SQuAD's evaluator "the" is no answer at all ...
        ("", ["the"], 1, 1),  # ... and when it is the only one, nothing is asked for
    ],
)
def test_answers(prediction: str, answers: list[str], em: float, overlap: float) -> None:
    assert exact_match(prediction, answers) == em
    assert f1(prediction, answers) == pytest.approx(overlap)


@given(WORDS, st.lists(WORDS, max_size=3))
def test_f1_is_a_share_and_1_for_an_exact_match(prediction: str, answers: list[str]) -> None:
    assert 0 <= f1(prediction, answers) <= 1
    assert f1(prediction, answers) >= exact_match(prediction, answers)
    assert all(f1(answer, answers) == 1 for answer in answers if answer.strip("the! "))


def test_exact_match_and_f1_are_those_of_torchmetrics() -> None:
    from torchmetrics.functional.text import squad

    draw = random.Random(0)
    words = ["Ann", "the", "Bell", "U.S.-led", "won", "!", "a", "5.5", "Håkansen", "’s"]
    for _ in range(300):
        prediction, *answers = (
            " ".join(draw.choices(words, k=draw.randint(1, 4))) for _ in range(draw.randint(2, 4))
        )
        # Where they part: SQuAD's evaluator drops answers of which nothing is left.
        if any(f1("", [answer]) for answer in answers):
            continue
        theirs = squad(
            {"id": "1", "prediction_text": prediction},
            {"id": "1", "answers": {"text": answers, "answer_start": [0] * len(answers)}},
        )
        assert exact_match(prediction, answers) == theirs["exact_match"].item() / 100
        assert f1(prediction, answers) == pytest.approx(theirs["f1"].item() / 100)


def test_ranks() -> None:
    measures = rank_measures(
        ["abcd", [], "abcdefghijk", "abcdefghij", "x"],
        [{"c", "d"}, {"c"}, {"k"}, {"z", "j", "f"}, {"x"}],
    )
    assert measures == {
        "recall@1": [0, 0, 0, 0, 1],
        "recall@5": [1, 0, 0, 0, 1],
        "recall@10": [1, 0, 0, 1, 1],
        "mrr": [pytest.approx(1 / 3), 0, 0, pytest.approx(1 / 6), 1],
    }
    assert rank_measures([], []) == {name: [] for name in measures}


def test_expected_calibration_error_by_hand() -> None:
    # With two bins [0, 0.5) and [0.5, 1): the first has mean confidence 0.4 and accuracy 0.5,
    # the second 0.8 and 1.0: (2 * 0.1 + 2 * 0.2) / 4.
    error = expected_calibration_error([0.35, 0.45, 0.7, 0.9], [0, 1, 1, 1], bins=2)
    assert error == pytest.approx(0.15)
    assert expected_calibration_error([0.0, 1.0], [0, 1]) == 0
    assert expected_calibration_error([1.0, 1.0], [0, 0]) == 1
    assert expected_calibration_error([], []) is None


def test_calibration_bins_by_hand() -> None:
    found = calibration_bins([0.35, 0.45, 0.7, 1.0], [0, 1, 1, 1], bins=2)
    assert found == [Bin(pytest.approx(0.4), 0.5, 2), Bin(pytest.approx(0.85), 1.0, 2)]
    assert calibration_bins([0.9], [1], bins=10) == [Bin(0.9, 1.0, 1)]
    assert calibration_bins([], []) == []


@given(st.lists(st.tuples(st.floats(0, 0.999), st.booleans()), min_size=1, max_size=30))
def test_the_bins_come_to_the_expected_calibration_error(judged: list[tuple[float, bool]]) -> None:
    confidences, right = zip(*judged, strict=True)
    # A power of two: no bin's edge is rounded, wherever hypothesis puts a confidence.
    bins = calibration_bins(confidences, right, bins=16)
    gaps = sum(b.questions * abs(b.confidence - b.accuracy) for b in bins) / len(judged)
    assert gaps == pytest.approx(expected_calibration_error(confidences, right, bins=16))


def test_auroc_by_hand() -> None:
    assert auroc([0.9, 0.8, 0.1], [True, True, False]) == 1
    assert auroc([0.1, 0.9], [True, False]) == 0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    # Four pairs: .3 over .2, .3 over .1, .1 under .2, .1 level with .1.
    assert auroc([0.3, 0.1, 0.2, 0.1], [True, True, False, False]) == 2.5 / 4
    assert auroc([0.5], [True]) is None
    assert auroc([], []) is None


def test_aurc_by_hand() -> None:
    # The risks at k = 1, 2, 3 are 0, 1/2, 1/3.
    assert aurc([0.9, 0.5, 0.7], [1, 1, 0]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # Level with each other: the mean of the two orders, (1 + 1/2) / 2 and (0 + 1/2) / 2.
    assert aurc([0.5, 0.5], [1, 0]) == aurc([0.5, 0.5], [0, 1]) == pytest.approx(0.5)
    assert aurc([0.3, 0.2], [1, 1]) == 0
    assert aurc([], []) is None
    assert risk_coverage([0.9, 0.5, 0.7], [1, 1, 0]) == pytest.approx([0, 1 / 2, 1 / 3])


@given(JUDGED)
def test_calibration_figures_are_shares(judged: list[tuple[float, bool]]) -> None:
    confidences = [confidence for confidence, _ in judged]
    right = [is_right for _, is_right in judged]
    for figure in (
        expected_calibration_error(confidences, right),
        aurc(confidences, right),
        auroc(confidences, right),
    ):
        assert figure is None or -1e-9 <= figure <= 1 + 1e-9


@given(JUDGED)
def test_the_order_of_the_questions_does_not_matter(judged: list[tuple[float, bool]]) -> None:
    forth, back = list(zip(*judged, strict=True)), list(zip(*judged[::-1], strict=True))
    assert aurc(*forth) == pytest.approx(aurc(*back))
    assert auroc(*forth) == pytest.approx(auroc(*back))


def test_mean_and_percentiles() -> None:
    assert mean([1, 2, 6]) == 3
    assert mean([]) is None
    assert percentiles(range(101)) == {"p50": 50, "p95": 95, "p99": 99}
    assert percentiles([7.0]) == {"p50": 7, "p95": 7, "p99": 7}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}


def test_bootstrap_interval() -> None:
    values = [1.0] * 60 + [0.0] * 40
    interval = bootstrap_interval(values)
    assert interval is not None
    # The normal approximation: 0.6 -+ 1.96 * sqrt(0.6 * 0.4 / 100) = 0.6 -+ 0.096.
    assert interval == pytest.approx((0.504, 0.696), abs=0.02)
    assert bootstrap_interval(values) == interval
    assert bootstrap_interval([]) is None
    assert bootstrap_interval([0.3]) == (0.3, 0.3)
    assert bootstrap_interval([1.0] * 50) == (1, 1)


@pytest.mark.parametrize("size", [30, 300])
def test_bootstrap_interval_is_that_of_scipy(size: int) -> None:
    rng = np.random.default_rng(size)
    values = np.where(rng.random(size) < 0.8, 1.0, np.round(rng.random(size), 1))  # skewed
    theirs = bootstrap(
        (values,), np.mean, n_resamples=20_000, batch=1_000, method="BCa", rng=rng
    ).confidence_interval
    width = theirs.high - theirs.low
    assert bootstrap_interval(values) == pytest.approx(tuple(theirs), abs=0.05 * width)


def test_bootstrap_interval_of_many_values() -> None:
    interval = bootstrap_interval([1.0] * 3_000 + [0.0] * 2_000)
    assert interval == pytest.approx((0.586, 0.614), abs=0.004)


@settings(max_examples=15, deadline=None)
@given(st.lists(SHARES, min_size=1, max_size=8))
def test_bootstrap_interval_is_never_nan(values: list[float]) -> None:
    interval = bootstrap_interval(values)
    assert interval is not None
    low, high = interval
    assert math.isfinite(low)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    json.dumps(interval, allow_nan=False)
