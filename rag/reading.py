"""How much is read for a question: its best passages first, and the others where they must be."""

from collections.abc import Callable, Mapping, Sequence

from rag.abilities import ALL_ABILITIES, Abilities
from rag.candidates import Candidate, rank_candidates
from rag.chunking import sentences
from rag.confidence import Calibration, lead
from rag.quantities import holds_number, parse_quantity
from rag.temporal import may_tell_time
from rag.types import Article, Hit, Passage, Span
from rag.wordings import count_words, shared_words

_FIRST = 3
"""Passages that are read before anybody looks whether they answer."""
_CLEAR = 0.5
"""Confidence of an answer from which the passages that are left seldom hold a better one."""
_SHARED = 2
"""Words of the question in one sentence from which it may be about the same thing."""

Stories = Mapping[str, Sequence[Article]]
"""Article id -> the articles of its story."""


def read_enough(
    question: str,
    hits: Sequence[Hit],
    stories: Stories,
    calibration: Calibration,
    read: Callable[[Sequence[Passage]], list[Span]],
    abilities: Abilities = ALL_ABILITIES,
) -> list[Span]:
    """What `read` finds in the hits, which come best first; the best span first.

    Where the first few give a clear answer, no others are read, except those of other stories
    that may contradict it.
    """
    first, others = hits[:_FIRST], hits[_FIRST:]
    spans = read([hit.passage for hit in first])
    if not others:
        return spans
    if abilities.stopping:
        ranked = rank_candidates(spans, first, stories, calibration, abilities)
        if _is_clear(question, ranked, calibration):
            others = _opponents(question, ranked[0], others, stories) if abilities.conflict else []
    spans += read([hit.passage for hit in others])
    return sorted(spans, key=lambda span: -span.score)


def _is_clear(question: str, ranked: Sequence[Candidate], calibration: Calibration) -> bool:
    if not ranked:
        return False
    ahead = lead(ranked[0].score, [candidate.score for candidate in ranked[1:]])
    return calibration.confidence(ranked[0].score, ahead, count_words(question)) >= _CLEAR


def _opponents(
    question: str, best: Candidate, others: Sequence[Hit], stories: Stories
) -> list[Hit]:
    """Those of other stories in which a sentence may give another figure, or another day, for
    what is asked; none if the best answer is neither."""
    holds = may_tell_time if best.when is not None else holds_number
    if best.when is None and parse_quantity(best.text) is None:
        return []
    told = {stories[spans[0].passage.article.id][0].id for spans in best.told}
    return [
        hit
        for hit in others
        if stories[hit.passage.article.id][0].id not in told
        and any(
            holds(sentence) and shared_words(question, sentence) >= _SHARED
            for sentence in _sentences(hit.passage.text)
        )
    ]


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]
