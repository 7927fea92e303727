"""The probability that an answer is right, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.confidence import Calibration, lead, log_sigmoid, sigmoid

PLAIN = Calibration(scale=1.0)


@pytest.mark.parametrize(
    ("scale", "bias", "score", "expected"),
    [
        (1.0, 0.0, 0.0, 0.5),
        (1.0, 0.0, math.log(3), 0.75),
        (0.5, 0.0, 2 * math.log(3), 0.75),
        (1.0, -math.log(3), 0.0, 0.25),
        (1.0, 0.0, 1e6, 1.0),
        (1.0, 0.0, -1e6, 0.0),
        (1e6, 1e6, 1e6, 1.0),
        (1.0, 0.0, -math.inf, 0.0),
    ],
)
def test_confidence(scale: float, bias: float, score: float, expected: float) -> None:
    calibration = Calibration(scale=scale, bias=bias)
    assert calibration.confidence(score, 0.0, 0) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_confidence_rises_with_the_score(a: float, b: float) -> None:
    low, high = PLAIN.confidence(min(a, b), 0.0, 3), PLAIN.confidence(max(a, b), 0.0, 3)
    assert 0.0 <= low <= high <= 1.0


def test_the_lead_counts_beside_the_score() -> None:
    calibration = Calibration(scale=1.0, lead_weight=0.5)
    assert calibration.confidence(1.0, -2.0, 0) == pytest.approx(0.5)


def test_an_answer_to_a_question_about_what_nothing_mentions_is_less_likely() -> None:
    assert PLAIN.confidence(3.0, 0.0, 0, is_unmentioned=True) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("score", "rivals", "expected"),
    [
        (3.0, [], 20.0),
        (3.0, [1.0], 2.0),
        (1.0, [3.0], -2.0),
        (3.0, [1.0, 1.0], 2.0 - 4 * math.log(2)),
        (3.0, [1.0, -1000.0], 2.0),
        (99.0, [1.0], 20.0),
        (3.0, [1.0] * 9, 2.0 - 4 * math.log(7)),
    ],
)
def test_the_lead_over_the_best_rivals_together(
    score: float, rivals: list[float], expected: float
) -> None:
    assert lead(score, rivals) == pytest.approx(expected)


def test_a_longer_question_counts_by_the_log_of_its_words() -> None:
    calibration = Calibration(scale=1.0, length_weight=2.0)
    assert calibration.confidence(0.0, 0.0, 0) == 0.5
    assert calibration.confidence(-2 * math.log(4), 0.0, 3) == pytest.approx(0.5)


@given(st.floats(-700, 700))
def test_log_sigmoid_is_the_log_of_the_probability(logit: float) -> None:
    assert log_sigmoid(logit) <= 0
    if abs(logit) < 30:
        assert math.exp(log_sigmoid(logit)) == pytest.approx(sigmoid(logit))
