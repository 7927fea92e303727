"""Corroboration: stories that say an answer too, though the reader marked other words there, or
though they were not found for the question."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rag.candidates import Candidate, sentence_of
from rag.conflict import Similarity
from rag.temporal import when_of
from rag.types import Hit, Span, Stories

Elsewhere = Callable[[str], tuple[Sequence[Hit], Stories]]
"""A sentence -> what is found in the collection for it, and the stories of that."""

ALIKE = 0.5
"""Least cosine of the two sentences. Fitted on the sample collection: all mentions above it say
the same there, and hardly one below it does."""
ALIKE_ELSEWHERE = 0.6
"""The same for passages that were not found for the question. Of 50 in real news nine in ten say
the same; at 0.5, three in four of 69."""


def corroborated(
    candidate: Candidate,
    hits: Sequence[Hit],
    stories: Stories,
    similarity: Similarity,
    alike: float = ALIKE,
) -> Candidate:
    """The candidate with the other stories among the hits that say the same.

    They have its very words, meaning the same days where it means days, in a sentence `alike` the
    one in which it was read. They count as sources and do not change its score: the reader did
    not find them.
    """
    best = candidate.told[0][0]
    sentence = sentence_of(best)
    told = {stories[spans[0].passage.article.id][0].id for spans in candidate.told}
    more: list[tuple[Span, ...]] = []
    for hit in hits:
        story = stories[hit.passage.article.id][0].id
        if story in told:
            continue
        for mention in _mentions(candidate, hit):
            if similarity(sentence, sentence_of(mention)) >= alike:
                more.append((mention,))
                told.add(story)
                break
    return replace(candidate, told=(*candidate.told, *more))


def _mentions(candidate: Candidate, hit: Hit) -> Iterator[Span]:
    """Where the passage has words in which the answer was read, meaning the same days."""
    best, passage = candidate.told[0][0], hit.passage
    wordings = {span.text for spans in candidate.told for span in spans}
    pattern = "|".join(re.escape(words) for words in sorted(wordings, key=len, reverse=True))
    for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", passage.text, re.IGNORECASE):
        start, end = passage.start + match.start(), passage.start + match.end()
        article = passage.article
        if (
            candidate.when is None
            or when_of(article.text, start, end, article.published) == candidate.when
        ):
            yield replace(best, passage=passage, start=start, end=end)
