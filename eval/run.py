"""Ask an engine every gold question."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from eval.figures import figures
from eval.gold import Gold, Question
from eval.outcome import Outcome, unique
from eval.records import Mode, Run
from rag.errors import DatelineError, InputError
from rag.types import Article, Hit

if TYPE_CHECKING:
    from rag.engine import Dateline

SEARCH_LIMIT = 30  # passages: several may be of one article


def evaluate(
    engine: Dateline,
    gold: Gold,
    mode: Mode,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Run:
    """The figures of the run, in a form that JSON can hold.

    All shares and scores are 0..1, latencies milliseconds; None where the mode or the gold gives
    nothing to reckon from. `on_progress` is told after every question how many are done.

    end-to-end: `engine.ask`; the articles retrieved are those of the passages found, and those of
        their stories whose passages were left out because they say the same.
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
        outcome = _ask(engine, question, mode, articles)
        if outcome.blame in ("retrieval", "reading"):  # unless the gold itself is wrong
            found = tuple(_gold_articles(engine, question, articles))
            outcome = replace(outcome, gold_articles=found)
        outcomes.append(outcome)
        if on_progress is not None:
            on_progress(done)
    return figures(outcomes, mode)


def require_articles(engine: Dateline, gold: Gold) -> None:
    """Raise InputError when the gold names articles and the collection holds none of them.

    Every question would be missed, and the gold be blamed for it.
    """
    docs = list(dict.fromkeys(doc for question in gold.questions for doc in question.docs))
    if docs and not any(engine.find_articles([doc]) for doc in docs):
        raise InputError(
            f"the collection holds none of the {len(docs)} articles that the gold names in 'docs'"
            f" (such as {docs[0]!r}): give --articles, or the --data-dir of the right one"
        )


def _ask(
    engine: Dateline, question: Question, mode: Mode, articles: Mapping[str, Article]
) -> Outcome:
    try:
        if mode == "retrieval":
            started = time.perf_counter()
            hits = engine.search(question.question, limit=SEARCH_LIMIT)
            elapsed = 1000 * (time.perf_counter() - started)
            return Outcome(question, mode, ranked=_ranked(hits), latency_ms=elapsed)
        if mode == "reader":
            if not question.docs and not question.answers:
                return Outcome(question, mode)
            found = _gold_articles(engine, question, articles)
            if not found:
                named = ", ".join(question.docs) or "none named"
                raise InputError(f"no article to read for question {question.id!r} (docs: {named})")
            reply = engine.read(question.question, found)
            return Outcome(question, mode, reply, latency_ms=reply.timings.total)
        reply = engine.ask(question.question)
        return Outcome(question, mode, reply, _ranked(reply.hits), reply.timings.total)
    except DatelineError as error:
        return Outcome(question, mode, error=str(error))


def _ranked(hits: Sequence[Hit]) -> tuple[Article, ...]:
    """The articles found: a passage left out because its story told it already is found too."""
    return tuple(unique([a for hit in hits for a in (hit.passage.article, *hit.folded)]))


def _gold_articles(
    engine: Dateline, question: Question, articles: Mapping[str, Article]
) -> list[Article]:
    """The articles that the question names, of the gold's own or else of the collection."""
    if articles:
        return [articles[doc] for doc in question.docs if doc in articles]
    return engine.find_articles(question.docs)
