"""Only 'as of' restricts the evidence, and it leaves a question that reads well."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.period import Asked, period_of

THURSDAY = date(2024, 3, 7)


@pytest.mark.parametrize(
    ("question", "left", "day"),
    [
        ("As of 1 December 2023, who led the party?", "Who led the party?", "2023-12-01"),
        ("Who led the party as of 1 December 2023?", "Who led the party?", "2023-12-01"),
        ("Who, as of December 1, 2023, led the party?", "Who led the party?", "2023-12-01"),
        ("Who led the party (as of 2023-12-01)?", "Who led the party?", "2023-12-01"),
        ("who led the party as of Dec. 1, 2023", "who led the party", "2023-12-01"),
        ("as of december 2023 who led?", "who led?", "2023-12-31"),
        ("Who led as of December 2023?", "Who led?", "2023-12-31"),
        ("As of 2023, how many had fled?", "How many had fled?", "2023-12-31"),
        ("Who led as of December?", "Who led?", "2023-12-31"),
        ("Who led as of the end of February?", "Who led?", "2024-02-29"),
        ("Who led as of last week, and why?", "Who led, and why?", "2024-03-03"),
        ("As of Tuesday, how many are missing?", "How many are missing?", "2024-03-05"),
        ("As of early Tuesday: how many?", "How many?", "2024-03-05"),
        ("How many are missing as of yesterday?", "How many are missing?", "2024-03-06"),
        ("How many are missing as of today?", "How many are missing?", "2024-03-07"),
        ("How many are missing as of now?", "How many are missing?", "2024-03-07"),
    ],
)
def test_as_of_is_taken_out_of_the_question(question: str, left: str, day: str) -> None:
    assert period_of(question, THURSDAY) == Asked(left, date.fromisoformat(day))


@pytest.mark.parametrize(
    "question",
    [
        "Who led the party in December 2023?",
        "What has changed since 3 March 2024?",
        "Who was elected before 2023?",
        "What happened between 3 and 5 March 2024?",
        "What must be paid by 1 December 2023?",
        "Who has as of yet not signed?",
        "Who speaks as of late for the union?",
        "As of the storm, who was missing?",
        "as of 1 December 2023",
        "",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert period_of(question, THURSDAY) == Asked(question, None)


@given(st.text(), st.text())
def test_whatever_is_asked_a_day_is_found_or_nothing_changes(before: str, after: str) -> None:
    question = f"{before} as of 1 December 2023 {after}"
    asked = period_of(question, THURSDAY)
    assert asked.as_of is not None or asked.question == question
