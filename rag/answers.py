"""From spans to answers: merged, cited, with a confidence."""

import math
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rag.abilities import ALL_ABILITIES, Abilities
from rag.chunking import sentence_around
from rag.confidence import Calibration, Features, log_sigmoid
from rag.stories import story_numbers
from rag.types import Answer, Citation, Hit, Passage, Span

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_FARTHEST = 10.0  # logits: a margin beyond it says no more


def normalize_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, articles and extra space.

    The normalisation of SQuAD's official evaluation (Rajpurkar et al., 2016).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


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
class Candidate:
    """One distinct answer: what is known of it, and its spans by story, the best first."""

    text: str
    features: Features
    told: tuple[tuple[Span, ...], ...]


def _combined(scores: Sequence[float], scale: float) -> float:
    """The score of independent stories together: their odds exp(scale * score) add up."""
    best = max(scores)
    return best + math.log(sum(math.exp(scale * (score - best)) for score in scores)) / scale


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


def _by_story(spans: Sequence[Span], stories: Mapping[str, int]) -> dict[int, list[Span]]:
    """The spans of each story, in their order."""
    told: dict[int, list[Span]] = {}
    for span in spans:
        told.setdefault(stories[span.passage.article.id], []).append(span)
    return told


def rank_candidates(
    spans: Sequence[Span],
    hits: Sequence[Hit],
    stories: Mapping[str, int],
    calibration: Calibration,
    merging: bool = True,
) -> list[Candidate]:
    """The distinct answers, best first.

    `hits` are what was read to find the spans, `stories` the story of each article id among
    them. Within a story only the best span counts: a reprint says nothing new. Without `merging`
    the same answer in two stories is two.
    """
    short = _shortfalls(hits, calibration.retrieval_weight)
    groups = merge_spans(weigh_spans(spans, hits, calibration))
    if not merging:
        groups = [own for group in groups for own in _by_story(group, stories).values()]
    scored = []
    for group in groups:
        told = _by_story(group, stories)
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
    calibration: Calibration,
    limit: int = 5,
    abilities: Abilities = ALL_ABILITIES,
) -> tuple[Answer, ...]:
    """At most `limit` distinct answers, best first, none surer than the one before it.

    `hits` are what was read to find the spans.
    """
    read = dict.fromkeys(hit.passage.article for hit in hits)
    stories = story_numbers(read) if abilities.stories else {a.id: n for n, a in enumerate(read)}
    answers: list[Answer] = []
    confidence = 1.0
    ranked = rank_candidates(spans, hits, stories, calibration, abilities.merging)
    for candidate in ranked[:limit]:
        confidence = min(confidence, calibration.confidence(candidate.features))
        answers.append(
            Answer(
                text=candidate.text,
                confidence=confidence,
                citations=tuple(_cite(spans) for spans in candidate.told),
                independent_sources=len(candidate.told),
            )
        )
    return tuple(answers)
