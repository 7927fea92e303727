"""The stored stories are those of the articles that are there, however they came to be there."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from conftest import article, whole
from hypothesis import given
from hypothesis import strategies as st
from test_stories import STORM, VOTE, words

from rag import database as tables
from rag import story_store
from rag.passage_store import EVERYTHING, Filter
from rag.store import Store
from rag.stories import group_stories
from rag.types import Article

pytestmark = pytest.mark.every_database

LEAD = words("storm", 80)
ROUNDUP = f"{VOTE} {words('storm', 300)}"
FIRST, SECOND, THIRD = (words("w", 400, start) for start in (0, 100, 200))


def put(store: Store, *articles: Article) -> None:
    store.put([whole(a) for a in articles])


def stories(store: Store) -> list[tuple[str, ...]]:
    """The ids of every story, those of single articles too."""
    told = store.stories([a.id for a in store.page(1000)])
    return sorted({tuple(sorted(a.id for a in story)): None for story in told.values()})


def rows(store: Store) -> dict[str, int]:
    """How many rows each table of stories has."""
    with store._reading() as connection:
        return {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in (tables.tellings, tables.fingerprints, tables.pairs)
        }


def test_articles_join_stories_as_they_come(store: Store) -> None:
    put(store, article(LEAD, "lead"), article(VOTE, "vote"))
    assert stories(store) == [("lead",), ("vote",)]
    put(store, article(STORM, "storm"))
    assert stories(store) == [("lead", "storm"), ("vote",)]
    assert [a.id for a in store.stories(["lead"])["lead"]] == ["storm", "lead"]
    assert store.stories(["nobody"]) == {}


def test_an_updated_article_changes_stories(store: Store) -> None:
    put(store, article(STORM, "storm"), article(VOTE, "vote"), article(STORM, "x"))
    put(store, article(VOTE, "x"))
    assert stories(store) == [("storm",), ("vote", "x")]
    put(store, article("Rain.", "x"))
    assert stories(store) == [("storm",), ("vote",), ("x",)]


def test_a_story_falls_apart_without_what_linked_it(store: Store) -> None:
    put(store, article(FIRST, "1"), article(THIRD, "3"), article(FIRST, "copy"))
    assert stories(store) == [("1", "copy"), ("3",)]
    put(store, article(SECOND, "2"))
    assert stories(store) == [("1", "2", "3", "copy")]
    store.delete("2")
    assert stories(store) == [("1", "copy"), ("3",)]
    store.delete("1")
    assert stories(store) == [("3",), ("copy",)]


def test_nothing_is_left_of_a_deleted_article(store: Store) -> None:
    put(store, *(article(STORM, name) for name in "abc"), article("", "empty"))
    assert rows(store)["pairs"] == 3
    for name in ("b", "a", "c", "empty"):
        store.delete(name)
    assert rows(store) == {"tellings": 0, "fingerprints": 0, "pairs": 0}


def test_a_paragraph_that_everybody_prints_joins_nobody(store: Store) -> None:
    furniture = words("follow", 60)
    put(store, *(article(f"{words(f'own{i}x', 80)} {furniture}", f"a{i}") for i in range(30)))
    assert len(stories(store)) == 30


def test_what_everybody_prints_is_one_story_with_few_pairs(store: Store) -> None:
    put(store, *(article(LEAD, f"a{i:02}") for i in range(70)))
    assert [len(story) for story in stories(store)] == [70]
    assert rows(store)["pairs"] < 70 * 30
    put(store, *(article(VOTE, f"a{i:02}") for i in range(40)))  # those that all were paired with
    assert [len(story) for story in stories(store)] == [40, 30]


def test_more_articles_than_a_statement_has_variables(store: Store) -> None:
    put(store, *(article(LEAD, f"a{i}") for i in range(40)))
    long = " ".join(words(f"p{i}x", 100) for i in range(120))  # some 700 fingerprints
    put(store, article(long, "long"), article(long, "long2"))
    assert [len(story) for story in stories(store)] == [40, 2]


def test_only_tellings_that_pass_the_filter_are_given(store: Store) -> None:
    put(
        store,
        article(STORM, "wire", source="Wire", published=date(2024, 2, 1)),
        article(STORM, "post", source="Post", published=date(2024, 2, 3)),
    )

    def told(where: Filter) -> list[str]:
        return [a.id for a in store.stories(["wire"], where)["wire"]]

    assert told(EVERYTHING) == ["wire", "post"]
    assert told(Filter(until=date(2024, 2, 2))) == ["wire"]
    assert told(Filter(sources=("wire",))) == ["wire"]
    assert store.stories(["wire"], Filter(sources=("Ledger",))) == {}


def test_the_story_last_published_in_comes_first(store: Store) -> None:
    put(
        store,
        article(STORM, "s1", published=date(2024, 2, 1)),
        article(LEAD, "s2", published=date(2024, 2, 9)),
        article(VOTE, "v1", published=date(2024, 2, 5)),
        article(VOTE, "v2", published=date(2024, 2, 5)),
        article("Rain fell.", "r1"),
        article("Rain fell.", "r2"),
        article("Alone.", "alone", published=date(2024, 3, 1)),
    )
    listed = [["s1", "s2"], ["v1", "v2"], ["r1", "r2"]]
    assert [[a.id for a in story] for story in store.stories_page()] == listed
    assert [[a.id for a in story] for story in store.stories_page(1, 1)] == listed[1:2]
    assert store.stories_page(5, 3) == []
    assert store.count_stories() == 3


TEXTS = {
    "storm": STORM,
    "lead": LEAD,
    "rest": words("storm", 300, 100),
    "vote": VOTE,
    "roundup": ROUNDUP,
    "first": FIRST,
    "second": SECOND,
    "third": THIRD,
    "edited": f"{words('storm', 330)} {words('new', 70)}",
    "again": f"{words('new', 70)} {STORM}",
    "rain": "Rain.",
    "empty": "",
}
names = st.sampled_from(sorted(TEXTS))
# An article's id and the text it gets; without one it is deleted.
changes = st.lists(st.tuples(st.sampled_from("abcdefg"), names | st.none()), max_size=20)


@pytest.fixture(scope="module")
def database() -> Iterator[sa.Engine]:
    """A database in memory: what follows writes often."""
    engine = sa.create_engine("sqlite://")
    tables.metadata.create_all(engine)
    yield engine
    engine.dispose()


class Collection:
    """Articles without passages, within one transaction that is never committed."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.there: dict[str, Article] = {}

    def change(self, new: dict[str, str | None]) -> None:
        """Give articles these texts, delete those without."""
        known = [i for i in new if i in self.there]
        story_store.remove(self.connection, known)
        self.connection.execute(sa.delete(tables.articles).where(tables.articles.c.id.in_(known)))
        for gone in known:
            del self.there[gone]
        come = [article(TEXTS[name], i) for i, name in new.items() if name is not None]
        for one in come:
            self.connection.execute(sa.insert(tables.articles).values(tables.article_row(one, 1)))
        story_store.add(self.connection, come)
        self.there |= {one.id: one for one in come}

    @property
    def stories(self) -> list[tuple[str, ...]]:
        told = story_store.members(self.connection, self.there)
        return sorted({tuple(sorted(story)) for story in told.values()})

    @property
    def rows(self) -> int:
        stored = (tables.tellings, tables.fingerprints, tables.pairs)
        counts = [sa.select(sa.func.count()).select_from(table) for table in stored]
        return sum(self.connection.scalar(count) or 0 for count in counts)


@given(changed=changes, batch=st.integers(1, 4))
def test_stories_depend_on_the_articles_that_are_there_alone(
    database: sa.Engine, changed: list[tuple[str, str | None]], batch: int
) -> None:
    with database.connect() as connection:
        collection = Collection(connection)
        for start in range(0, len(changed), batch):
            collection.change(dict(changed[start : start + batch]))
            told = group_stories(collection.there.values())
            expected = {tuple(sorted(a.id for a in story)) for story in told.values()}
            assert collection.stories == sorted(expected)
        collection.change(dict.fromkeys(list(collection.there)))
        assert collection.rows == 0


@given(order=st.permutations(sorted(TEXTS)), batch=st.integers(1, 12))
def test_stories_are_the_same_in_any_order_of_arrival(
    database: sa.Engine, order: list[str], batch: int
) -> None:
    with database.connect() as connection:
        collection = Collection(connection)
        for start in range(0, len(order), batch):
            collection.change({name: name for name in order[start : start + batch]})
        assert collection.stories == [
            ("again", "edited", "lead", "rest", "storm"),
            ("empty",),
            ("first", "second", "third"),
            ("rain",),
            ("roundup", "vote"),
        ]


def test_a_failed_write_leaves_the_stories_as_they_were(store: Store) -> None:
    put(store, article(STORM, "a"), article(LEAD, "b"))
    before = rows(store)
    bad = whole(article(STORM, "c"))
    with pytest.raises(sa.exc.IntegrityError):
        store.put([whole(article(STORM, "a")), bad, bad])
    assert rows(store) == before
    assert stories(store) == [("a", "b")]
