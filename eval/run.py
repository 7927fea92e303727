"""Ask an engine every gold question, reckon the figures and say who failed."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from eval.gold import Gold, Question, parse_when
from eval.metrics import (
    aurc,
    auroc,
    bootstrap_interval,
    exact_match,
    expected_calibration_error,
    f1,
    mean,
    percentiles,
    recall_at,
    reciprocal_rank,
)
from rag.errors import DatelineError, InputError
from rag.types import Answer, Article, Reply

if TYPE_CHECKING:
    from rag.engine import Dateline

Mode = Literal["end-to-end", "reader", "retrieval"]

RETRIEVAL_DEPTH = 10  # articles that count for recall and reciprocal rank
SEARCH_LIMIT = 30  # passages: several may be of one article
RIGHT_F1 = 0.5  # the overlap from which on the citations of an answer are judged
BLAMES = ("retrieval", "reading", "abstention", "error")


@dataclass(frozen=True)
class Outcome:
    """What became of one question, and how it is judged.

    `reply` is None in retrieval mode, for a question that failed (`error` says why) and for one
    that had nothing to read. `ranked` are the articles retrieved, best first, each once.
    """

    question: Question
    mode: Mode
    reply: Reply | None = None
    ranked: tuple[Article, ...] = ()
    latency_ms: float | None = None
    error: str | None = None

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

    @cached_property
    def relevant_ids(self) -> set[str]:
        """The ids among `ranked` that the gold question names."""
        docs = self.question.docs
        return {article.id for article in self.ranked if is_relevant(article, docs)}

    @property
    def cited(self) -> list[Article]:
        """The articles that the best candidate cites, reprints included, each once."""
        citations = () if self.best is None else self.best.citations
        return _unique([a for c in citations for a in (c.article, *c.reprints)])

    @property
    def when_right(self) -> bool:
        """Whether the answer given carries exactly the days of the gold question."""
        gold = self.question.when
        return gold is not None and self.given is not None and self.given.when == parse_when(gold)

    @cached_property
    def blame(self) -> str | None:
        """Who failed, one of BLAMES; None for a question that did not miss.

        A miss is an exact match of 0 (in retrieval mode: none of the gold articles among the
        first 10). "abstention": the best candidate was right and was not given, or something was
        given where nothing should be. "retrieval": no passage of a gold article was read, or no
        passage read holds a gold answer. "reading": one did. "error": the engine raised.
        """
        if self.error is not None:
            return "error"
        if self.mode == "retrieval":
            judged = self.answerable and self.question.docs
            found = recall_at(self.ranked_ids, self.relevant_ids, RETRIEVAL_DEPTH)
            return "retrieval" if judged and not found else None
        if self.exact_match:
            return None
        if not self.answerable or self.forced_exact_match:
            return "abstention"
        return "reading" if self._read_an_answer() else "retrieval"

    def _read_an_answer(self) -> bool:
        passages = [] if self.reply is None else [hit.passage for hit in self.reply.hits]
        docs = self.question.docs
        if docs and not any(is_relevant(passage.article, docs) for passage in passages):
            return False
        answers = self.question.answers
        return any(_holds(passage.text, answer) for passage in passages for answer in answers)

    def as_json(self) -> dict[str, Any]:
        """One of the "predictions"; what the mode cannot judge is None."""
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
            "cited": [article.id for article in self.cited],
            "blame": self.blame,
            "latency_ms": self.latency_ms,
            "error": self.error,
        }


def evaluate(
    engine: Dateline,
    gold: Gold,
    mode: Mode,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """The figures of the wire contract ("Gold for eval") as a dict that JSON can hold.

    All shares and scores are 0..1, latencies milliseconds; None where the mode or the gold gives
    nothing to reckon from. `on_progress(done, total)` is called after every question.

    end-to-end: `engine.ask`; the articles retrieved are those of the passages read.
    reader: `engine.read` over the gold articles, whole. An unanswerable question without docs
        has nothing to be read: it counts as abstained with confidence 0, which also flatters
        the AUROC.
    retrieval: `engine.search`, and no answers.

    A question that fails with a DatelineError counts as wrong, and keeps the message in "error".
    Raises InputError for an unknown mode.
    """
    if mode not in get_args(Mode):
        raise InputError(f"no mode {mode!r}; expected one of: {', '.join(get_args(Mode))}")
    articles = {article.id: article for article in gold.articles}
    outcomes = []
    for done, question in enumerate(gold.questions, start=1):
        outcomes.append(_ask(engine, question, mode, articles))
        if on_progress is not None:
            on_progress(done, len(gold.questions))
    return _figures(outcomes, mode)


def is_relevant(article: Article, docs: Sequence[str]) -> bool:
    """Whether `docs` name the article by its id or by the stem of the file it came from."""
    return any(_names(doc, article) for doc in docs)


def _names(doc: str, article: Article) -> bool:
    return doc == article.id or (article.origin is not None and doc == Path(article.origin).stem)


def _ask(
    engine: Dateline, question: Question, mode: Mode, articles: Mapping[str, Article]
) -> Outcome:
    try:
        if mode == "retrieval":
            started = time.perf_counter()
            hits = engine.search(question.question, limit=SEARCH_LIMIT)
            elapsed = 1000 * (time.perf_counter() - started)
            ranked = _unique([hit.passage.article for hit in hits])
            return Outcome(question, mode, ranked=tuple(ranked), latency_ms=elapsed)
        if mode == "reader":
            if not question.docs and not question.answers:
                return Outcome(question, mode)
            reply = engine.read(question.question, _gold_articles(engine, question, articles))
            return Outcome(question, mode, reply, latency_ms=reply.timings.total)
        reply = engine.ask(question.question)
        ranked = _unique([hit.passage.article for hit in reply.hits])
        return Outcome(question, mode, reply, tuple(ranked), reply.timings.total)
    except DatelineError as error:
        return Outcome(question, mode, error=str(error))


def _gold_articles(
    engine: Dateline, question: Question, articles: Mapping[str, Article]
) -> list[Article]:
    if articles:
        found = [articles[doc] for doc in question.docs if doc in articles]
    else:
        found = engine.find_articles(question.docs)
    if not found:
        named = ", ".join(question.docs) or "none named"
        raise InputError(f"no article to read for question {question.id!r} (docs: {named})")
    return found


def _unique(articles: Sequence[Article]) -> list[Article]:
    """The articles in their order, each once."""
    return list({article.id: article for article in articles}.values())


def _holds(text: str, answer: str) -> bool:
    """Whether the words of `answer` stand one after another in `text`, whatever parts them.

    Not `normalize_answer`, which makes one word of "U.S.-led" and would not find "U.S." in it.
    """
    return f" {_words(answer)} " in f" {_words(text)} "


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _figures(outcomes: Sequence[Outcome], mode: Mode) -> dict[str, Any]:
    # Without answers there is nothing to score: every mean over these is then None.
    scored = [] if mode == "retrieval" else outcomes
    answerable = [o for o in scored if o.answerable]
    dated = [o for o in answerable if o.question.when is not None]
    answerable_count = sum(o.answerable for o in outcomes)
    right = [o.forced_exact_match for o in answerable]
    sure = [o.confidence for o in answerable]
    blames = Counter(o.blame for o in outcomes)
    return {
        "mode": mode,
        "questions": len(outcomes),
        "exact_match": mean([o.exact_match for o in scored]),
        "f1": mean([o.f1 for o in scored]),
        "answerable": {
            "questions": answerable_count,
            "exact_match": mean([o.exact_match for o in answerable]),
            "f1": mean([o.f1 for o in answerable]),
            "answered": mean([float(o.given is not None) for o in answerable]),
        },
        "unanswerable": {
            "questions": len(outcomes) - answerable_count,
            "abstained": mean([float(o.abstained) for o in scored if not o.answerable]),
        },
        "forced": {"exact_match": mean(right), "f1": mean([o.forced_f1 for o in answerable])},
        "retrieval": _retrieval([] if mode == "reader" else outcomes),
        "citations": _citations(answerable if mode == "end-to-end" else []),
        "when": {
            "questions": len(dated),
            "accuracy": mean([float(o.when_right) for o in dated]),
        },
        "calibration": {
            # Of the best candidate: does its confidence tell whether it matches exactly?
            "ece": expected_calibration_error(sure, right),
            # And of all questions: does it tell the answerable from the others?
            "auroc": auroc([o.confidence for o in scored], [o.answerable for o in scored]),
            "aurc": aurc(sure, right),
        },
        "blame": {blame: blames[blame] for blame in BLAMES},
        "latency_ms": percentiles([o.latency_ms for o in outcomes if o.latency_ms is not None]),
        "intervals_95": {
            "exact_match": _interval([o.exact_match for o in scored]),
            "f1": _interval([o.f1 for o in scored]),
            "forced_f1": _interval([o.forced_f1 for o in answerable]),
        },
        "predictions": [o.as_json() for o in outcomes],
    }


def _interval(values: Sequence[float]) -> list[float] | None:
    interval = bootstrap_interval(values)
    return None if interval is None else list(interval)


def _retrieval(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Over the answerable questions that name their articles; "mrr" looks at the first 10."""
    judged = [o for o in outcomes if o.answerable and o.question.docs]
    top = [(o.ranked_ids[:RETRIEVAL_DEPTH], o.relevant_ids) for o in judged]
    return {
        "recall@1": mean([recall_at(ids, relevant, 1) for ids, relevant in top]),
        "recall@5": mean([recall_at(ids, relevant, 5) for ids, relevant in top]),
        "recall@10": mean([recall_at(ids, relevant, 10) for ids, relevant in top]),
        "mrr": mean([reciprocal_rank(ids, relevant) for ids, relevant in top]),
    }


def _citations(answerable: Sequence[Outcome]) -> dict[str, float | None]:
    """Means over the answers given that are right (F1 >= 0.5) and whose question names articles.

    precision: share of the articles cited, reprints included, that the question names.
    recall: share of the articles named that are cited.
    """
    precisions, recalls = [], []
    for outcome in answerable:
        docs = outcome.question.docs
        if outcome.given is None or outcome.f1 < RIGHT_F1 or not docs:
            continue
        cited = outcome.cited
        hits = [float(is_relevant(article, docs)) for article in cited]
        precisions.append(mean(hits) or 0.0)
        recalls.append(sum(any(_names(d, article) for article in cited) for d in docs) / len(docs))
    return {"precision": mean(precisions), "recall": mean(recalls)}
