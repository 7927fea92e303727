"""How a question is read, and how much: the best passages, and others where they must be."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.abilities import ALL_ABILITIES, Abilities
from rag.apposition import prefer_descriptions
from rag.candidates import Candidate, favour_first, rank_candidates, sentence_of
from rag.chunking import sentences
from rag.confidence import Calibration, lead
from rag.quantities import holds_number, parse_quantity
from rag.question import asks_the_same, echoes
from rag.reader import Reader
from rag.respelling import respell
from rag.temporal import may_tell_time
from rag.types import Article, Hit, Passage, Span, Stories
from rag.wordings import count_words, shared_words

_FIRST = 3
"""Passages that are read before anybody looks whether they answer."""
_CLEAR = 0.4
"""Confidence of an answer from which the passages that are left seldom hold a better one."""
_FAR = 0.35
"""How far a hit may lie behind the best, as a share of its score: farther ones took a fifth of the
passages read and held no answer that the others did not."""
_LONGEST_LABEL = 4  # words
_IN_NUMBER = re.compile(r"\d[.,]\d")
_SHARED = 2
"""Words of the question in one sentence from which it may be about the same thing."""


@dataclass(frozen=True)
class Reading:
    """A reader, and what is done to a question before it is read and to its spans after.

    Where the question's words are mistyped it is read as the passages write them, unless `is_word`
    knows them. What only repeats the question is left out, as is a label between paragraphs; and
    of "Who is X?" what stands beside X gains.
    """

    reader: Reader
    is_word: Callable[[str], bool]
    abilities: Abilities = ALL_ABILITIES

    def of_passages(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        """What the reader finds in the passages, best first."""
        return self._read(self._meant(question, passages), passages)

    def of_articles(self, question: str, articles: Sequence[Article]) -> list[Span]:
        """What the reader finds in whole articles, best first; what they tell first gains."""
        passages = [Passage(article, 0, len(article.text)) for article in articles]
        weight = self.reader.calibration.paragraph_weight
        return favour_first(self.of_passages(question, passages), weight)

    def of_hits(self, question: str, hits: Sequence[Hit], stories: Stories) -> list[Span]:
        """What the reader finds in the hits, which come best first; the best span first.

        Where the first few give no clear answer, those that were found nearly as well are read
        too. Others are read only if they are of other stories and may contradict the answer.
        """
        meant = self._meant(question, [hit.passage for hit in hits])
        if not self.abilities.stopping:
            return self._read(meant, [hit.passage for hit in hits])
        calibration = self.reader.calibration
        read = list(hits[:_FIRST])
        spans = self._read(meant, [hit.passage for hit in read])
        ranked = rank_candidates(spans, read, stories, calibration, self.abilities)
        if not _is_clear(question, ranked, calibration):
            near = [hit for hit in hits[_FIRST:] if hit.score >= hits[0].score - _FAR]
            spans += self._read(meant, [hit.passage for hit in near])
            read += near
            ranked = rank_candidates(spans, read, stories, calibration, self.abilities)
        left = hits[len(read) :]
        if left and ranked and self.abilities.conflict:
            opponents = _opponents(meant, ranked[0], left, stories)
            spans += self._read(meant, [hit.passage for hit in opponents])
        return sorted(spans, key=lambda span: -span.score)

    def _meant(self, question: str, passages: Sequence[Passage]) -> str:
        if not self.abilities.questions:
            return question
        return respell(question, (passage.text for passage in passages), self.is_word)

    def _read(self, meant: str, passages: Sequence[Passage]) -> list[Span]:
        if not passages:
            return []
        spans = self.reader.read(meant, passages)
        if not self.abilities.questions:
            return spans
        return prefer_descriptions(meant, [s for s in spans if _may_answer(meant, s)])


def _may_answer(question: str, span: Span) -> bool:
    """Whether the span is more than the question's own words, a label between paragraphs, or a part
    of a number."""
    text = span.passage.article.text
    return not (
        echoes(question, span.text)
        or (span.start >= 2 and _IN_NUMBER.match(text, span.start - 2))
        or _IN_NUMBER.match(text, span.end - 1)
        or _is_label(span)
        or ("?" in span.passage.text and asks_the_same(question, sentence_of(span)))
    )


def _is_label(span: Span) -> bool:
    """Whether it stands in a short line of capitals, such as "QUIZ TIME", in an article that is
    not written in them."""
    text = span.passage.article.text
    first = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    line = text[first : end if end >= 0 else len(text)]
    if not line.isupper() or not 1 < len(line.split()) <= _LONGEST_LABEL:
        return False
    return not any(map(str.isdigit, line)) and 2 * sum(map(str.isupper, text)) < len(text)


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
