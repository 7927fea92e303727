"""A full date is read however it is written; an unclear one is never guessed at."""

from datetime import date

import pytest

from rag.dates import parse_date


@pytest.mark.parametrize(
    "value",
    [
        "2023-12-06",
        "20231206",
        "2023/12/06",
        "2023-12-06T10:30:00Z",
        "2023-12-06T23:59:59.123+08:00",
        "2023-12-06 10:30",
        "2023-12-06 10:30:00 +0100",
        "Dec 6, 2023",
        "Dec. 6, 2023",
        "DEC 6 2023",
        "December 6th, 2023",
        "6 December 2023",
        "6th of December, 2023",
        "06-Dec-2023",
        "December 6 2023 10:30 AM",
        "December 6, 2023 at 10:30 a.m. ET",
        "Wednesday, December 6, 2023",
        "Wed, 06 Dec 2023 10:30:00 +0000",
        "Wed, 06 Dec 2023 10:30:00 GMT",
        "10:30 GMT, 6 December 2023",
        "8:01 AM EST, Wed December 6, 2023",
        "6 Dec 2023 - 10:30",
        " 2023-12-06 ",
    ],
)
def test_a_full_date_is_read(value: str) -> None:
    assert parse_date(value) == date(2023, 12, 6)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("13/12/2023", date(2023, 12, 13)),
        ("12/13/2023", date(2023, 12, 13)),
        ("13.12.2023", date(2023, 12, 13)),
        ("03/04/2023", None),
        ("3-4-2023", None),
        ("13/14/2023", None),
        ("13/12-2023", None),
    ],
)
def test_day_and_month_in_digits_count_only_if_they_cannot_change_places(
    value: str, expected: date | None
) -> None:
    assert parse_date(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "yesterday",
        "Tuesday",
        "December 2023",
        "2023",
        "2023-12",
        "Dec 6",
        "6 December",
        "06 Dec 23",
        "6/12/23",
        "Feb 30, 2023",
        "2023-13-01",
        "0000-01-01",
        "2023-12-06 or so",
        "Dec 6, 2023 in Port Ellan",
        "Smarch 6, 2023",
        "The talks of Dec 6, 2023",
        "1701820800",
    ],
)
def test_nothing_is_guessed_for_an_unclear_date(value: str) -> None:
    assert parse_date(value) is None
