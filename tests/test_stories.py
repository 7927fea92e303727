"""Who repeats another's text tells no story of their own."""

from datetime import date
from itertools import combinations

import numpy as np
import pytest
from conftest import article
from hypothesis import given
from hypothesis import strategies as st

from rag.stories import Shingles, describe, fullest_first, group_stories, same_story


def words(name: str, number: int, first: int = 0) -> str:
    """That many words that stand nowhere else: "storm0 storm1 storm2"."""
    return " ".join(f"{name}{i}" for i in range(first, first + number))


STORM = words("storm", 400)
VOTE = words("vote", 300)
LONG_ITEM = words("storm", 300)
UPDATED = f"{words('storm', 200)} {words('new', 100)} {words('storm', 200, 200)}"
A, B, C = words("a", 120), words("b", 120), words("c", 120)
OTHER_NEWS = words("more", 900)


def grouped(texts: dict[str, str]) -> list[tuple[str, ...]]:
    """The stories of the texts, as sorted ids."""
    stories = group_stories(article(text, id) for id, text in texts.items())
    assert stories.keys() == texts.keys()
    return sorted({tuple(sorted(a.id for a in story)): None for story in stories.values()})


# --- shingles and fingerprints


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("?!", 0),
        ("Rain, again!", 1),
        ("One two three four five", 1),
        ("One two, three four five. SIX", 2),
        (STORM, 396),
    ],
)
def test_a_shingle_for_every_run_of_five_words(text: str, expected: int) -> None:
    assert len(Shingles.of(text).ordered) == expected


def test_shingles_are_of_words_in_their_order_and_nothing_else() -> None:
    plain = Shingles.of("the storm came on tuesday night").ordered.tolist()
    assert Shingles.of("The storm, came:\n“on” TUESDAY night!").ordered.tolist() == plain
    assert Shingles.of("storm the came on tuesday night").ordered.tolist() != plain
    assert len(set(plain)) == 2


def test_shingles_are_the_same_in_every_process() -> None:
    # They are stored: other values are another schema.
    (number,) = Shingles.of("the storm came on tuesday").ordered.tolist()
    assert number == 4567216819039864836


@given(st.integers(0, 300), st.integers(36, 100), st.integers(0, 50), st.integers(0, 50))
def test_36_words_in_a_row_in_common_are_a_fingerprint_in_common(
    start: int, length: int, before: int, after: int
) -> None:
    other = f"{words('a', before)} {words('storm', length, start)} {words('b', after)}"
    common = set(Shingles.of(STORM).fingerprints.tolist()) & set(
        Shingles.of(other).fingerprints.tolist()
    )
    assert common


@pytest.mark.parametrize(
    ("text", "most"), [("", 0), ("Rain.", 1), (words("a", 20), 1), (STORM, 40)]
)
def test_fingerprints_are_few(text: str, most: int) -> None:
    found = Shingles.of(text).fingerprints
    assert len(found) <= most
    assert len(found) > 0 or not text
    assert np.all(np.isin(found, Shingles.of(text).ordered))


# --- same story


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, []),
        ({"a": STORM}, [("a",)]),
        ({"a": STORM, "b": STORM}, [("a", "b")]),
        ({"a": STORM, "b": STORM.upper().replace(" ", ", ")}, [("a", "b")]),
        ({"a": "Rain.", "b": "rain", "c": "Snow."}, [("a", "b"), ("c",)]),
        ({"a": "", "b": ""}, [("a",), ("b",)]),  # nothing is told
        # A truncated copy, however short, and one without its beginning.
        ({"a": STORM, "lead": words("storm", 60)}, [("a", "lead")]),
        ({"a": STORM, "rest": words("storm", 300, 100)}, [("a", "rest")]),
        # An update with new paragraphs on top, and one with new ones within.
        ({"a": STORM, "new": f"{words('new', 60)} {STORM}"}, [("a", "new")]),
        ({"a": STORM, "new": UPDATED}, [("a", "new")]),
        # A paragraph of another article within one's own, or above it.
        ({"a": STORM, "v": f"{VOTE} {words('storm', 60)}"}, [("a",), ("v",)]),
        ({"a": STORM, "v": f"{words('storm', 60)} {VOTE}"}, [("a",), ("v",)]),
        # A short item within a roundup is not the roundup, though all of it stands there.
        ({"i": words("storm", 60), "round": f"{VOTE} {words('storm', 60)}"}, [("i",), ("round",)]),
        # A roundup joins no two items, even where most of a longer one stands in it.
        ({"round": f"{VOTE} {LONG_ITEM}", "s": LONG_ITEM, "v": VOTE}, [("round", "v"), ("s",)]),
        ({"round": f"{VOTE} {LONG_ITEM}", "s": STORM, "v": VOTE}, [("round", "v"), ("s",)]),
        ({"a": A, "b": B, "c": C, "round": f"{A} {B} {C}"}, [("a", "round"), ("b",), ("c",)]),
        # Own news above the same long list of other news.
        ({"a": f"{A} {OTHER_NEWS}", "b": f"{B} {OTHER_NEWS}"}, [("a",), ("b",)]),
        # A chain of versions is one story, though the first and last have little in common.
        (
            {"1": words("w", 400), "2": words("w", 400, 100), "3": words("w", 400, 200)},
            [("1", "2", "3")],
        ),
    ],
)
def test_stories(texts: dict[str, str], expected: list[tuple[str, ...]]) -> None:
    assert grouped(texts) == expected


@pytest.mark.parametrize(("kept", "same"), [(400, True), (300, True), (270, False), (100, False)])
def test_a_copy_with_new_words_is_a_reprint_from_a_share_on(kept: int, same: bool) -> None:
    edited = Shingles.of(f"{words('storm', kept)} {words('new', 400 - kept)}")
    assert same_story(edited, Shingles.of(STORM)) == same


PARTS = [STORM, words("storm", 150), words("storm", 250, 100), VOTE, words("vote", 90), "Rain.", ""]


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_articles_does_not_matter(texts: list[str], random: st.DataObject) -> None:
    articles = [article(text, f"a{i}") for i, text in enumerate(texts)]
    stories = group_stories(articles)
    random.shuffle(articles)
    assert group_stories(articles * 2) == stories
    for one, other in combinations(articles, 2):
        told = same_story(Shingles.of(one.text), Shingles.of(other.text))
        assert told == same_story(Shingles.of(other.text), Shingles.of(one.text))
        if told:
            assert stories[one.id] == stories[other.id]


# --- what each telling is


def test_the_fullest_is_the_longest_and_of_equals_the_first_published() -> None:
    told = [
        article("Rain.", "short", published=date(2024, 1, 1)),
        article("Rain fell.", "undated"),
        article("Rain fell.", "late", published=date(2024, 3, 1)),
        article("Rain fell.", "early", published=date(2024, 2, 1)),
        article("Rain fell.", "and", published=date(2024, 2, 1)),
    ]
    ordered = ["and", "early", "late", "undated", "short"]
    assert [a.id for a in fullest_first(told)] == ordered
    assert [a.id for a in fullest_first(reversed(told))] == ordered


EDITED = f"{words('storm', 320)} {words('new', 60)}"


@pytest.mark.parametrize(
    ("text", "source", "relation"),
    [
        (STORM, "Wire", "reprint"),
        (STORM, "Post", "reprint"),
        (words("storm", 380), "Post", "reprint"),
        (words("storm", 300), "Post", "truncated copy"),
        (words("storm", 60), "Wire", "truncated copy"),
        # An outlet edits what it takes from others, and updates what is its own.
        (EDITED, "Post", "reprint"),
        (EDITED, None, "reprint"),
        (EDITED, "Wire", "update"),
        (f"{words('storm', 160)} {words('new', 40)}", "Post", "update"),
    ],
)
def test_what_a_telling_is_to_the_fullest(text: str, source: str | None, relation: str) -> None:
    fullest = article(STORM, "wire", source="Wire")
    other = article(text, "x", source=source)
    story = describe([other, fullest])
    assert [t.article for t in story.tellings] == [fullest, other]
    assert [t.relation for t in story.tellings] == ["fullest", relation]


def test_a_story_has_the_days_and_outlets_of_its_articles() -> None:
    story = describe(
        [
            article(STORM, "b", source="Post", published=date(2024, 2, 2)),
            article(STORM, "a", source="Wire", published=date(2024, 2, 1)),
            article(STORM, "c", source="Post"),
        ]
    )
    assert (story.first_published, story.last_published) == (date(2024, 2, 1), date(2024, 2, 2))
    assert story.sources == ("Post", "Wire")
    bare = describe([article(STORM)])
    assert (bare.first_published, bare.last_published, bare.sources) == (None, None, ())
