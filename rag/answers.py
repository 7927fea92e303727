"""From spans to answers: merged, cited, with a confidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag.citations import cite
from rag.confidence import Calibration, Features, log_sigmoid
from rag.equality import normalize_answer, same_answer
from rag.temporal import when_of
from rag.types import Answer, Article, Citation, Hit, Interval, Passage, Span

_FARTHEST = 10.0  # logits: a margin beyond it says no more


def weigh_spans(spans: Sequence[Span], hits: Sequence[Hit], calibration: Calibration) -> list[Span]:
    """The spans, scored for the place of their passage too.

    Each is lower by what its passage's hit falls short of the best hit, and by the doubt whether
    the passage answers at all.
    """
    short = _shortfalls(hits, calibration.retrieval_weight)
    weight = calibration.relevance_weight
    return [
        replace(s, score=s.score - short[s.passage] + weight * log_sigmoid(s.relevance))
        for s in spans
    ]


def _shortfalls(hits: Sequence[Hit], weight: float) -> dict[Passage, float]:
    """How far each passage's hit falls short of the best, in logits."""
    best = max((hit.score for hit in hits), default=0.0)
    return {hit.passage: weight * (best - hit.score) for hit in hits}


def _overlap(a: Span, b: Span) -> bool:
    return a.passage.article.id == b.passage.article.id and a.start < b.end and b.start < a.end


def merge_spans(spans: Sequence[Span]) -> list[list[Span]]:
    """Distinct answers, best first; each a list of its non-overlapping spans, best first.

    A span belongs to an answer when it overlaps one of its spans (passages overlap, and a
    shorter cut of the same words is no second answer) or says the same as its best span.
    """
    groups: list[list[Span]] = []
    for span in sorted(spans, key=lambda s: (-s.score, s.passage.article.id, s.start)):
        if any(_overlap(span, other) for group in groups for other in group):
            continue
        if not normalize_answer(span.text):
            continue
        for group in groups:
            if same_answer(group[0].text, span.text):
                group.append(span)
                break
        else:
            groups.append([span])
    return groups


@dataclass(frozen=True)
class Candidate:
    """One distinct answer: what is known of it, and its spans by story, the best first."""

    text: str
    features: Features
    told: tuple[tuple[Span, ...], ...]


def _combined(scores: Sequence[float], scale: float) -> float:
    """The score of independent stories together: their odds exp(scale * score) add up."""
    best = max(scores)
    return best + math.log(sum(math.exp(scale * (score - best)) for score in scores)) / scale


def rank_candidates(
    spans: Sequence[Span],
    hits: Sequence[Hit],
    stories: Mapping[str, Sequence[Article]],
    calibration: Calibration,
) -> list[Candidate]:
    """The distinct answers, best first.

    `hits` are what was read to find the spans, `stories` the articles of the story of each
    article id among them. Within a story only the best span counts: a reprint says nothing new.
    """
    short = _shortfalls(hits, calibration.retrieval_weight)
    scored = []
    for group in merge_spans(weigh_spans(spans, hits, calibration)):
        told: dict[str, list[Span]] = {}
        for span in group:
            told.setdefault(stories[span.passage.article.id][0].id, []).append(span)
        scores = [story[0].score for story in told.values()]
        scored.append((_combined(scores, calibration.scale), group, told))
    scored.sort(key=lambda item: -item[0])
    totals = [total for total, _, _ in scored]
    candidates = []
    for place, (total, group, told) in enumerate(scored):
        # A lone candidate is as far ahead as one can be.
        rival = max((t for i, t in enumerate(totals[:2]) if i != place), default=-math.inf)
        features = Features(
            score=total,
            margin=max(-_FARTHEST, min(_FARTHEST, total - rival)),
            relevance=max(log_sigmoid(span.relevance) for span in group),
            shortfall=min(short[span.passage] for span in group),
            words=math.log(len(group[0].text.split())),
            stories=math.log(len(told)),
        )
        by_story = tuple(tuple(spans) for spans in told.values())
        candidates.append(Candidate(group[0].text, features, by_story))
    return candidates


def make_answers(
    spans: Sequence[Span],
    hits: Sequence[Hit],
    stories: Mapping[str, Sequence[Article]],
    calibration: Calibration,
    limit: int = 5,
) -> tuple[Answer, ...]:
    """At most `limit` distinct answers, best first, none surer than the one before it.

    `hits` are what was read to find the spans; `stories` gives for each article id among them
    the articles of its story, the fullest first.
    """
    answers: list[Answer] = []
    confidence = 1.0
    for candidate in rank_candidates(spans, hits, stories, calibration)[:limit]:
        confidence = min(confidence, calibration.confidence(candidate.features))
        citations = tuple(
            cite(spans, stories[spans[0].passage.article.id]) for spans in candidate.told
        )
        answers.append(
            Answer(
                text=candidate.text,
                confidence=confidence,
                citations=citations,
                independent_sources=len(candidate.told),
                when=_when(citations),
            )
        )
    return tuple(answers)


def _when(citations: Sequence[Citation]) -> Interval | None:
    """The days that the words mean where they are cited first, of the citations that tell."""
    told = (when_of(c.article.text, c.start, c.end, c.article.published) for c in citations)
    return next((days for days in told if days is not None), None)
