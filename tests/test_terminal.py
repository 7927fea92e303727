"""What a person at a terminal is told of articles."""

import io
from collections.abc import Callable
from datetime import date

import pytest
from conftest import article
from rich.console import Console

from api.terminal import foreign_note, print_article, print_articles


def shown(print_: Callable[[Console], None]) -> list[str]:
    """The lines printed, without the spaces at their ends."""
    out = io.StringIO()
    print_(Console(file=out, width=100, highlight=False))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (["fr", "en", None, "de", "fr"], "3 articles are not in English (fr 2, de 1)"),
        (["de"], "1 article is not in English (de 1)"),
    ],
)
def test_articles_in_other_languages_are_counted(
    languages: list[str | None], expected: str
) -> None:
    assert foreign_note(languages) == (
        f"{expected}: the default models read English, answers from them are less sure"
    )


@pytest.mark.parametrize("languages", [[], ["en", None]])
def test_english_and_unknown_languages_need_no_note(languages: list[str | None]) -> None:
    assert foreign_note(languages) is None


def test_a_list_tells_the_language_of_each_article() -> None:
    found = [article("Un pont.", "pont", language="fr"), article("A bridge.", "bridge")]
    _, first, second = shown(lambda console: print_articles(found, 2, console))
    assert first.split() == ["pont", "-", "fr", "-", "-"]
    assert second.split() == ["bridge", "-", "-", "-", "-"]


def test_an_article_tells_where_its_date_came_from_and_its_language() -> None:
    pont = article(
        "Un pont.", "pont", language="fr", published=date(2024, 3, 4), published_from="file"
    )
    lines = shown(lambda console: print_article(pont, console))
    assert lines[:4] == [
        "id: pont",
        "published: 2024-03-04",
        "published from: file",
        "language: fr (the default models read English)",
    ]
    english = shown(lambda console: print_article(article("A.", language="en"), console))
    assert english[1] == "language: en"
