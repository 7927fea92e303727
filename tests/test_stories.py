"""Who repeats another's text tells no story of their own."""

import pytest
from conftest import article
from hypothesis import given
from hypothesis import strategies as st

from rag.stories import SAME_STORY, containment, shingles, story_numbers

STORM = " ".join(f"storm{i}" for i in range(40))
VOTE = " ".join(f"vote{i}" for i in range(30))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {()}),
        ("Rain, again!", {("rain", "again")}),
        ("One two three four five", {("one", "two", "three", "four", "five")}),
        (
            "One two, three four five. SIX",
            {("one", "two", "three", "four", "five"), ("two", "three", "four", "five", "six")},
        ),
    ],
)
def test_shingles(text: str, expected: set[tuple[str, ...]]) -> None:
    assert shingles(text) == expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (set(), set(), 0.0),
        ({("x",)}, set(), 0.0),
        ({("x",)}, {("x",)}, 1.0),
        ({("x",)}, {("y",)}, 0.0),
        ({("x",)}, {("x",), ("y",), ("z",)}, 1.0),
        ({("x",), ("w",)}, {("x",), ("y",), ("z",)}, 0.5),
    ],
)
def test_containment_is_of_the_smaller_in_the_other(
    a: set[tuple[str, ...]], b: set[tuple[str, ...]], expected: float
) -> None:
    assert containment(a, b) == containment(b, a) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, {}),
        ({"a": STORM}, {"a": 0}),
        ({"a": STORM, "b": STORM}, {"a": 0, "b": 0}),
        # A truncated copy and one with case and punctuation changed.
        ({"cut": STORM[:120], "a": STORM}, {"a": 0, "cut": 0}),
        ({"a": STORM, "b": STORM.upper().replace(" ", ", ")}, {"a": 0, "b": 0}),
        # The longest telling's story is number 0, whatever comes first.
        ({"v": VOTE, "a": STORM, "cut": VOTE[:100]}, {"a": 0, "v": 1, "cut": 1}),
        ({"a": STORM, "longer": f"{STORM} {VOTE[:40]}"}, {"longer": 0, "a": 0}),
        # A quoted sentence makes no reprint.
        ({"v": f"{VOTE} {STORM[:60]}", "a": STORM}, {"a": 0, "v": 1}),
        ({"a": "Rain.", "b": "rain", "c": "Snow."}, {"a": 0, "b": 0, "c": 1}),
    ],
)
def test_story_numbers(texts: dict[str, str], expected: dict[str, int]) -> None:
    assert story_numbers(article(text, id) for id, text in texts.items()) == expected


@pytest.mark.parametrize(("kept", "same"), [(35, True), (30, True), (22, False)])
def test_a_copy_with_new_words_is_a_reprint_from_a_share_on(kept: int, same: bool) -> None:
    words = STORM.split()
    copy = words[:kept] + [f"new{i}" for i in range(40 - kept)]
    share = (kept - 4) / 36
    assert (share >= SAME_STORY) == same
    numbers = story_numbers([article(STORM), article(" ".join(copy), "b")])
    assert (numbers["a"] == numbers["b"]) == same


@given(st.lists(st.sampled_from([STORM, STORM[:150], VOTE, VOTE[:90], "Rain.", ""]), max_size=8))
def test_the_order_of_articles_does_not_matter(texts: list[str]) -> None:
    articles = [article(text, f"a{i}") for i, text in enumerate(texts)]
    numbers = story_numbers(articles)
    assert numbers == story_numbers(reversed(articles))
    assert set(numbers) == {a.id for a in articles}
    assert set(numbers.values()) == set(range(len(set(numbers.values()))))
    assert story_numbers(articles * 2) == numbers
