"""Lines on pages become paragraphs; what is printed on every page is none."""

from collections.abc import Sequence

import pytest
from pdfs import column

from rag.layout import Line, paragraphs

# Every line but the last of a paragraph is as long as a line of this column can be.
ONE = [
    "The harbour bridge was closed to all",
    "traffic on Tuesday after a crack had",
    "been found.",
]
TWO = ["Engineers said that the repairs were", "expected to take three weeks or more", "to do."]
JOINED = [
    "The harbour bridge was closed to all traffic on Tuesday after a crack had been found.",
    "Engineers said that the repairs were expected to take three weeks or more to do.",
]


@pytest.mark.parametrize(
    "lines",
    [
        column(*ONE, "", *TWO),
        column(*ONE, *TWO),
        column(*ONE[:2], "been found in the northern pier of it.", "", *TWO),
    ],
    ids=["a free line", "a short last line", "a full last line and a free line"],
)
def test_a_paragraph_ends_where_its_last_line_shows_it(lines: list[Line]) -> None:
    first, second = paragraphs([lines])
    assert first.startswith("The harbour bridge was closed to all traffic on Tuesday after a crack")
    assert second == JOINED[1]


def test_a_paragraph_may_begin_with_an_indented_line() -> None:
    full = "been found in the northern pier now."
    indented = [Line(TWO[0], 62, 664, 10)]
    lines = [*column(*ONE[:2], full), *indented, *column(*TWO[1:], top=652)]
    assert len(paragraphs([lines])) == 2


def test_letters_of_another_size_are_another_paragraph() -> None:
    title = [Line("Bridge shut after a", 50, 750, 24), Line("crack was found", 50, 722, 24)]
    assert paragraphs([[*title, *column(*ONE)]]) == [
        "Bridge shut after a crack was found",
        JOINED[0],
    ]


def test_short_lines_that_were_ended_on_purpose_stay_apart() -> None:
    lines = column("By Zora Quill", "4 March 2024", *ONE, "Year Cracks", "2023 12", "2024 7")
    assert paragraphs([lines]) == [
        "By Zora Quill", "4 March 2024", JOINED[0], "Year Cracks", "2023 12", "2024 7",
    ]  # fmt: skip


def test_list_items_stay_apart_and_go_on() -> None:
    lines = [*column("• One that needs more than a line in", "• Two", size=10)]
    lines.insert(1, Line("this column", 60, 694, 10))
    assert paragraphs([lines]) == ["• One that needs more than a line in this column", "• Two"]


@pytest.mark.parametrize("cut", [1, 2])
def test_a_sentence_goes_on_in_the_next_column_and_page(cut: int) -> None:
    left, right = column(*ONE[:cut], top=120), column(*ONE[cut:], x=300)
    assert paragraphs([[*left, *right]]) == JOINED[:1]
    assert paragraphs([left, column(*ONE[cut:])]) == JOINED[:1]


def test_a_narrow_column_beside_a_wide_one_is_not_torn() -> None:
    narrow = ["The mayor said that", "The Hague had paid", "For every bridge in", "Port Ellan."]
    wide = ["A line that is several times as wide as those of the column at its side " * 2] * 3
    lines = [*column(*wide, top=800), *column(*narrow, x=300)]
    assert (
        paragraphs([lines])[-1]
        == "The mayor said that The Hague had paid For every bridge in Port Ellan."
    )


@pytest.mark.parametrize(
    ("above", "below", "joined"),
    [
        ("the engi-", "neers said so", "the engineers said so"),
        ("the engi\xad", "neers said so", "the engineers said so"),
        ("a well-known long-", "term well-known plan", "a well-known longterm well-known plan"),
        ("a long-term and long-", "term plan", "a long-term and long-term plan"),
        ("minister Amir-", "Abdollahian said", "minister Amir-Abdollahian said"),
        ("a 12-", "year plan", "a 12-year plan"),
        ("he said -", "and left", "he said - and left"),
        ("the oﬃce of", "the ﬁrst ﬂoor", "the office of the first floor"),
        ("so\xadcalled", "bridge", "socalled bridge"),
    ],
)
def test_words_divided_at_the_end_of_a_line_are_whole_again(
    above: str, below: str, joined: str
) -> None:
    assert paragraphs([column(above, below)]) == [joined]


def pages(count: int, header: str = "", footer: str = "") -> list[list[Line]]:
    """Pages of three lines, of their own; `#` in header and footer is the page's number."""
    return [
        [
            *column(header.replace("#", str(n)), top=800, size=8),
            *column(*(f"{'abcdefghij'[n]} {line}" for line in ONE)),
            *column(footer.replace("#", str(n)), top=30, size=8),
        ]
        for n in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("count", "header", "footer"),
    [
        (2, "Harbour Wire", "Page # of 2"),
        (5, "Harbour Wire, 4 March 2024", "- # -"),
        (3, "", "Port Ellan, page #"),
        (1, "", "1"),
        (1, "", "Page 1 of 1"),
    ],
)
def test_headers_footers_and_page_numbers_are_left_out(
    count: int, header: str, footer: str
) -> None:
    assert paragraphs(pages(count, header, footer)) == paragraphs(pages(count))


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (column("Total of it all", "2024"), "2024"),
        (column("Only here", *ONE), "Only here"),
        (column("The year was 1931, page one said."), "The year was 1931, page one said."),
    ],
)
def test_what_is_printed_once_stays(lines: Sequence[Line], kept: str) -> None:
    assert kept in "\n".join(paragraphs([lines, *pages(2)]))


def test_a_title_that_the_headers_repeat_stays() -> None:
    title = [Line("Bridge shut", 50, 760, 24)]
    first, second, third = pages(3, "Bridge shut")
    assert paragraphs([[*title, *first[1:]], second, third])[0] == "Bridge shut"


def test_pages_without_lines_have_no_paragraphs() -> None:
    assert paragraphs([]) == paragraphs([[], [Line("  ", 0, 0, 10)]]) == []
