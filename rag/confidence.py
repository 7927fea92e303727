"""How sure an answer is: a probability, fitted on questions with known answers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STEEPEST = 60.0
_TEMPERATURE = 4.0
_RIVALS = 7
_MOST_LEAD = 20.0
_UNMENTIONED = 3.0
"""Log odds that an answer loses if nothing found mentions a name of the question. Of 853 questions
with an answer (the sample, and SQuAD 2.0 and NewsQA asked as collections) none was such, of 1,208
without one 91."""


@dataclass(frozen=True)
class Calibration:
    """What a reader's scores are worth.

    When candidates are ranked, `retrieval_weight` says how many logits one unit of a hit's score
    is worth, `relevance_weight` what the log probability of a passage's relevance counts, and
    `paragraph_weight`, in articles that are read whole, what a span loses for the log of its
    paragraph's place. The log odds that a candidate is right are `scale` for each logit of its
    score, `lead_weight` for each of its lead over the others, `length_weight` for the log of how
    many words the question has, function words left out, and `bias`: Platt scaling (1999) that
    knows that the best of many equals is a guess, and that a short question can be taken in more
    ways. At `threshold` or more, the answer is given.
    """

    retrieval_weight: float = 10.0
    relevance_weight: float = 0.0
    paragraph_weight: float = 0.0
    scale: float = 0.5
    lead_weight: float = 0.0
    length_weight: float = 0.0
    bias: float = 0.0
    threshold: float = 0.5

    def confidence(
        self, score: float, lead: float, question_words: int, is_unmentioned: bool = False
    ) -> float:
        """Probability, 0..1, that a candidate with this score, of all its stories, is right.

        `lead` is what the function of that name says of it and the others; `is_unmentioned`
        whether a name of the question was found nowhere.
        """
        length = self.length_weight * math.log1p(question_words)
        odds = self.scale * score + self.lead_weight * lead + length + self.bias
        return sigmoid(odds - _UNMENTIONED * is_unmentioned)


def lead(score: float, rivals: Iterable[float]) -> float:
    """How far a score lies above the best rivals together, in logits; at most 20.

    Together they are their log-sum-exp at a temperature of 4 logits: several that are nearly as
    good weigh more than one.
    """
    best = sorted(rivals, reverse=True)[:_RIVALS]
    if not best:
        return _MOST_LEAD
    weights = sum(math.exp((rival - best[0]) / _TEMPERATURE) for rival in best)
    return min(_MOST_LEAD, score - best[0] - _TEMPERATURE * math.log(weights))


def sigmoid(logit: float) -> float:
    """The probability, 0..1, of some log odds."""
    return 1.0 / (1.0 + math.exp(-max(-_STEEPEST, min(_STEEPEST, logit))))


def log_sigmoid(logit: float) -> float:
    """The log of that probability; no more than 0."""
    return -math.log1p(math.exp(-logit)) if logit > 0 else logit - math.log1p(math.exp(logit))
