"""Where answers stand, sentences among their neighbours, and questions made unanswerable."""

from dataclasses import replace

import pytest
from conftest import article
from hypothesis import given
from hypothesis import strategies as st
from tiny import example

from rag.training.examples import Example, Offsets, find_spans, join_short, unanswerable_twins
from rag.types import Article

# --- find_spans


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("rain and rain", ["rain"], [(0, 4), (9, 13)]),
        ("raining rain", ["rain"], [(8, 12)]),
        ("Rain, rain", ["rain"], [(6, 10)]),
        ("seven boats", ["boats", "seven boats", "boats"], [(0, 11), (6, 11)]),
        ("It cost $5 (five).", ["$5"], [(8, 10)]),
        ("It cost $50.", ["$5"], []),
        ("axb a.b", ["a.b"], [(4, 7)]),
        ("In C++ (1985)", ["C++", "(1985)"], [(3, 6), (7, 13)]),
        ("😀 in Rome", [" Rome\n"], [(5, 9)]),
        ("Rome", ["Paris"], []),
        ("Rome", [], []),
        ("", ["Rome"], []),
        ("Rome, Paris", ["", " "], []),
    ],
)
def test_an_answer_stands_where_its_whole_words_do(
    text: str, answers: list[str], expected: list[Offsets]
) -> None:
    assert find_spans(text, answers) == tuple(expected)


# --- join_short


def document(*sizes: int, name: str = "d") -> list[Article]:
    """One article of so many words for each size; no two words are the same."""
    return [
        article(" ".join(f"p{part}w{word}" for word in range(size)), id=f"{name}-{part}")
        for part, size in enumerate(sizes)
    ]


def asked(articles: list[Article]) -> list[Example]:
    """A question on the last word of each article."""
    return [
        Example(f"q{a.id}", "Which?", a, ((a.text.rfind(" ") + 1, len(a.text)),)) for a in articles
    ]


@given(st.lists(st.lists(st.integers(1, 130), min_size=1, max_size=7), max_size=3))
def test_an_answer_is_the_same_words_after_joining(sizes: list[list[int]]) -> None:
    documents = [document(*s, name=f"d{number}") for number, s in enumerate(sizes)]
    before = [e for articles in documents for e in asked(articles)]
    after = join_short(before, documents)
    for old, new in zip(before, after, strict=True):
        ((start, end),), ((new_start, new_end),) = old.spans, new.spans
        assert new.article.text[new_start:new_end] == old.article.text[start:end]
        assert old.article.text in new.article.text
        assert replace(new, article=old.article, spans=old.spans) == old


def test_a_long_article_stays_alone() -> None:
    parts = document(5, 60, 5)
    assert join_short(asked(parts), [parts])[1] == asked(parts)[1]


@pytest.mark.parametrize(
    ("sizes", "position", "joined"),
    [
        # Before and after in turn, what is before first, until there are 110 words.
        ((30, 30, 30, 30, 30), 2, [0, 1, 2, 3]),
        ((30, 80, 30, 30), 2, [1, 2]),
        ((30, 30, 90), 1, [0, 1, 2]),
        # At either end, all that is missing is taken from the other side.
        ((30, 30, 30, 30, 30), 0, [0, 1, 2, 3]),
        ((30, 30, 30, 30, 30), 4, [1, 2, 3, 4]),
        ((5, 5), 1, [0, 1]),
    ],
)
def test_a_sentence_is_read_among_its_neighbours(
    sizes: tuple[int, ...], position: int, joined: list[int]
) -> None:
    parts = document(*sizes)
    example = join_short(asked(parts), [parts])[position]
    assert example.article.text == " ".join(parts[i].text for i in joined)
    assert example.article.id == f"d-{position}+"


@pytest.mark.parametrize("parts", [1, 61])
def test_what_is_no_document_is_not_joined(parts: int) -> None:
    articles = document(*[3] * parts)
    assert join_short(asked(articles), [articles]) == asked(articles)


# --- unanswerable_twins


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Who was the first to land?", {"Who was the last to land?"}),
        ("Who landed last?", {"Who landed first?"}),
        ("What is the northern border?", {"What is the southern border?"}),
        ("Who won most votes?", {"Who lost most votes?", "Who won least votes?"}),
        ("What did they see?", {"What did they not see?", "What did they never see?"}),
        ("Why should Anna go?", {"Why should Anna not go?", "Why should Anna never go?"}),
        # A word in a word has no opposite, nor has a name.
        ("What is in the almost empty box?", set()),
        ("Where is Most?", set()),
        ("Where is it?", set()),
    ],
)
def test_the_sense_of_a_question_is_changed(question: str, expected: set[str]) -> None:
    given = [example(question, "It is there.", ["there"])]
    found = {twin.question for seed in range(20) for twin in unanswerable_twins(given, 1.0, seed)}
    assert found == expected


def test_a_twin_is_a_question_without_answer_on_the_same_text() -> None:
    original = example("Who came first?", "Anna came first.", ["Anna"], id="q1")
    assert unanswerable_twins([original], 1.0, 0) == [
        Example("q1~", "Who came last?", original.article, ())
    ]


def test_a_question_without_answer_has_no_twin() -> None:
    assert unanswerable_twins([example("Who came first?", "Rain fell.")], 1.0, 0) == []


PEOPLE = ["Anna Bell", "Carl Dorn", "Eve Fox", "Gus Hay", "Ida of Jena"]


def born(person: str, text: str, document: str = "d", number: int = 0) -> Example:
    question = f"In what year was {person} born?"
    return example(question, text, ["1950"], article_id=f"{document}-{number}")


def test_a_name_gives_way_to_another_of_the_document_that_the_text_lacks() -> None:
    text = "Anna Bell, born 1950, knew Carl Dorn."
    others = [born(person, "Born 1950.", number=1) for person in PEOPLE[1:]]
    elsewhere = born("Kim Lund", "Born 1950.", document="other")
    found = {
        twin.question
        for seed in range(40)
        for twin in unanswerable_twins([born("Anna Bell", text), *others, elsewhere], 1.0, seed)
        if twin.article.text == text
    }
    assert found == {f"In what year was {person} born?" for person in PEOPLE[2:]}


def test_a_name_is_changed_only_if_the_text_has_it_and_lacks_another() -> None:
    text = "Anna Bell and Carl Dorn, both born 1950."
    known = [born("Anna Bell", text), born("Carl Dorn", text)]
    assert unanswerable_twins(known, 1.0, 0) == []
    strangers = [born("Eve Fox", text), born("Gus Hay", text)]
    assert unanswerable_twins(strangers, 1.0, 0) == []


@given(st.integers(0, 3000), st.lists(st.integers(0, 3000), max_size=30), st.integers(0, 20))
def test_a_number_gives_way_to_one_that_the_text_lacks(
    number: int, others: list[int], seed: int
) -> None:
    text = f"It was there in {' and '.join(map(str, others))}."
    given = example(f"Where is number {number}?", text, ["there"])
    for twin in unanswerable_twins([given], 1.0, seed):
        changed = twin.question.removeprefix("Where is number ").removesuffix("?")
        assert changed.isdecimal()
        assert int(changed) not in {number, *others}


def test_a_number_never_gives_way_to_itself() -> None:
    given = example("Where is number 1?", "Number 1 is there.", ["there"])
    twins = [twin for seed in range(40) for twin in unanswerable_twins([given], 1.0, seed)]
    assert {twin.question[-2] for twin in twins} == {"0", "2", "3", "4"}


def test_a_number_that_the_text_does_not_write_is_left_alone() -> None:
    given = example("Where is number 1?", "It is there.", ["there"])
    assert [t for seed in range(20) for t in unanswerable_twins([given], 1.0, seed)] == []


def test_a_number_with_thousands_marked_stands_in_the_text() -> None:
    text = " ".join(f"{number:,}" for number in range(1000, 4000)) + " votes"
    given = example("What were the 2,000 for?", text, ["votes"])
    assert [t for seed in range(20) for t in unanswerable_twins([given], 1.0, seed)] == []


MANY = [example("Who came first?", "Anna came.", ["Anna"], id=f"q{n}") for n in range(400)]


def test_share_of_questions_with_a_twin() -> None:
    assert unanswerable_twins(MANY, 0.0, 0) == []
    assert [t.id for t in unanswerable_twins(MANY, 1.0, 0)] == [f"{e.id}~" for e in MANY]
    assert 80 < len(unanswerable_twins(MANY, 0.25, 0)) < 120


def test_the_same_seed_gives_the_same_twins() -> None:
    assert unanswerable_twins(MANY, 0.5, 1) == unanswerable_twins(MANY, 0.5, 1)
    assert unanswerable_twins(MANY, 0.5, 1) != unanswerable_twins(MANY, 0.5, 2)
