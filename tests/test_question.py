import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.question import as_question, asks_the_same, echoes


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ("Who is Klara Wendt?", "Who is Klara Wendt?"),
        ("who is klara wendt", "who is klara wendt?"),
        ("  Why  did\nthey leave ??", "Why did they leave?"),
        ("Where was it signed.", "Where was it signed?"),
        ("in which town was it signed", "in which town was it signed?"),
        ("Did the talks fail", "Did the talks fail?"),
        ("name the members", "name the members?"),
        ("depth of the wreck", "What is the depth of the wreck?"),
        ("SCO members", "What is the SCO members?"),
        ("the first chair?", "What is the first chair?"),
        ("A new ferry", "What is A new ferry?"),
        ("?", "?"),
    ],
)
def test_what_is_asked_becomes_a_whole_question(asked: str, question: str) -> None:
    assert as_question(asked) == question


@given(st.text(min_size=1))
def test_a_whole_question_stays_as_it_is(asked: str) -> None:
    question = as_question(asked)
    assert as_question(question) == question


@pytest.mark.parametrize(
    ("question", "answer", "echo"),
    [
        ("Who is Klara Wendt?", "Klara Wendt", True),
        ("who is klara wendt", "Wendt", True),
        ("Who is Klara Wendt?", "the hydrologist Klara Wendt", False),
        ("what's the Petrel?", "Petrel", True),
        ("How many of the four boats sank?", "four", False),
        ("Which of the boats sank first?", "boats", False),
        ("What was the Tern or the Petrel?", "the Petrel", False),
        ("Was it the Tern or the Petrel?", "the Petrel", False),
        ("How many were there?", "11", False),
        ("What is it?", "the", True),
    ],
)
def test_what_something_is_is_not_its_own_name(question: str, answer: str, echo: bool) -> None:
    assert echoes(question, answer) is echo


@pytest.mark.parametrize(
    ("question", "sentence", "same"),
    [
        ("Which lake is the deepest in Ostrevia?", "Which lake is Ostrevia's deepest?", True),
        ("Which lake is the deepest in Ostrevia?", "“Which lake in Ostrevia is deepest?”", True),
        ("Which lake is the deepest in Ostrevia?", "Lake Tolm is the deepest in Ostrevia.", False),
        ("Which lake is the deepest in Ostrevia?", "Is the ferry safe?", False),
        ("How many boats sank off Holm?", "Did you know that 14 boats sank off Holm?", False),
        ("Who is it?", "Who was the judge?", False),
    ],
)
def test_a_sentence_may_ask_the_same(question: str, sentence: str, same: bool) -> None:
    assert asks_the_same(question, sentence) is same
