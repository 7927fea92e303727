"""What hardly fits, and what follows a clear answer, stays unread unless it may contradict."""

from collections.abc import Sequence
from datetime import date

import pytest
from conftest import FakeReader, article

from rag.abilities import Abilities
from rag.confidence import Calibration
from rag.reading import Reading
from rag.stories import group_stories
from rag.types import Article, Hit, Passage, Span

QUESTION = "How many boats sank off Holm?"
DULL = [article("Nothing is known.", f"dull{n}") for n in range(2)]
CLEAR = article("answer: Mirefell 9 is where.", "clear")
DOUBTFUL = article("answer: Mirefell -1 is where.", "doubtful")
FIGURE = article("answer: seven 9 boats.", "figure")


class Listening(FakeReader):
    """Keeps which articles it is given."""

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.heard: list[str] = []

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        self.heard += [passage.article.id for passage in passages]
        return super().read(question, passages)


def read(
    articles: Sequence[Article],
    question: str = QUESTION,
    abilities: Abilities | None = None,
    calibration: Calibration = FakeReader.calibration,
) -> tuple[list[str], list[str]]:
    """(ids of the articles that are read, the words that are found)."""
    listening = Listening(calibration)
    hits = [Hit(Passage(a, 0, len(a.text)), 1.0 - n / 10) for n, a in enumerate(articles)]
    reading = Reading(listening, lambda word: True, abilities or Abilities())
    spans = reading.of_hits(question, hits, group_stories(articles))
    return listening.heard, [span.text for span in spans]


def test_few_passages_are_all_read() -> None:
    assert read([]) == ([], [])
    assert read([DOUBTFUL, *DULL]) == (["doubtful", "dull0", "dull1"], ["Mirefell"])


def test_a_clear_answer_leaves_the_other_passages_unread() -> None:
    late = article("answer: Vessen 12 is where.", "late")
    assert read([*DULL, CLEAR, late]) == (["dull0", "dull1", "clear"], ["Mirefell"])


@pytest.mark.parametrize("first", [DOUBTFUL, article("Nothing.", "nothing")])
def test_without_one_more_are_read(first: Article) -> None:
    late = article("answer: Vessen 12 is where.", "late")
    heard, found = read([first, *DULL, late])
    assert heard[3:] == ["late"]
    assert found[0] == "Vessen"


def test_what_was_found_far_behind_the_best_is_not_read() -> None:
    late = article("answer: Vessen 12 is where.", "late")
    even = [article("Nothing.", f"even{n}") for n in range(2)]
    heard, found = read([DOUBTFUL, *DULL, even[0], late, even[1]])  # 0.4 and 0.5 behind
    assert (heard[3:], found) == (["even0"], ["Mirefell"])


def test_a_far_one_is_read_where_it_may_give_another_figure() -> None:
    doubtful = article("answer: seven -1 boats.", "doubtful")
    far = article("Off Holm nine boats went down.", "far")
    assert read([doubtful, *DULL, DULL[0], far])[0][-1] == "far"


def test_a_lead_counts_as_the_calibration_says() -> None:
    rival = article("answer: Vessen 8 is where.", "rival")
    leading = Calibration(0.0, scale=0.1, lead_weight=1.0, bias=-3.0)
    late = DULL[1]
    assert len(read([CLEAR, DULL[0], rival, late], calibration=leading)[0]) == 4
    assert len(read([CLEAR, *DULL, late], calibration=leading)[0]) == 3


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("Off Holm nine boats went down.", True),  # boats, Holm
        ("The 9 boats of Holm sank.", True),
        ("Off Holm boats went down.", False),  # no number
        ("Nine ferries went down.", False),  # not about it
        ("Boats sank off Holm. Nine came home.", False),  # the number is in another sentence
    ],
)
def test_of_a_figure_those_are_read_that_may_give_another(text: str, is_read: bool) -> None:
    heard, _ = read([FIGURE, *DULL, article(text, "late")])
    assert ("late" in heard) == is_read


def test_of_a_day_those_are_read_that_may_give_another() -> None:
    monday = article("answer: Monday 9 it was.", "monday", published=date(2024, 5, 7))
    tuesday = article("The boats of Holm sank on Tuesday.", "tuesday")
    five = article("The five boats of Holm sank.", "five")
    heard, _ = read([monday, *DULL, five, tuesday], "When did the boats of Holm sink?")
    assert heard[3:] == ["tuesday"]


def test_a_story_does_not_contradict_itself() -> None:
    more = " The boats sank off Holm in the fog, and nobody knows why they were out so late." * 3
    full = article(FIGURE.text + " Nine boats of Holm sank." + more, "full")
    cut = article(FIGURE.text + " Nine boats of Holm sank." + more[:150], "cut")
    assert read([full, *DULL, cut])[0] == ["full", "dull0", "dull1"]


def test_without_conflict_nothing_can_contradict() -> None:
    late = article("Off Holm nine boats went down.", "late")
    assert len(read([FIGURE, *DULL, late], abilities=Abilities(conflict=False))[0]) == 3


def test_without_stopping_all_are_read() -> None:
    late = article("answer: Vessen 12 is where.", "late")
    heard, found = read([CLEAR, *DULL, late], abilities=Abilities(stopping=False))
    assert len(heard) == 4
    assert found == ["Vessen", "Mirefell"]


class Quoting(FakeReader):
    """Finds one quotation, whatever is asked."""

    def __init__(self, quotation: str) -> None:
        self.quotation = quotation

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        (passage,) = passages
        start = passage.text.index(self.quotation)
        return [Span(passage, start, start + len(self.quotation), 3.0, 0.0)]


@pytest.mark.parametrize(
    ("text", "quotation", "answers"),
    [
        ("It rained.\n\nNine boats sank.\n\nThey left.", "Nine", True),
        ("Some 23,000 boats sank.", "23", False),
        ("Some 23,000 boats sank.", "000 boats", False),
        ("Some 2.5 boats sank.", "5 boats", False),
        ("Some 23, they said.", "23", True),
        ("2.5 boats sank.", "2.5 boats", True),
        ("In 2023, 14 boats sank.", "14 boats", True),
        ("It rained.\n\nNINE\n\nThey left.", "NINE", True),
        ("It rained.\n\nQUIZ TIME\n\nThey left.", "QUIZ TIME", False),
        ("It rained.\n\nQUIZ TIME", "TIME", False),
        ("It rained.\n\nHOLM 2 SKARVIK 1\n\nThey left.", "HOLM", True),
        ("It rained.\n\nNINE BOATS SANK OFF HOLM\n\nThey left.", "NINE", True),
        ("IT RAINED AT 9 a.m.\n\nNINE BOATS SANK\n\nTHEY LEFT.", "NINE", True),
        ("How many boats sank off Holm today?\n\nThey left.", "Holm", False),
        ("How many people live on Holm today?\n\nThey left.", "Holm", True),
    ],
)
def test_a_label_the_question_itself_and_half_a_number_are_no_answers(
    text: str, quotation: str, answers: bool
) -> None:
    reading = Reading(Quoting(quotation), lambda word: True)
    told = article(text)
    spans = reading.of_passages(QUESTION, [Passage(told, 0, len(text))])
    assert [span.text for span in spans] == ([quotation] if answers else [])
