"""What became of one gold question, how it is judged and who is to blame."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from eval.gold import Question, parse_when
from eval.metrics import RETRIEVAL_DEPTH, exact_match, f1
from eval.records import Mode, Prediction
from rag.equality import normalize_answer
from rag.types import Answer, Article, Interval, Reply

RIGHT_F1 = 0.5  # the overlap from which on the rest of an answer is judged
BLAMES = ("retrieval", "reading", "abstention", "gold", "error")


@dataclass(frozen=True)
class Outcome:
    """What became of one question, and how it is judged.

    `reply` is None in retrieval mode, for a question that failed (`error` says why) and for one
    that had nothing to read. `ranked` are the articles retrieved, best first, each once.
    `gold_articles` are those that the question names, as the collection holds them; None where
    nobody looked.
    """

    question: Question
    mode: Mode
    reply: Reply | None = None
    ranked: tuple[Article, ...] = ()
    latency_ms: float | None = None
    error: str | None = None
    gold_articles: tuple[Article, ...] | None = None

    @property
    def answerable(self) -> bool:
        return bool(self.question.answers)

    @property
    def best(self) -> Answer | None:
        """The best candidate, whatever its confidence."""
        return self.reply.answers[0] if self.reply is not None and self.reply.answers else None

    @property
    def given(self) -> Answer | None:
        """The best candidate where the engine gave it as its answer."""
        return self.best if self.reply is not None and self.reply.answered else None

    @property
    def abstained(self) -> bool:
        return self.given is None and self.error is None

    @property
    def confidence(self) -> float:
        return 0.0 if self.best is None else self.best.confidence

    @property
    def right(self) -> bool:
        """Whether the best candidate is right enough to judge what is said about it."""
        return self.answerable and self.forced_f1 >= RIGHT_F1

    @cached_property
    def exact_match(self) -> float:
        return self._score(exact_match, self.given)

    @cached_property
    def f1(self) -> float:
        return self._score(f1, self.given)

    @cached_property
    def forced_exact_match(self) -> float:
        return self._score(exact_match, self.best)

    @cached_property
    def forced_f1(self) -> float:
        return self._score(f1, self.best)

    def _score(self, metric: Callable[[str, Sequence[str]], float], answer: Answer | None) -> float:
        # A failure is silent too, but not right for it where silence was asked for.
        if self.error is not None:
            return 0.0
        return metric("" if answer is None else answer.text, self.question.answers)

    @property
    def ranked_ids(self) -> list[str]:
        return [article.id for article in self.ranked]

    @property
    def ranking_judged(self) -> bool:
        """Whether retrieval can be judged: there is an answer, and it is said where it stands."""
        return self.mode != "reader" and self.answerable and bool(self.question.docs)

    @cached_property
    def relevant_ids(self) -> list[str]:
        """The ids among `ranked` that the gold question names, in their order."""
        docs = self.question.docs
        return [article.id for article in self.ranked if is_relevant(article, docs)]

    @property
    def gold_rank(self) -> int | None:
        """The place, counted from 1, of the first gold article in `ranked`; None: not there."""
        ids = self.relevant_ids
        return self.ranked_ids.index(ids[0]) + 1 if ids else None

    @property
    def cited(self) -> list[Article]:
        """The articles that the best candidate cites, reprints included, each once."""
        citations = () if self.best is None else self.best.citations
        return unique([a for c in citations for a in (c.article, *c.reprints)])

    @property
    def when_right(self) -> bool:
        """Whether the answer given carries exactly the days of the gold question."""
        return self.given is not None and self._dates(self.given)

    @property
    def candidate_when_right(self) -> bool:
        """The same of the best candidate, given or not."""
        return self.best is not None and self._dates(self.best)

    def _dates(self, answer: Answer) -> bool:
        gold = self.question.when
        return gold is not None and answer.when == parse_when(gold)

    @property
    def sources_right(self) -> bool:
        """Whether the best candidate counts as many independent sources as the gold question."""
        gold = self.question.independent_sources
        return self.best is not None and self.best.independent_sources == gold

    @property
    def says_disputed(self) -> bool:
        return self.best is not None and self.best.disputed

    @cached_property
    def blame(self) -> str | None:
        """Who failed, one of BLAMES; None for a question that did not miss.

        A miss is an exact match of 0; in retrieval mode: none of the gold articles among the
        first 10. In this order:

        - "error": the engine raised.
        - "abstention": the best candidate was right and was not given, or something was given
          where nothing should be.
        - "gold": the gold articles, as the collection holds them, have none of the gold answers
          in their texts (titles are not answered from), or the collection holds none of these
          articles. Whoever quotes an article could not be right. That is all that can be said
          without a person: a gold answer that does stand there may be wrong too, and then
          somebody else is blamed for it. A question that names no articles is never blamed so.
        - "retrieval": no passage of a gold article was read, or no passage read holds a gold
          answer.
        - "reading": one did.
        """
        if self.error is not None:
            return "error"
        if self.mode == "retrieval":
            found = self.gold_rank is not None and self.gold_rank <= RETRIEVAL_DEPTH
            if found or not self.ranking_judged:
                return None
            return "gold" if self._gold_is_wrong() else "retrieval"
        if self.exact_match:
            return None
        if not self.answerable or self.forced_exact_match:
            return "abstention"
        if self._gold_is_wrong():
            return "gold"
        return "reading" if self._read_an_answer() else "retrieval"

    def _gold_is_wrong(self) -> bool:
        if self.gold_articles is None or not self.question.docs:
            return False
        return not any(self._is_answered_in(article.text) for article in self.gold_articles)

    def _read_an_answer(self) -> bool:
        hits = () if self.reply is None else self.reply.hits
        found = [article for hit in hits for article in (hit.passage.article, *hit.folded)]
        docs = self.question.docs
        if docs and not any(is_relevant(article, docs) for article in found):
            return False
        return any(self._is_answered_in(hit.passage.text) for hit in hits)

    def _is_answered_in(self, text: str) -> bool:
        return any(holds(text, answer) for answer in self.question.answers)

    def as_prediction(self) -> Prediction:
        scored = self.mode != "retrieval"
        return {
            "id": self.question.id,
            "question": self.question.question,
            "kind": self.question.kind,
            "answers": list(self.question.answers),
            "prediction": None if self.given is None else self.given.text,
            "candidate": None if self.best is None else self.best.text,
            "confidence": self.confidence if scored else None,
            "exact_match": self.exact_match if scored else None,
            "f1": self.f1 if scored else None,
            "forced_f1": self.forced_f1 if scored and self.answerable else None,
            "docs": list(self.question.docs),
            "retrieved": self.ranked_ids,
            "gold_rank": self.gold_rank,
            "cited": [article.id for article in self.cited],
            "independent_sources": None if self.best is None else self.best.independent_sources,
            "disputed": None if self.best is None else self.best.disputed,
            "when": None if self.best is None else _days(self.best.when),
            "blame": self.blame,
            "latency_ms": self.latency_ms,
            "error": self.error,
        }


def is_relevant(article: Article, docs: Sequence[str]) -> bool:
    """Whether `docs` name the article by its id or by the stem of the file it came from."""
    return any(names(doc, article) for doc in docs)


def names(doc: str, article: Article) -> bool:
    """Whether one entry of a question's `docs` means the article."""
    return doc == article.id or (article.origin is not None and doc == Path(article.origin).stem)


def _days(when: Interval | None) -> str | None:
    """As gold has it: a day, or two with a slash between."""
    if when is None:
        return None
    return str(when.start) if when.start == when.end else f"{when.start}/{when.end}"


def unique(articles: Sequence[Article]) -> list[Article]:
    """The articles in their order, each once."""
    return list({article.id: article for article in articles}.values())


def holds(text: str, answer: str) -> bool:
    """Whether the words of `answer` stand one after another in `text`, whatever parts them.

    Words as letters and digits make them, which finds "U.S." in "U.S.-led", or as exact match
    makes them, which finds "Stuarts" in "Stuart's": either way somebody could have quoted it.
    """
    return any(
        f" {cut(answer)} " in f" {cut(text)} " for cut in (_words, normalize_answer) if cut(answer)
    )


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
