import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import (
    aurc,
    auroc,
    bootstrap_interval,
    exact_match,
    expected_calibration_error,
    f1,
    mean,
    percentiles,
    recall_at,
    reciprocal_rank,
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


def test_ranks() -> None:
    assert [recall_at("abcd", {"c", "d"}, k) for k in (1, 2, 3, 4)] == [0, 0, 1, 1]
    assert recall_at([], {"c"}, 5) == 0
    assert reciprocal_rank("abcd", {"c", "d"}) == pytest.approx(1 / 3)
    assert reciprocal_rank("abcd", {"e"}) == 0


def test_expected_calibration_error_by_hand() -> None:
    # With two bins (0, 0.5] and (0.5, 1]: the first has mean confidence 0.4 and accuracy 0.5,
    # the second 0.9 and 1.0: (2 * 0.1 + 2 * 0.1) / 4.
    error = expected_calibration_error([0.3, 0.5, 0.8, 1.0], [0, 1, 1, 1], bins=2)
    assert error == pytest.approx(0.1)
    assert expected_calibration_error([0.0, 1.0], [0, 1]) == 0
    assert expected_calibration_error([1.0, 1.0], [0, 0]) == 1
    assert expected_calibration_error([], []) is None


def test_auroc_by_hand() -> None:
    assert auroc([0.9, 0.8, 0.1], [True, True, False]) == 1
    assert auroc([0.1, 0.9], [True, False]) == 0
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    # Four pairs: 3 over 2, 3 over 1, 1 under 2, 1 level with 1.
    assert auroc([3, 1, 2, 1], [True, True, False, False]) == 2.5 / 4
    assert auroc([0.5], [True]) is None
    assert auroc([], []) is None


def test_aurc_by_hand() -> None:
    # The risks at k = 1, 2, 3 are 0, 1/2, 1/3.
    assert aurc([0.9, 0.5, 0.7], [1, 1, 0]) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # Level with each other: the mean of the two orders, (1 + 1/2) / 2 and (0 + 1/2) / 2.
    assert aurc([0.5, 0.5], [1, 0]) == aurc([0.5, 0.5], [0, 1]) == pytest.approx(0.5)
    assert aurc([0.3, 0.2], [1, 1]) == 0
    assert aurc([], []) is None


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
