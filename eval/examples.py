"""Gold files as what a reader is trained on, and measured on meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from eval.gold import Gold, Question
from rag.errors import InputError
from rag.training.examples import Example, find_spans, join_short
from rag.types import Article

DEV_QUESTIONS = 300
_MOST_ARTICLES = 3

FindArticles = Callable[[Sequence[str]], list[Article]]
"""The articles of some ids or file stems: what gold in JSON lines calls its docs."""


def find_among(articles: Sequence[Article]) -> FindArticles:
    """Looks for docs among these articles, by id and by the stem of the file they came from."""
    known = {Path(article.origin).stem: article for article in articles if article.origin}
    known |= {article.id: article for article in articles}
    return lambda docs: [known[doc] for doc in docs if doc in known]


def training_examples(gold: Gold, name: str, find: FindArticles) -> list[Example]:
    """What can be learned from a gold file; `name` sets its ids apart from other files'.

    A question is learned with up to three of its articles that hold an answer word for word, or
    as one without an answer. Raises InputError where nothing is left.
    """
    # Every SQuAD file counts its paragraphs from 0.
    own = {a.id: replace(a, id=f"{name}:{a.id}") for a in gold.articles}
    look = find if not own else lambda docs: [own[doc] for doc in docs if doc in own]
    examples = [e for q in gold.questions for e in _examples_of(q, look(q.docs), name)]
    if not examples:
        raise InputError(
            f"{name}: none of its {len(gold.questions)} questions can be learned from: their "
            "'docs' are not among the articles, or do not hold the answers word for word; give "
            "--articles, or the collection in --data-dir"
        )
    documents: dict[str, list[Article]] = {}
    for article in own.values():
        documents.setdefault(article.id.rpartition("-")[0], []).append(article)
    return join_short(examples, list(documents.values()))


def _examples_of(question: Question, found: Sequence[Article], name: str) -> Iterator[Example]:
    learned = 0
    for article in found:
        told = {article.text[start:end] for start, end in question.spans}
        # Offsets that do not lead to the answers are not to be trusted.
        trusted = bool(told) and told <= set(question.answers)
        spans = question.spans if trusted else find_spans(article.text, question.answers)
        if (spans or not question.answers) and learned < _MOST_ARTICLES:
            learned += 1
            example_id = f"{name}:{question.id}:{article.id}"
            yield Example(example_id, question.question, article, spans)


def dev_questions(gold: Gold, name: str, find: FindArticles) -> list[tuple[Question, Article]]:
    """At most 300 answerable questions, the same each time, each with its first article.

    Raises InputError where there are none.
    """
    look = find_among(gold.articles) if gold.articles else find
    pairs = [
        (question, article)
        for question in gold.questions
        if question.answers
        for article in look(question.docs)[:1]
    ]
    if not pairs:
        raise InputError(f"{name}: no question to measure on has an answer and an article here")
    random.Random(0).shuffle(pairs)
    return pairs[:DEV_QUESTIONS]
