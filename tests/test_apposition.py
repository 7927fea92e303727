"""Who somebody is stands beside the name."""

import pytest
from conftest import article

from rag.apposition import describes, name_asked, prefer_descriptions
from rag.types import Passage, Span


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Who is Klara Wendt?", "Klara Wendt"),
        ("who is klara wendt?", "Klara Wendt"),
        ("Who was Emil van der Brandeck?", "Emil van der Brandeck"),
        ("Who’s Wendt?", "Wendt"),
        ("Who is the head of the inquiry?", None),
        ("Who was in the boat?", None),
        ("Whose boat was it?", None),
        ("When was Klara Wendt born?", None),
    ],
)
def test_the_name_that_is_asked_for(question: str, name: str | None) -> None:
    assert name_asked(question) == name


@pytest.mark.parametrize(
    ("marked", "described"),
    [
        ("He told [Iranian foreign minister] Hossein Amirabdollahian on Monday.", True),
        ("Hossein Amir-Abdollahian, [the Iranian foreign minister], left.", True),
        ("Hossein Amir-Abdollahian is the [foreign minister] of Iran.", True),
        ("Mr Amir-Abdollahian, who is [foreign minister], left.", True),
        ("The [foreign minister], Hossein Amir-Abdollahian, left.", True),
        ("Hossein Amir-Abdollahian (the [foreign minister]) left.", True),
        ("[Chinese Foreign Minister Wang Yi] spoke to Hossein Amir-Abdollahian.", False),
        ("[Chinese Foreign Minister] Wang Yi spoke to Hossein Amir-Abdollahian.", False),
        ("He told [Hossein] Amir-Abdollahian on Monday.", False),
        ("He told [Minister] Amir-Abdollahian on Monday.", True),
        ("He left. [Diplomat] Amir-Abdollahian stayed.", True),
        ("Hossein Amir-Abdollahian met [the Chinese minister].", False),
    ],
)
def test_what_stands_beside_the_name_describes_it(marked: str, described: bool) -> None:
    start = marked.index("[")
    end = marked.index("]") - 1
    text = marked.replace("[", "").replace("]", "")
    assert describes(text, start, end, "Hossein Amir-Abdollahian") is described


def spans(text: str, *scored: tuple[str, float]) -> list[Span]:
    passage = Passage(article(text), 0, len(text))
    places = [(text.index(words), words, score) for words, score in scored]
    return [Span(passage, at, at + len(words), score, 0.0) for at, words, score in places]


MET = "The Chinese minister Wang Yi met Iranian foreign minister Hossein Amirabdollahian."


def test_who_somebody_is_outweighs_whom_they_met() -> None:
    found = spans(MET, ("The Chinese minister Wang Yi", 5.0), ("Iranian foreign minister", -1.0))
    ranked = prefer_descriptions("Who is Hossein Amir-Abdollahian?", found)
    assert [s.text for s in ranked] == ["Iranian foreign minister", "The Chinese minister Wang Yi"]


def test_other_questions_leave_the_spans_as_they_are() -> None:
    found = spans(MET, ("The Chinese minister Wang Yi", 5.0), ("Iranian foreign minister", -1.0))
    for question in ("Who met Hossein Amirabdollahian?", "Who is Wang Yi's host?"):
        assert prefer_descriptions(question, found) == found
