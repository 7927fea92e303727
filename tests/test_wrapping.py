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
