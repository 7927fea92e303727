"""A story is cited once, where its fullest telling has the words, with all that repeat them."""

import pytest
from conftest import article

from rag.citations import cite, find_quote
from rag.types import Article, Passage, Span

TEXT = "Envoys met in Ellan. They signed the accord on Tuesday, the mayor said. Rain fell."
WIRE = article(f"{TEXT} Nobody would say more about it.", "wire")
COPY = article(TEXT, "copy")
MOVED = "In Ellan, they signed the accord on Tuesday, said the mayor."
EDITED = article(f"{MOVED} Rain fell.", "edited")
CUT = article("Envoys met in Ellan.", "cut")
STORY = (WIRE, COPY, EDITED, CUT)


def span(given: Article, quote: str = "Tuesday") -> Span:
    start = given.text.index(quote)
    return Span(Passage(given, 0, len(given.text)), start, start + len(quote), 1.0, 0.0)


@pytest.mark.parametrize("read", [(WIRE,), (COPY,), (EDITED,), (COPY, WIRE), (EDITED, COPY, WIRE)])
def test_the_fullest_telling_is_cited_whichever_was_read(read: tuple[Article, ...]) -> None:
    citation = cite([span(a) for a in read], STORY)
    assert citation.article == WIRE
    assert citation.quote == "Tuesday"
    assert citation.context == "They signed the accord on Tuesday, the mayor said."
    assert [a.id for a in citation.reprints] == ["copy", "edited"]


def test_a_telling_without_the_words_is_not_cited() -> None:
    longer = article(f"{CUT.text} {'Nothing was signed, we hear. ' * 9}", "longer")
    citation = cite([span(COPY)], (longer, COPY, CUT))
    assert citation.article == COPY
    assert citation.reprints == ()


def test_the_best_place_of_an_article_is_cited() -> None:
    given = article("It was Tuesday. Yes, Tuesday.")
    second = Span(Passage(given, 0, len(given.text)), 21, 28, 2.0, 0.0)
    assert cite([second, span(given)], (given,)).context == "Yes, Tuesday."


def test_what_was_read_is_cited_as_it_was_read() -> None:
    # Since then it was replaced in one case, deleted in the other.
    for story in ((article("Another text.", "copy"),), (), (CUT,)):
        citation = cite([span(COPY)], story)
        assert (citation.article, citation.quote) == (COPY, "Tuesday")
        assert citation.reprints == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"First of all. {TEXT}", "They signed the accord on Tuesday, the mayor said."),
        (EDITED.text, MOVED),
        # The right one of two sentences with the word.
        (f"It rained on Tuesday. {EDITED.text}", MOVED),
        ("It rained on Tuesday.", None),
        ("They signed the accord on Tuesdays, the mayor said.", None),
        ("They signed the accord, the mayor said.", None),
        ("", None),
    ],
)
def test_finding_the_words_in_another_telling(text: str, expected: str | None) -> None:
    found = find_quote(span(COPY), article(text, "x"))
    if expected is None:
        assert found is None
    else:
        assert found is not None
        assert text[slice(*found)] == "Tuesday"
        at = text.index(expected)
        assert at <= found[0] < found[1] <= at + len(expected)


def test_the_right_occurrence_of_two_in_one_sentence() -> None:
    text = "Bo met Bo Li."
    given = article(text)
    second = Span(Passage(given, 0, len(text)), 7, 9, 1.0, 0.0)
    assert find_quote(second, article(f"Yes. {text}", "x")) == (12, 14)
