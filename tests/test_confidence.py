"""The probability that an answer is right, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.confidence import Calibration, Features, log_sigmoid, sigmoid

PLAIN = Calibration(weights=Features(score=1.0))


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
    calibration = Calibration(weights=Features(score=scale), bias=bias)
    assert calibration.confidence(Features(score)) == pytest.approx(expected, abs=1e-12)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_confidence_rises_with_the_score(a: float, b: float) -> None:
    low, high = sorted((PLAIN.confidence(Features(a)), PLAIN.confidence(Features(b))))
    assert 0.0 <= low <= high <= 1.0
    assert (PLAIN.confidence(Features(min(a, b))), PLAIN.confidence(Features(max(a, b)))) == (
        low,
        high,
    )


@pytest.mark.parametrize("name", ["margin", "relevance", "shortfall", "words", "stories"])
def test_every_feature_counts_with_its_weight(name: str) -> None:
    calibration = Calibration(weights=Features(score=1.0, **{name: 2.0}))
    features = Features(score=1.0, **{name: -0.5})
    assert calibration.confidence(features) == pytest.approx(0.5)  # 1 + 2 * -0.5


@given(st.floats(-700, 700))
def test_log_sigmoid_is_the_log_of_the_probability(logit: float) -> None:
    assert log_sigmoid(logit) <= 0
    if abs(logit) < 30:
        assert math.exp(log_sigmoid(logit)) == pytest.approx(sigmoid(logit))
