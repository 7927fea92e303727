"""Hard-wrapped plain text becomes a line a paragraph; what is no paragraph stays."""

import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.chunking import sentences
from rag.formats import read_file
from rag.types import Article
from rag.wrapping import unwrapped

FIRST = (
    "The floating crane brought up the hull from a depth of 34 metres on Monday, said Nadia "
    "Brightwell of the ministry. It took 14 hours. Divers had been at work since January."
)
SECOND = "Nobody was hurt, and the inquiry goes on."


@pytest.mark.parametrize("width", [60, 72, 80])
def test_wrapped_paragraphs_become_lines(width: int) -> None:
    wrapped = "\n\n".join(textwrap.fill(paragraph, width) for paragraph in (FIRST, SECOND))
    assert "\n" in textwrap.fill(FIRST, width)
    assert unwrapped(wrapped) == f"{FIRST}\n\n{SECOND}"


@pytest.mark.parametrize(
    ("cut", "on"),
    [
        ("Council engineer Peter Lund said the repair of the bridge would cost", "£3.2 million."),
        ("It will be shown in the great hall of the museum at Port Ellan from 1", "September on."),
        ("The festival leaves the riverside and moves to the disused airfield at", "Croy in May."),
    ],
)
def test_in_a_wrapped_text_a_line_may_go_on_with_a_name_or_a_figure(cut: str, on: str) -> None:
    filled = textwrap.fill(FIRST, 72)
    assert unwrapped(f"A title\n\n{cut}\n{on}\n\n{filled}") == f"A title\n\n{cut} {on}\n\n{FIRST}"
    alone = f"A title\n\n{cut}\n{on}"
    assert unwrapped(alone) == alone


@pytest.mark.parametrize(
    "header",
    [
        "Sunken ferry is lifted from Carrow Sound by the floating crane of 1961\nPort Ellan",
        "\nSunken ferry is lifted from Carrow Sound by the floating crane of 1961\nBy Jane Doe",
        "\nSunken ferry is lifted from Carrow Sound by the floating crane of 1961\n5 March 2024",
        "\n- the ferry of all the islands that lie between Carrow Sound and the sea\n- the crane",
        "\nThe crane lifted the ferry from the sound on Monday, the ministry said.\nNobody knew.",
    ],
)
def test_in_a_wrapped_text_what_ends_at_the_width_by_chance_stays(header: str) -> None:
    filled = textwrap.fill(FIRST, 72)
    assert unwrapped(f"{header}\n\n{filled}") == f"{header}\n\n{FIRST}"


def test_a_file_that_is_wrapped_has_whole_sentences(tmp_path: Path) -> None:
    file = tmp_path / "wreck.txt"
    body = textwrap.fill(FIRST, 60).replace("\n", "\r\n")
    file.write_bytes(f"Ferry lifted\r\nBy Jane Doe\r\n5 March 2024\r\n\r\n{body}".encode())
    (article,) = read_file(file)
    assert isinstance(article, Article)
    assert (article.title, article.byline) == ("Ferry lifted", "Jane Doe")
    assert article.text == FIRST
    found = [article.text[start:end] for start, end in sentences(article.text)]
    assert found[1:] == ["It took 14 hours.", "Divers had been at work since January."]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "A line.",
        # A line a paragraph, of any length.
        f"{FIRST}\n{FIRST}\n{SECOND}",
        "The minister resigned after the vote in parliament.\nHis deputy takes over today.",
        # A header, a list, a verse.
        "Sunken ferry lifted from Carrow Sound by a crane\nBy Jane Doe\n5 March 2024",
        "- the ferry of the islands\n- the barge that carried sand\n- the crane\n- the tug",
        "the fog came in\nover the sound\nand nobody saw\nthe sand barge pass",
    ],
)
def test_what_is_not_wrapped_stays(text: str) -> None:
    assert unwrapped(text) == text


@given(st.lists(st.text(alphabet="ab C.", max_size=60), max_size=9).map("\n".join))
@example(f"{'a' * 50}\n \n{'a' * 50}\nb")
def test_nothing_but_line_ends_changes(text: str) -> None:
    assert unwrapped(text).replace("\n", " ") == text.replace("\n", " ")
