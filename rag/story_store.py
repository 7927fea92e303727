"""Which articles of a collection tell one story, kept in the tables of its database.

A story is what pairs of articles that tell the same (`rag.stories.same_story`) connect. Pairs
depend on two texts alone, so the same articles make the same stories in whatever order they
came, and the story of an article that is deleted falls apart into what is still connected.
Every function works within the caller's transaction.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from rag import database as tables
from rag.stories import Shingles, same_story
from rag.types import Article

_WORTH_COMPARING = 1 / 5
"""Share of the fingerprints of the shorter text; copies have some `SAME_TEXT` of them in common."""


def add(connection: sa.Connection, articles: Sequence[Article]) -> None:
    """Find the stories of articles that were just written."""
    texts = {article.id: Shingles.of(article.text) for article in articles}
    new = dict(texts)
    _insert(
        connection,
        tables.tellings,
        [
            {"article_id": one, "story": one, "fingerprints": len(own.fingerprints)}
            for one, own in new.items()
        ],
    )
    # In the order of the table, which saves a database on disk some of the way.
    held = sorted((number, one) for one, own in new.items() for number in own.fingerprints.tolist())
    rows = [{"hash": number, "article_id": one} for number, one in held]
    _insert(connection, tables.fingerprints, rows)
    pairs = set()
    for one, own in new.items():
        found = _candidates(connection, one, own)
        _read_texts(connection, found, texts)
        pairs |= {(min(one, o), max(one, o)) for o in found if same_story(own, texts[o])}
    _insert(connection, tables.pairs, [{"first": a, "second": b} for a, b in sorted(pairs)])
    for pair in pairs:
        _join(connection, pair)


def remove(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Take articles that are about to be deleted out of their stories."""
    texts: dict[str, Shingles] = {}
    _read_texts(connection, ids, texts)
    left = {
        other
        for story in members(connection, texts).values()
        for other in story
        if other not in texts
    }
    for article_id, own in texts.items():
        for some in tables.portions(own.fingerprints.tolist()):
            connection.execute(
                sa.delete(tables.fingerprints).where(
                    tables.fingerprints.c.hash.in_(some)
                    & (tables.fingerprints.c.article_id == article_id)
                )
            )
    for gone in tables.portions(list(texts)):
        pairs = tables.pairs.c
        connection.execute(
            sa.delete(tables.pairs).where(pairs.first.in_(gone) | pairs.second.in_(gone))
        )
        connection.execute(sa.delete(tables.tellings).where(tables.tellings.c.article_id.in_(gone)))
    _regroup(connection, left)


def members(connection: sa.Connection, ids: Iterable[str]) -> dict[str, list[str]]:
    """Id -> the ids of all articles of its story, itself included; only ids that exist."""
    tellings = tables.tellings.c
    stories: dict[str, str] = {}
    told: dict[str, list[str]] = {}
    for some in tables.portions(list(ids)):
        own = sa.select(tellings.article_id, tellings.story).where(tellings.article_id.in_(some))
        stories |= {row.article_id: row.story for row in connection.execute(own)}
    for some in tables.portions(sorted(set(stories.values()))):
        all_of_them = sa.select(tellings.article_id, tellings.story).where(tellings.story.in_(some))
        for row in connection.execute(all_of_them):
            told.setdefault(row.story, []).append(row.article_id)
    return {article_id: told[story] for article_id, story in stories.items()}


def page(connection: sa.Connection, limit: int, offset: int) -> list[list[str]]:
    """The ids of each story with more than one article, the story last published in first."""
    newest = sa.func.max(tables.articles.c.published)
    story = tables.tellings.c.story
    query = (
        sa.select(story)
        .join_from(tables.tellings, tables.articles)
        .group_by(story)
        .having(sa.func.count() > 1)
        .order_by(newest.desc().nulls_last(), story)
        .limit(limit)
        .offset(offset)
    )
    named = list(connection.scalars(query))
    told = members(connection, named)
    return [told[name] for name in named]


def count(connection: sa.Connection) -> int:
    """How many stories have more than one article."""
    story = tables.tellings.c.story
    several = sa.select(story).group_by(story).having(sa.func.count() > 1).subquery()
    return int(connection.scalar(sa.select(sa.func.count()).select_from(several)) or 0)


def _insert(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), rows)


def _candidates(connection: sa.Connection, article_id: str, own: Shingles) -> list[str]:
    """The other articles with enough fingerprints in common with a text to be compared with it."""
    held, tellings = tables.fingerprints.c, tables.tellings.c
    shared: Counter[str] = Counter()
    for some in tables.portions(numbers := own.fingerprints.tolist()):
        holders = (
            sa.select(held.article_id, sa.func.count().label("common"))
            .where(held.hash.in_(some) & (held.article_id != article_id))
            .group_by(held.article_id)
        )
        for row in connection.execute(holders):
            shared[row.article_id] += row.common
    sizes: dict[str, int] = {}
    for others in tables.portions(list(shared)):
        query = sa.select(tellings.article_id, tellings.fingerprints).where(
            tellings.article_id.in_(others)
        )
        sizes |= {row.article_id: row.fingerprints for row in connection.execute(query)}
    return [
        other
        for other, common in shared.items()
        if common >= _WORTH_COMPARING * min(len(numbers), sizes[other])
    ]


def _read_texts(
    connection: sa.Connection, ids: Collection[str], texts: dict[str, Shingles]
) -> None:
    """Look up into `texts` what it does not hold yet."""
    for some in tables.portions([i for i in ids if i not in texts]):
        query = sa.select(tables.articles.c.id, tables.articles.c.text).where(
            tables.articles.c.id.in_(some)
        )
        texts |= {row.id: Shingles.of(row.text) for row in connection.execute(query)}


def _join(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Make one story of the stories of these articles."""
    tellings = tables.tellings.c
    stories = list(
        connection.scalars(sa.select(tellings.story).where(tellings.article_id.in_(ids)).distinct())
    )
    connection.execute(
        sa.update(tables.tellings).where(tellings.story.in_(stories)).values(story=min(stories))
    )


def _regroup(connection: sa.Connection, ids: Collection[str]) -> None:
    """Work the stories of these articles out again; all that their pairs reach are among them."""
    linked: dict[str, set[str]] = {article_id: set() for article_id in ids}
    for some in tables.portions(sorted(ids)):
        query = sa.select(tables.pairs).where(tables.pairs.c.first.in_(some))
        for first, second in connection.execute(query):
            linked[first].add(second)
            linked[second].add(first)
    while linked:
        story: set[str] = set()
        reached = {min(linked)}
        while reached:
            story |= reached
            reached = {other for one in reached for other in linked.pop(one)} - story
        for some in tables.portions(sorted(story)):
            connection.execute(
                sa.update(tables.tellings)
                .where(tables.tellings.c.article_id.in_(some))
                .values(story=min(story))
            )
