"""What readers said of answers, kept in the collection's database until it becomes gold.

Every function works within the caller's transaction.
"""

from dataclasses import dataclass
from itertools import groupby

import sqlalchemy as sa

from rag import database as tables


@dataclass(frozen=True)
class Judgement:
    """A reader's word that an answer is right, or wrong.

    `answer` None stands for "no article answers it"; otherwise `docs` are the ids of the articles
    that the answer cites, at least one.
    """

    question: str
    answer: str | None
    right: bool
    docs: tuple[str, ...] = ()


def add(connection: sa.Connection, judgement: Judgement) -> None:
    """Keep a judgement in place of an earlier one of the same answer."""
    table, answer = tables.feedback.c, judgement.answer or ""
    same = (table.question == judgement.question) & (table.answer == answer)
    connection.execute(sa.delete(tables.feedback).where(same))
    rows = [
        {
            "question": judgement.question,
            "answer": answer,
            "article_id": article_id,
            "right": judgement.right,
        }
        for article_id in judgement.docs or ("",)
    ]
    connection.execute(sa.insert(tables.feedback), rows)


def read(connection: sa.Connection) -> list[Judgement]:
    """All judgements, by question and answer."""
    table = tables.feedback.c
    order = (table.question, table.answer, table.article_id)
    rows = connection.execute(sa.select(tables.feedback).order_by(*order))
    judged = groupby(rows, key=lambda row: (row.question, row.answer, row.right))
    return [
        Judgement(question, answer or None, right, tuple(r.article_id for r in some if answer))
        for (question, answer, right), some in judged
    ]


def forget(connection: sa.Connection, article_id: str) -> None:
    """A deleted article takes its words along; judgements that cite others too keep those."""
    gone = tables.feedback.c.article_id == article_id
    connection.execute(sa.delete(tables.feedback).where(gone))
