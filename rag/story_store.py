"""Which articles of a collection tell one story, kept in the tables of its database.

A story is what pairs of articles that tell the same (`rag.stories.same_story`) connect. Pairs
depend on two texts alone, so the same articles make the same stories in whatever order they
came; what the story of a deleted article leaves behind is paired anew.
Every function works within the caller's transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from rag import database as tables
from rag.stories import Shingles, same_story
from rag.types import Article

_WORTH_COMPARING = 1 / 5
"""Share of the fingerprints of the shorter text; copies have some `SAME_TEXT` of them in common."""
_COMMON = 30
"""Articles that hold a fingerprint from which it leads to the first so many by id alone: all copies
of what is printed everywhere are paired with the same few, and page furniture costs no more."""


def add(connection: sa.Connection, articles: Sequence[Article]) -> None:
    """Find the stories of articles that were just written."""
    new = {article.id: Shingles.of(article.text) for article in articles}
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
    _link(connection, new)


def remove(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Take articles that are about to be deleted out of their stories."""
    texts = _read_texts(connection, ids)
    told = members(connection, texts).values()
    left = sorted({other for story in told for other in story if other not in texts})
    for article_id, own in texts.items():
        for some in tables.portions(own.fingerprints.tolist()):
            connection.execute(
                sa.delete(tables.fingerprints).where(
                    tables.fingerprints.c.hash.in_(some)
                    & (tables.fingerprints.c.article_id == article_id)
                )
            )
    pairs, tellings = tables.pairs.c, tables.tellings.c
    for some in tables.portions([*texts, *left]):
        connection.execute(
            sa.delete(tables.pairs).where(pairs.first.in_(some) | pairs.second.in_(some))
        )
    for gone in tables.portions(list(texts)):
        connection.execute(sa.delete(tables.tellings).where(tellings.article_id.in_(gone)))
    for alone in tables.portions(left):
        connection.execute(
            sa.update(tables.tellings)
            .where(tellings.article_id.in_(alone))
            .values(story=tellings.article_id)
        )
    _link(connection, _read_texts(connection, left))


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


def _link(connection: sa.Connection, unlinked: Mapping[str, Shingles]) -> None:
    """Find and keep the pairs of articles that have none yet, and join the stories they connect."""
    texts = dict(unlinked)
    pairs = set()
    for one, own in unlinked.items():
        found = _candidates(connection, one, own)
        texts |= _read_texts(connection, [other for other in found if other not in texts])
        pairs |= {(min(one, o), max(one, o)) for o in found if same_story(own, texts[o])}
    _insert(connection, tables.pairs, [{"first": a, "second": b} for a, b in sorted(pairs)])
    names = {i: min(told) for i, told in members(connection, {i for p in pairs for i in p}).items()}
    joined: dict[str, str] = {}  # the name of a story -> that of the story it is part of

    def whole(name: str) -> str:
        while name in joined:
            name = joined[name]
        return name

    for first, second in sorted(pairs):
        smaller, larger = sorted((whole(names[first]), whole(names[second])))
        if smaller != larger:
            joined[larger] = smaller
    for name in joined:
        connection.execute(
            sa.update(tables.tellings)
            .where(tables.tellings.c.story == name)
            .values(story=whole(name))
        )


def _candidates(connection: sa.Connection, article_id: str, own: Shingles) -> list[str]:
    """The other articles with enough fingerprints in common with a text to be compared with it."""
    held, tellings = tables.fingerprints.c, tables.tellings.c
    shared: Counter[str] = Counter()
    rare: list[int] = []
    numbers = own.fingerprints.tolist()
    for some in tables.portions(numbers):
        counts = sa.select(held.hash, sa.func.count().label("articles")).where(held.hash.in_(some))
        for row in connection.execute(counts.group_by(held.hash)):
            if row.articles <= _COMMON:
                rare.append(row.hash)
                continue
            first = sa.select(held.article_id).where(held.hash == row.hash)
            shared.update(connection.scalars(first.order_by(held.article_id).limit(_COMMON)))
    for some in tables.portions(rare):
        shared.update(connection.scalars(sa.select(held.article_id).where(held.hash.in_(some))))
    del shared[article_id]
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


def _read_texts(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Shingles]:
    """Id -> its text's shingles; only ids that exist."""
    texts: dict[str, Shingles] = {}
    for some in tables.portions(ids):
        query = sa.select(tables.articles.c.id, tables.articles.c.text).where(
            tables.articles.c.id.in_(some)
        )
        texts |= {row.id: Shingles.of(row.text) for row in connection.execute(query)}
    return texts


def is_sound(connection: sa.Connection) -> bool:
    """Whether every article tells one story with its fingerprints, named as its pairs say."""
    tellings, articles = tables.tellings.c, tables.articles.c
    untold = ~sa.exists().where(tellings.article_id == articles.id)
    if connection.scalar(sa.select(sa.func.count()).select_from(tables.articles).where(untold)):
        return False
    held = tables.fingerprints.c.article_id
    counts = sa.select(held, sa.func.count().label("number")).group_by(held)
    counted = {row.article_id: row.number for row in connection.execute(counts)}
    names: dict[str, str] = {}
    for article_id, story, number in connection.execute(sa.select(tables.tellings)):
        names[article_id] = story
        if counted.get(article_id, 0) != number:
            return False
    parents = {article_id: article_id for article_id in names}

    def first(one: str) -> str:
        while parents[one] != one:
            one = parents[one]
        return one

    for one, other in connection.execute(sa.select(tables.pairs)):
        if one not in names or other not in names:
            return False
        smaller, larger = sorted((first(one), first(other)))
        parents[larger] = smaller
    return all(first(article_id) == story for article_id, story in names.items())
