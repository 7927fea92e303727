"""Conflict: stories that give different figures or days for the same fact."""

from collections.abc import Callable, Sequence

from rag.candidates import Candidate, sentence_of
from rag.quantities import parse_quantity
from rag.units import units_agree

Similarity = Callable[[str, str], float]
"""Cosine of two sentences."""

# Fitted on the sample collection: a lower support or less likeness finds figures of other facts.
_COMPARABLE = 3.5  # logits
_ALIKE_FIGURES = 0.5
_ALIKE_DAYS = 0.65


def rivals(candidates: Sequence[Candidate], similarity: Similarity) -> list[int]:
    """Places of the candidates that contradict one another, the best of all among them; or none.

    They are of the best's kind (figures of one unit, or days), say something else, come from
    other stories and have comparable support; and the sentences in which they stand are alike, for
    two figures in one collection are seldom about one thing.
    """
    found = [0]
    for place, candidate in enumerate(candidates[1:], start=1):
        if not is_comparable(candidate, candidates[0]):
            break
        if any(_shares_story(candidate, candidates[other]) for other in found):
            continue
        alike = _least_alike(candidates[0], candidate)
        sentences = (sentence_of(c.told[0][0]) for c in (candidates[0], candidate))
        if alike is not None and similarity(*sentences) >= alike:
            found.append(place)
    return found if len(found) > 1 else []


def is_comparable(candidate: Candidate, best: Candidate) -> bool:
    """Whether a candidate's support is near that of the best."""
    return best.score - candidate.score <= _COMPARABLE


def _least_alike(a: Candidate, b: Candidate) -> float | None:
    """How alike their sentences must be for a contradiction; None if they cannot contradict."""
    if a.when is not None and b.when is not None:
        apart = a.when.end < b.when.start or b.when.end < a.when.start
        return _ALIKE_DAYS if apart else None
    one, other = parse_quantity(a.text), parse_quantity(b.text)
    if one is None or other is None or one.value == other.value:
        return None
    return _ALIKE_FIGURES if units_agree(one.unit, other.unit) else None


def _shares_story(a: Candidate, b: Candidate) -> bool:
    """One article that says both means two things by them."""
    own = {span.passage.article.id for spans in a.told for span in spans}
    return any(span.passage.article.id in own for spans in b.told for span in spans)
