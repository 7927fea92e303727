"""Citations: where an answer stands in a story, and which of its tellings have it too."""

import re
from collections.abc import Sequence

from rag.chunking import sentence_around
from rag.types import Article, Citation, Span

_WORD = re.compile(r"\w+")
_ALIKE = 0.5
"""Share of a sentence's words that an edited copy of it still has."""


def cite(spans: Sequence[Span], story: Sequence[Article]) -> Citation:
    """The citation of one story: the fullest telling that has the words, the others folded in.

    `spans` are the places, best first, where the answer was read in articles of the story;
    `story` are its articles, the fullest first. Of those that were not read, the ones that hold
    the sentence, or an edited one with the same quote, have the words too.
    """
    read = {span.passage.article.id: span for span in reversed(spans)}
    # What was read is cited as it was read, though it may have been replaced meanwhile.
    tellings = {a.id: a for a in story} | {i: span.passage.article for i, span in read.items()}
    places = [
        (article, (read[i].start, read[i].end) if i in read else find_quote(spans[0], article))
        for i, article in tellings.items()
    ]
    (cited, (start, end)), *others = [(a, place) for a, place in places if place is not None]
    return Citation(
        cited,
        start,
        end,
        *sentence_around(cited.text, start, end),
        reprints=tuple(article for article, _ in others),
    )


def find_quote(span: Span, article: Article) -> tuple[int, int] | None:
    """Where another telling has the span's words in the same sentence, edited or not."""
    text = span.passage.article.text
    start, end = sentence_around(text, span.start, span.end)
    sentence = text[start:end]
    at = article.text.find(sentence)
    if at >= 0:
        return at + span.start - start, at + span.end - start
    words = set(_WORD.findall(sentence.lower()))
    for found in re.finditer(rf"(?<!\w){re.escape(span.text)}(?!\w)", article.text):
        start, end = sentence_around(article.text, *found.span())
        theirs = set(_WORD.findall(article.text[start:end].lower()))
        if len(words & theirs) >= _ALIKE * max(len(words), len(theirs)):
            return found.span()
    return None
