"""From spans to answers: merged, cited, with a confidence."""

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag.chunking import sentence_around
from rag.stories import story_numbers
from rag.types import Answer, Citation, Hit, Span

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and extra space.

    The normalisation of SQuAD's official evaluation (Rajpurkar et al., 2016).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


@dataclass(frozen=True)
class Calibration:
    """What a reader's scores are worth: fitted on questions with known answers.

    `retrieval_weight` says how many logits one unit of a hit's score is worth. The confidence is
    Platt scaling (Platt, 1999), sigmoid(scale * score + bias); at `threshold` or more, the
    answer is given.
    """

    retrieval_weight: float = 800.0
    scale: float = 0.5
    bias: float = 0.0
    threshold: float = 0.5

    def confidence(self, score: float) -> float:
        """Probability, 0..1, that the best span of a question is right."""
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, self.scale * score + self.bias))))


def weigh_spans(spans: Sequence[Span], hits: Sequence[Hit], retrieval_weight: float) -> list[Span]:
    """The spans, each lower by what its passage's hit falls short of the best hit."""
    if not hits:
        return list(spans)
    best = max(hit.score for hit in hits)
    short = {hit.passage: retrieval_weight * (best - hit.score) for hit in hits}
    return [replace(span, score=span.score - short[span.passage]) for span in spans]


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


@dataclass(frozen=True)
class _Candidate:
    """One distinct answer: its best span in each story, and the score of all together."""

    text: str
    score: float
    citations: tuple[Citation, ...]


def _combine(spans: Sequence[Span], stories: Mapping[str, int], scale: float) -> _Candidate:
    """What the spans of one answer, best first, come to.

    The odds exp(scale * score) of independent stories add up; within a story only the best
    span counts, since a reprint says nothing new.
    """
    told: dict[int, list[Span]] = {}
    for span in spans:
        told.setdefault(stories[span.passage.article.id], []).append(span)
    scores = [story[0].score for story in told.values()]
    best = max(scores)
    total = sum(math.exp(scale * (score - best)) for score in scores)
    return _Candidate(
        text=spans[0].text,
        score=best + math.log(total) / scale,
        citations=tuple(_cite(story) for story in told.values()),
    )


def _cite(spans: Sequence[Span]) -> Citation:
    """The citation of one story: its longest telling, the others folded in as reprints."""
    tellings = {span.passage.article.id: span for span in reversed(spans)}
    ordered = sorted(tellings.values(), key=lambda span: -len(span.passage.article.text))
    cited, *reprints = ordered
    text = cited.passage.article.text
    return Citation(
        cited.passage.article,
        cited.start,
        cited.end,
        *sentence_around(text, cited.start, cited.end),
        reprints=tuple(span.passage.article for span in reprints),
    )


def make_answers(
    spans: Sequence[Span], hits: Sequence[Hit], calibration: Calibration, limit: int = 5
) -> tuple[Answer, ...]:
    """At most `limit` distinct answers, most confident first.

    `hits` are what was read to find the spans.
    """
    weighed = weigh_spans(spans, hits, calibration.retrieval_weight)
    stories = story_numbers(hit.passage.article for hit in hits)
    candidates = [_combine(group, stories, calibration.scale) for group in merge_spans(weighed)]
    candidates.sort(key=lambda candidate: -candidate.score)
    return tuple(
        Answer(
            text=candidate.text,
            confidence=calibration.confidence(candidate.score),
            citations=candidate.citations,
            independent_sources=len(candidate.citations),
        )
        for candidate in candidates[:limit]
    )
