"""What a person at a terminal is told of articles and replies."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from conftest import article
from rich.console import Console

from api.terminal import (
    days_in_words,
    foreign_note,
    output,
    print_article,
    print_articles,
    print_hits,
    print_reply,
    undated_note,
)
from rag.types import Answer, Citation, Hit, Interval, Passage, Reply, Timings

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
    print_reply(reply, Console(highlight=False))
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


def test_an_abstention_says_which_names_were_found_nowhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    abstained = replace(REPLY, answered=False, unmentioned=("Harald", "Brink"))
    assert printed(abstained, capsys)[1] == "No article found mentions Harald or Brink."
    assert "No article" not in "".join(printed(replace(abstained, unmentioned=()), capsys))


def test_candidates_that_are_as_good_as_impossible_are_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unlikely = (replace(TUESDAY, confidence=0.006), replace(TUESDAY, confidence=0.004))
    abstained = replace(REPLY, answered=False, answers=unlikely)
    assert [line for line in printed(abstained, capsys) if "sure" in line][1:] == [
        "Tuesday = 5 December 2023   1% sure, 1 source"
    ]
    nothing = printed(replace(abstained, answers=unlikely[1:]), capsys)
    assert nothing == ["No answer that is sure enough.", ""]


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


def test_off_a_terminal_nothing_is_wrapped_or_padded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    text = f"They signed the accord on Tuesday{' and on other days' * 20}."
    long = article(text, "accord", title="Accord " * 20)
    citation = Citation(long, 26, 33, 0, len(text), reprints=(ACCORD,))
    print_reply(replace(REPLY, answers=(replace(TUESDAY, citations=(citation,)),)), output())
    out = capsys.readouterr().out
    assert f"\n  “{text}”\n" in out
    assert "\n    reprinted: Accord, 6 December 2023\n" in out
    assert not re.search(r" $|\x1b", out, re.MULTILINE)


def test_a_terminal_wraps_colours_and_links() -> None:
    out = io.StringIO()
    console = Console(file=out, width=40, force_terminal=True, color_system="standard")
    linked = replace(ACCORD, url="https://wire.example/accord")
    scripted = replace(ACCORD, url="javascript:alert(1)")
    citation = Citation(linked, 26, 33, 0, 34, reprints=(scripted,))
    print_reply(replace(REPLY, answers=(replace(TUESDAY, citations=(citation,)),)), console)
    assert "\x1b[1;32mTuesday\x1b[0m = 5 December 2023" in out.getvalue()
    assert "\x1b[1;4mTuesday\x1b[0m" in out.getvalue()
    assert "https://wire.example/accord" in out.getvalue()
    assert "javascript:" not in out.getvalue()


def test_citations_that_are_not_shown_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    five = replace(TUESDAY, citations=TUESDAY.citations * 5, independent_sources=5)
    lines = printed(replace(REPLY, answers=(five,)), capsys)
    assert sum("They signed" in line for line in lines) == 3
    assert "  and 2 sources more: see --json" in lines


def shown(print_: Callable[[Console], None]) -> list[str]:
    """The lines printed, without the spaces at their ends."""
    out = io.StringIO()
    print_(Console(file=out, width=100, highlight=False))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [30, 60, 100])
def test_no_line_ends_in_spaces_or_is_too_wide(width: int) -> None:
    told = "The ferry sank in the fog off the port of an island whose name nobody could tell. "
    long = article(told * 3, "an-id-that-is-long", title="Ferry sinks in the fog " * 3, source="W")
    short = article(told, "b", title="Ferry", source="The Evening Lantern of Port Ellan")
    cited = Citation(long, 4, 9, 0, len(told), reprints=(short,))
    wide = replace(REPLY, answers=(replace(TUESDAY, citations=(cited,)), TUESDAY, TUESDAY))
    hit = Hit(Passage(long, 0, len(long.text)), 1.0, folded=(short,))
    out = io.StringIO()
    console = Console(file=out, width=width, highlight=False)
    print_reply(wide, console)
    print_hits([hit, replace(hit, worded=False)], console)
    print_articles([long, short], 2, console)
    lines = out.getvalue().splitlines()
    assert [line for line in lines if line != line.rstrip()] == []
    note = [line for line in lines if line.startswith("No passage")]
    assert [line for line in lines if len(line) > width and line not in note] == []


def test_an_answer_ends_with_an_empty_line(capsys: pytest.CaptureFixture[str]) -> None:
    rivals = replace(REPLY, answers=(TUESDAY, replace(TUESDAY, text="Monday")))
    nothing = replace(REPLY, answered=False, answers=())
    for reply in (REPLY, rivals, nothing):
        *_, last, empty = printed(reply, capsys)
        assert (bool(last), empty) == (True, "")


def test_a_passage_that_a_story_s_articles_share_names_the_others() -> None:
    hit = Hit(Passage(ACCORD, 0, 34), 1.0, folded=(article("", "copy"), article("", "cut")))
    lines = shown(lambda console: print_hits([hit, replace(hit, folded=())], console))
    assert lines[2] == "    also in 2 articles of this story: copy, cut"
    assert len(lines) == 5


def test_a_list_s_columns_stand_under_one_another_and_its_titles_are_cut() -> None:
    found = [
        article("A.", "a", title="A bridge " * 20, source="The Evening Lantern"),
        article("A.", "ab", title="名" * 60),
    ]
    heading, first, second = shown(lambda console: print_articles(found, 2, console))
    assert heading == " id  published  lang  source        title"
    assert first.startswith(" a   -          -     The Evening…  A bridge")
    assert second.startswith(" ab  -          -     -             名")
    assert (first[-1], second[-1], len(first)) == ("…", "…", 100)
    whole = shown(lambda console: print_articles([replace(found[0], title="A bridge")], 1, console))
    assert whole[1] == " a   -          -     The Evening Lantern  A bridge"


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


@pytest.mark.parametrize(
    ("undated", "articles", "said"),
    [
        (3, 12, "3 of 12 articles have no date: "),
        (1, 12, "1 of 12 articles has no date: "),
        (1, 1, "1 of 1 article has no date: "),
    ],
)
def test_articles_without_a_date_are_counted_with_what_it_costs(
    undated: int, articles: int, said: str
) -> None:
    note = undated_note(undated, articles)
    assert note.startswith(said)
    assert "--since" in note


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
