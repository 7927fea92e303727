"""How sure an answer is: a probability, fitted on questions with known answers."""

import math
from dataclasses import astuple, dataclass, field

_STEEPEST = 60.0


@dataclass(frozen=True)
class Features:
    """What is known of a candidate answer before anyone judges it; also the weight of each.

    `score` is its span score in logits, stories added; `margin` how far that is above the best
    other candidate, negative for one that is not the best; `relevance` the log probability that
    its passage answers at all; `shortfall` how far its passage fell behind the best in retrieval,
    in logits; `words` and `stories` are the logs of its length and of how many independent
    stories hold it.
    """

    score: float
    margin: float = 0.0
    relevance: float = 0.0
    shortfall: float = 0.0
    words: float = 0.0
    stories: float = 0.0


@dataclass(frozen=True)
class Calibration:
    """What a reader's scores are worth.

    When candidates are ranked, `retrieval_weight` says how many logits one unit of a hit's score
    is worth, `relevance_weight` what the log probability of a passage's relevance counts, and
    `scale` how steeply odds rise with the score where those of several stories are added. The
    confidence is a logistic regression: `weights` for the features, and `bias`. At `threshold`
    or more, the answer is given.
    """

    retrieval_weight: float = 10.0
    relevance_weight: float = 0.0
    scale: float = 0.5
    weights: Features = field(default_factory=lambda: Features(score=0.5))
    bias: float = 0.0
    threshold: float = 0.5

    def confidence(self, features: Features) -> float:
        """Probability, 0..1, that the candidate is right."""
        products = (w * f for w, f in zip(astuple(self.weights), astuple(features), strict=True))
        return sigmoid(math.fsum(products) + self.bias)


def sigmoid(logit: float) -> float:
    """The probability, 0..1, of some log odds."""
    return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, logit))))


def log_sigmoid(logit: float) -> float:
    """The log of that probability; no more than 0."""
    return -math.log1p(math.exp(-logit)) if logit > 0 else logit - math.log1p(math.exp(logit))
