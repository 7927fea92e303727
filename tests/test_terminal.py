"""What a reply looks like in a terminal."""

from dataclasses import replace
from datetime import date

import pytest
from conftest import article

from api.terminal import days_in_words, print_reply
from rag.types import Answer, Citation, Interval, Reply, Timings

ACCORD = article(
    "They signed the accord on Tuesday.", "accord", title="Accord", published=date(2023, 12, 6)
)
TUESDAY = Answer(
    "Tuesday",
    0.87,
    (Citation(ACCORD, 26, 33, 0, 34),),
    independent_sources=1,
    when=Interval(date(2023, 12, 5), date(2023, 12, 5)),
)
REPLY = Reply("When?", True, (TUESDAY,), (), Timings(0, 0, 0), "encoder", "reader")


def printed(reply: Reply, capsys: pytest.CaptureFixture[str]) -> list[str]:
    print_reply(reply)
    return capsys.readouterr().out.splitlines()


def test_the_day_that_an_answer_means_stands_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(REPLY, capsys)[0] == "Tuesday = 5 December 2023   87% sure, 1 source"


def test_a_day_that_the_answer_names_itself_is_not_said_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    full = replace(TUESDAY, text="5 December 2023")
    line = printed(replace(REPLY, answers=(full,)), capsys)[0]
    assert line == "5 December 2023   87% sure, 1 source"


def test_evidence_that_the_question_leaves_out_is_said_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    restricted = replace(REPLY, as_of=date(2023, 12, 1))
    assert printed(restricted, capsys)[0] == "as of 1 December 2023: later articles left out"
    nothing = replace(restricted, answered=False, answers=())
    assert printed(nothing, capsys)[0] == "as of 1 December 2023: later articles left out"
    assert not any("as of" in line for line in printed(REPLY, capsys))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2023-12-05", "2023-12-05", "5 December 2023"),
        ("2024-03-18", "2024-03-24", "18–24 March 2024"),
        ("2024-03-28", "2024-04-03", "28 March – 3 April 2024"),
        ("2023-12-28", "2024-01-03", "28 December 2023 – 3 January 2024"),
        ("2024-02-01", "2024-02-29", "February 2024"),
        ("2023-01-01", "2023-06-30", "January – June 2023"),
        ("2023-12-01", "2024-02-29", "December 2023 – February 2024"),
        ("1998-01-01", "1998-12-31", "1998"),
        ("1990-01-01", "1999-12-31", "1990–1999"),
    ],
)
def test_days_are_said_in_as_few_words_as_they_need(start: str, end: str, expected: str) -> None:
    days = Interval(date.fromisoformat(start), date.fromisoformat(end))
    assert days_in_words(days) == expected
