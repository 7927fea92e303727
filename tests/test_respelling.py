"""A mistyped word of a question is read as the passages write it."""

import pytest

from rag.respelling import respell

TEXTS = [
    "Ingrid Håkansen met Rustam Amirdovlat in Vessen.",
    "The Skerry Dawn sank off Port Ellan; Karl and Carl saw the depth gauge of Émile’s boat.",
]
ENGLISH = {"where", "was", "death", "what", "said", "when", "sank", "ship"}


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where was Ingrid Hakansen?", "Where was Ingrid Hakansen?"),  # she is in the passages
        ("Where was Ingird?", "Where was Ingrid?"),  # swapped
        ("where was hakanssen?", "where was Håkansen?"),  # one too many; as in the text
        ("Where was Skery Dawn?", "Where was Skerry Dawn?"),  # one left out
        ("Where was Rustem?", "Where was Rustam?"),  # another one
        ("Where was Amridovalt?", "Where was Amirdovlat?"),  # two errors in a long word
        ("Where was Vssn?", "Where was Vssn?"),  # two in a short one
        ("Where was eVssen?", "Where was Vessen?"),  # the first two swapped
        ("Where was Tessen?", "Where was Tessen?"),  # another first letter
        ("Where was Iarl?", "Where was Iarl?"),
        ("What was Emille’s?", "What was Émile’s?"),
        ("What was the death?", "What was the death?"),  # a word, though "depth" is near
        ("When was Prt?", "When was Prt?"),  # too short to tell
        ("", ""),
    ],
)
def test_respell(question: str, expected: str) -> None:
    assert respell(question, TEXTS, lambda word: word.lower() in ENGLISH) == expected


def test_of_two_words_equally_near_none_is_taken() -> None:
    assert respell("Marlk", ["Mark, Mary"], lambda word: False) == "Mark"
    assert respell("Marlk", ["Mark, Marl"], lambda word: False) == "Marlk"


def test_a_word_is_written_as_it_is_most_often() -> None:
    texts = ["VESSEN — They met.", "Vessen is far. In Vessen it rained."]
    assert respell("where is vesen", texts, lambda word: word != "vesen") == "where is Vessen"


def test_without_passages_nothing_is_respelled() -> None:
    assert respell("Where was Ingird?", [], lambda word: False) == "Where was Ingird?"
