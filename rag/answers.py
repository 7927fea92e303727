"""From spans to answers: merged, cited, with a confidence."""

import math
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from rag.chunking import sentence_around
from rag.stories import fold_reprints
from rag.types import Answer, Citation, Span

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and extra space.

    The normalisation of SQuAD's official evaluation (Rajpurkar et al., 2016).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


@dataclass(frozen=True)
class Calibration:
    """Platt scaling: P(right) = sigmoid(scale * span score + bias); answer at `threshold` or more.

    Platt (1999), "Probabilistic outputs for support vector machines".
    """

    scale: float = 0.5
    bias: float = 0.0
    threshold: float = 0.5

    def confidence(self, score: float) -> float:
        """Probability, 0..1, that the best span of a question is right."""
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, self.scale * score + self.bias))))


def _overlap(a: Span, b: Span) -> bool:
    return a.passage.article.id == b.passage.article.id and a.start < b.end and b.start < a.end


def merge_spans(spans: Sequence[Span]) -> list[list[Span]]:
    """Distinct answers, best first; each a list of its non-overlapping spans, best first.

    A span belongs to an answer when it overlaps one of its spans (passages overlap, and a
    shorter cut of the same words is no second answer) or reads the same after normalisation.
    """
    groups: list[list[Span]] = []
    texts: list[str] = []
    for span in sorted(spans, key=lambda s: (-s.score, s.passage.article.id, s.start)):
        if any(_overlap(span, other) for group in groups for other in group):
            continue
        text = normalize_answer(span.text)
        if not text:
            continue
        if text in texts:
            groups[texts.index(text)].append(span)
        else:
            groups.append([span])
            texts.append(text)
    return groups


def _citations(spans: Sequence[Span]) -> tuple[Citation, ...]:
    """One citation for each story, in the order of the spans; reprints folded under it."""
    best = {span.passage.article.id: span for span in reversed(spans)}
    ordered = sorted(best.values(), key=lambda s: -s.score)
    stories = fold_reprints([span.passage.article for span in ordered])
    citations = []
    for original, reprints in stories:
        span = best[original.id]
        context = sentence_around(original.text, span.start, span.end)
        citations.append(Citation(original, span.start, span.end, *context, reprints=reprints))
    return tuple(citations)


def make_answers(
    spans: Sequence[Span], calibration: Calibration, limit: int = 5
) -> tuple[Answer, ...]:
    """At most `limit` distinct answers, most confident first."""
    answers = []
    for group in merge_spans(spans)[:limit]:
        citations = _citations(group)
        answers.append(
            Answer(
                text=group[0].text,
                confidence=calibration.confidence(group[0].score),
                citations=citations,
                independent_sources=len(citations),
            )
        )
    return tuple(answers)
