"""From candidates to answers: cited, dated, with a confidence, and what contradicts them."""

from collections.abc import Sequence
from datetime import date

from rag.abilities import ALL_ABILITIES, Abilities
from rag.candidates import rank_candidates
from rag.citations import cite
from rag.confidence import Calibration, lead
from rag.conflict import Similarity, is_comparable, rivals
from rag.corroboration import Elsewhere, corroborated, corroborated_elsewhere
from rag.quantities import parse_quantity
from rag.types import Answer, Hit, Reply, Span, Stories
from rag.wordings import count_words

_CANDIDATES = 3
_POSSIBLE = 0.005
"""What is not rounded to 0 %."""


def make_answers(
    question: str,
    spans: Sequence[Span],
    hits: Sequence[Hit],
    stories: Stories,
    calibration: Calibration,
    similarity: Similarity,
    limit: int = 5,
    abilities: Abilities = ALL_ABILITIES,
    is_unmentioned: bool = False,
    elsewhere: Elsewhere | None = None,
) -> tuple[Answer, ...]:
    """At most `limit` distinct answers to the question, best first, none surer than one before it.

    Where stories disagree about the best one, what they say comes first, the newest before the
    others, whatever its confidence. `hits` are what was read to find the spans; `stories` gives
    for each article id among them the articles of its story, the fullest first. `is_unmentioned`
    says that a name of the question was found nowhere. Who else tells the best answer is looked for
    `elsewhere`, unless it is disputed: who is found so may tell of both sides.
    """
    if not abilities.stories:
        stories = {hit.passage.article.id: (hit.passage.article,) for hit in hits}
    ranked = rank_candidates(spans, hits, stories, calibration, abilities)
    candidates = ranked[:limit]
    if abilities.merging:
        # Comparing sentences takes time, and who tells an answer that is far behind nobody asks.
        candidates = [
            corroborated(c, hits, stories, similarity) if is_comparable(c, ranked[0]) else c
            for c in candidates
        ]
    disputed = rivals(candidates, similarity) if abilities.conflict else []
    if elsewhere and candidates and not disputed and abilities.merging and abilities.stories:
        candidates[0], stories = corroborated_elsewhere(
            candidates[0], stories, similarity, elsewhere
        )
    words = count_words(question)
    answers: list[Answer] = []
    for place, candidate in enumerate(candidates):
        # That sources disagree is no doubt of what each of them says.
        beside = disputed if place in disputed else [place]
        others = (other.score for n, other in enumerate(ranked) if n not in beside)
        ahead = lead(candidate.score, others)
        answers.append(
            Answer(
                text=candidate.text,
                confidence=calibration.confidence(candidate.score, ahead, words, is_unmentioned),
                citations=tuple(
                    cite(told, stories[told[0].passage.article.id]) for told in candidate.told
                ),
                independent_sources=len(candidate.told),
                when=candidate.when,
                disputed=place in disputed,
            )
        )
    return tuple(sorted(answers, key=_place))


def _place(answer: Answer) -> tuple[bool, int]:
    """Disputed answers first, the newest before the others; else as they are."""
    return (not answer.disputed, -_last_told(answer).toordinal() if answer.disputed else 0)


def _last_told(answer: Answer) -> date:
    days = [citation.article.published for citation in answer.citations]
    return max((day for day in days if day is not None), default=date.min)


def surest(answers: Sequence[Answer]) -> float:
    """The confidence of what would be answered: of disputed answers the highest, else the first."""
    disputed = [answer.confidence for answer in answers if answer.disputed]
    return max(disputed or [answer.confidence for answer in answers[:1]], default=0.0)


def shown(reply: Reply) -> tuple[Answer, ...]:
    """The answers that a person is shown whole: the best, all that are disputed, or, where none is
    given, the candidates; not those as good as impossible."""
    if not reply.answered:
        return tuple(a for a in reply.answers[:_CANDIDATES] if a.confidence >= _POSSIBLE)
    disputed = tuple(answer for answer in reply.answers if answer.disputed)
    return disputed or reply.answers[:1]


def runners_up(reply: Reply) -> tuple[Answer, ...]:
    """What else a given answer might have been: at least half as sure as the first."""
    if not reply.answered:
        return ()
    rest = reply.answers[len(shown(reply)) :]
    return tuple(a for a in rest if a.confidence >= reply.answers[0].confidence / 2)


def timeline(answers: Sequence[Answer]) -> list[tuple[date, Answer]]:
    """The disputed figures with the day on which each was last told, the oldest first.

    Empty unless all are figures, told on different days: a toll or a price that changes.
    """
    told = sorted(
        ((_last_told(a), a) for a in answers if a.disputed), key=lambda pair: pair[0].toordinal()
    )
    changes = len({day for day, _ in told}) == len(told) > 1 and date.min != told[0][0]
    return told if changes and all(parse_quantity(a.text) for _, a in told) else []
