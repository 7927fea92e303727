"""From spans to candidates: weighed, merged, ranked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.abilities import ALL_ABILITIES, Abilities
from rag.chunking import sentence_around
from rag.confidence import Calibration, log_sigmoid
from rag.equality import normalize_answer, same_answer
from rag.temporal import when_of
from rag.types import Hit, Interval, Passage, Span, Stories

_NESTED = 3.0
"""How many logits below the best telling days may lie that hold its days, or lie in them."""
_CORROBORATES = 12.0
"""How many logits below the best telling of an answer another story's may lie: words that the
reader would hardly have marked stand there for something else."""


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


def favour_first(spans: Sequence[Span], weight: float) -> list[Span]:
    """The spans, best first; each lower by `weight` logits times the log of its paragraph's place.

    News tells first what matters most. Retrieval, which ranks passages by the question, takes the
    place of this; it is for articles that are read from beginning to end.
    """
    weighed = [
        replace(span, score=span.score - weight * math.log1p(_paragraphs_before(span)))
        for span in spans
    ]
    return sorted(weighed, key=lambda span: -span.score)


def _paragraphs_before(span: Span) -> int:
    """How many paragraphs of its article stand before that of the span."""
    *before, _ = span.passage.article.text[: span.start].split("\n")
    return sum(1 for paragraph in before if paragraph.strip())


def _overlap(a: Span, b: Span) -> bool:
    return a.passage.article.id == b.passage.article.id and a.start < b.end and b.start < a.end


def merge_spans(spans: Sequence[Span], abilities: Abilities = ALL_ABILITIES) -> list[list[Span]]:
    """Distinct answers, best first; each a list of its non-overlapping spans, best first.

    A span belongs to an answer when it overlaps one of its spans (passages overlap, and a
    shorter cut of the same words is no second answer) or means the same as its best span. Where
    one tells the same days more closely, that one comes first.
    """
    groups: list[tuple[list[Span], Interval | None]] = []  # with the days that its best span means
    for span in sorted(spans, key=lambda s: (-s.score, s.passage.article.id, s.start)):
        if any(_overlap(span, other) for group, _ in groups for other in group):
            continue
        if not normalize_answer(span.text):
            continue
        when = _when(span) if abilities.dates else None
        for place, (group, days) in enumerate(groups):
            if _same(group[0], days, span, when, abilities):
                group.append(span)
                break
            if days and when and _nested(group[0], days, span, when):
                narrower = (when.end - when.start) < (days.end - days.start)
                groups[place] = ([span, *group], when) if narrower else ([*group, span], days)
                break
        else:
            groups.append(([span], when))
    return [group for group, _ in groups]


def _when(span: Span) -> Interval | None:
    article = span.passage.article
    return when_of(article.text, span.start, span.end, article.published)


def _same(
    a: Span, a_when: Interval | None, b: Span, b_when: Interval | None, abilities: Abilities
) -> bool:
    """Whether two spans mean the same; of days the days, whatever their words: one "Tuesday" is
    not another."""
    if a_when is not None and b_when is not None:
        return a_when == b_when
    if abilities.names:
        return same_answer(a.text, b.text)
    return normalize_answer(a.text) == normalize_answer(b.text)


def _nested(a: Span, a_when: Interval, b: Span, b_when: Interval) -> bool:
    """Whether one tells the other's days more closely, as "in July" does "earlier this year".

    A bare year is another answer, to another question.
    """
    a_holds = a_when.start <= b_when.start and b_when.end <= a_when.end
    b_holds = b_when.start <= a_when.start and a_when.end <= b_when.end
    wide = a if a_holds else b
    near = abs(a.score - b.score) <= _NESTED
    return near and (a_holds or b_holds) and not wide.text.isdigit()


@dataclass(frozen=True)
class Candidate:
    """One distinct answer, and its spans by story, the best first.

    `score` is that of its stories together, in logits; `when` are the days that it means, where
    one of its spans tells.
    """

    text: str
    score: float
    told: tuple[tuple[Span, ...], ...]
    when: Interval | None


def sentence_of(span: Span) -> str:
    """The sentence in which it stands."""
    text = span.passage.article.text
    start, end = sentence_around(text, span.start, span.end)
    return text[start:end]


def _combined(scores: Sequence[float]) -> float:
    """The score of independent stories together: their odds exp(score) add up."""
    best = max(scores)
    return best + math.log(sum(math.exp(score - best) for score in scores))


def _by_story(spans: Sequence[Span], stories: Stories) -> tuple[tuple[Span, ...], ...]:
    """The spans of each story, in their order."""
    told: dict[str, list[Span]] = {}
    for span in spans:
        told.setdefault(stories[span.passage.article.id][0].id, []).append(span)
    return tuple(tuple(story) for story in told.values())


def rank_candidates(
    spans: Sequence[Span],
    hits: Sequence[Hit],
    stories: Stories,
    calibration: Calibration,
    abilities: Abilities = ALL_ABILITIES,
) -> list[Candidate]:
    """The distinct answers, best first.

    `hits` are what was read to find the spans, `stories` the articles of the story of each
    article id among them. Within a story only the best span counts: a reprint says nothing new.
    """
    groups = merge_spans(weigh_spans(spans, hits, calibration), abilities)
    if not abilities.merging:
        groups = [list(told) for group in groups for told in _by_story(group, stories)]
    candidates = []
    for group in groups:
        lowest = group[0].score - _CORROBORATES
        group = [span for span in group if span.score >= lowest]
        told = _by_story(group, stories)
        score = _combined([story[0].score for story in told])
        when = next((days for s in group if (days := _when(s))), None) if abilities.dates else None
        candidates.append(Candidate(group[0].text, score, told, when))
    return sorted(candidates, key=lambda candidate: -candidate.score)
