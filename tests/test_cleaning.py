"""Cleaning reads the header of an article and takes it off, in whole lines."""

from datetime import date

import pytest

from rag.cleaning import canonical, clean

BODY = "The harbour bridge of Port Ellan was closed on Tuesday after a crack was found."
MORE = "Engineers expect repairs to take three weeks."


def page(*lines: str) -> str:
    return "\n\n".join(lines)


# --- canonical text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("\ufeffOne.\r\nTwo.\rThree.", "One.\nTwo.\nThree."),
        ("  One. \t\n\n\n\n\xa0Two.\xa0\n", "One.\n\nTwo."),
        ("O\x00n\x07e\x1b.", "One."),
        (
            "One.\x0cTwo.\x0bThree.\u2028Four.\u2029Five.\x85Six.",
            "One.\nTwo.\nThree.\nFour.\nFive.\nSix.",
        ),
        ("A\tB", "A\tB"),
        ("Cafe\u0301", "Café"),
        ("Half \ud83d of a pair", "Half \ufffd of a pair"),
        ("", ""),
        (" \n\n \n", ""),
    ],
)
def test_text_becomes_canonical(raw: str, expected: str) -> None:
    assert canonical(raw) == expected
    assert canonical(expected) == expected


# --- header


def test_a_date_glued_to_the_title_is_cut_off_and_kept_in_removed() -> None:
    result = clean(
        f" date 2024-05-13 Port Ellan bridge shut after crack found\n- A first point\n{BODY}"
    )
    assert result.title == "Port Ellan bridge shut after crack found"
    assert result.published == date(2024, 5, 13)
    assert result.text == f"- A first point\n{BODY}"
    assert result.removed == ("date 2024-05-13",)


@pytest.mark.parametrize(
    "glued", [" — 13 May 2024", " - May 13, 2024", " | 2024-05-13", " – Monday, 13 May 2024"]
)
def test_a_date_glued_to_the_end_of_the_title_is_cut_off_too(glued: str) -> None:
    result = clean(f"Port Ellan bridge shut after crack found{glued}\n{BODY}")
    assert result.title == "Port Ellan bridge shut after crack found"
    assert result.published == date(2024, 5, 13)
    assert result.text == BODY
    assert result.removed == (glued.lstrip(" —–-|"),)


@pytest.mark.parametrize(
    "stuck",
    [
        "13 May 2024",
        "May 13, 2024",
        "Published 13 May 2024",
        "Updated: May 13, 2024, 9:26 a.m. ET",
    ],
)
@pytest.mark.parametrize("title", ["Port Ellan bridge shut after crack found", "Shut for “years”"])
def test_a_date_without_a_space_before_it_is_cut_off_the_title(title: str, stuck: str) -> None:
    result = clean(page("Subscribe | Log in", title + stuck, BODY))
    assert (result.title, result.published) == (title, date(2024, 5, 13))
    assert result.text == BODY
    assert result.removed == ("Subscribe | Log in", stuck)


def test_a_date_without_a_space_before_it_is_cut_off_the_byline() -> None:
    result = clean(page("Bridge shut after crack found", "By Zora Quill13 May 2024", BODY))
    assert (result.byline, result.published) == ("Zora Quill", date(2024, 5, 13))
    assert result.text == BODY


@pytest.mark.parametrize(
    "line",
    [
        "Flight AB12 June 2024",
        "The vote of 13 May 2024",
        "Ten years13 months 2024",
        "The iPhone16 May 2024 sales were weak, the maker said.",
    ],
)
def test_what_only_looks_like_a_stuck_date_stays_whole(line: str) -> None:
    result = clean(page(line, BODY))
    assert line in (result.title, result.text.split("\n")[0])


@pytest.mark.parametrize(
    "title",
    [
        "What we know of the crash of 13 May 2024",
        "Port Ellan bridge: shut - again",
        "The long night – a report from Port Ellan",
    ],
)
def test_a_title_without_a_date_set_off_stays_whole(title: str) -> None:
    assert clean(f"{title}\n{BODY}").title == title


@pytest.mark.parametrize(
    "glued", ["date 2024-05-13 ", "date: 2024-05-13 ", "Date 2024-05-13T08:00Z "]
)
def test_a_date_glued_to_a_sentence_leaves_the_sentence_in_the_text(glued: str) -> None:
    result = clean(page("top of page", glued + BODY, "A headline of another article", MORE))
    assert result.published == date(2024, 5, 13)
    assert result.title is None
    assert result.text == page(BODY, "A headline of another article", MORE)
    assert result.removed == ("top of page", glued.strip())


@pytest.mark.parametrize(
    "line", ["Date palms are dying in the south", "date 2024-99-99 stays here", "date night 2024"]
)
def test_a_line_that_only_starts_like_a_glued_date_is_left_whole(line: str) -> None:
    assert line in (clean(page(line, BODY)).title or clean(page(line, BODY)).text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Mar 4, 2024", date(2024, 3, 4)),
        ("2024-03-04", date(2024, 3, 4)),
        ("date 2024-03-04", date(2024, 3, 4)),
        ("Published: March 4, 2024 10:30 GMT", date(2024, 3, 4)),
        ("Published March 4, 2024", date(2024, 3, 4)),
        ("First published on 4 March 2024", date(2024, 3, 4)),
        ("Posted: Monday, March 4, 2024 at 9 a.m.", date(2024, 3, 4)),
        ("Updated 4 March 2024", date(2024, 3, 4)),
        ("Last updated: 2024-03-04T10:00:00+02:00", date(2024, 3, 4)),
        ("March 4, 2024 Updated March 5, 2024, 9:26 a.m. ET", date(2024, 3, 4)),
        ("Published: 4 March 2024 | Updated: 5 March 2024", date(2024, 3, 4)),
        ("Published 4 March 2024, last updated 5 March 2024", date(2024, 3, 4)),
        ("March 4, 2024 | 5 min read", date(2024, 3, 4)),
    ],
)
def test_a_date_line_gives_the_date_and_leaves_the_text(line: str, expected: date) -> None:
    result = clean(page("Bridge shut after crack found", line, BODY))
    assert result.published == expected
    assert result.text == BODY
    assert result.removed == (line,)


@pytest.mark.parametrize(
    "lines",
    [
        ("Updated March 5, 2024", "Published March 4, 2024"),
        ("Published March 4, 2024", "Updated March 5, 2024"),
        ("Updated March 5, 2024", "March 4, 2024"),
    ],
)
def test_published_beats_updated(lines: tuple[str, str]) -> None:
    result = clean(page("Bridge shut after crack found", *lines, BODY))
    assert result.published == date(2024, 3, 4)
    assert result.removed == lines


def test_a_date_said_twice_on_top_is_not_taken_for_the_title() -> None:
    result = clean(page("date 2024-03-04 March 4, 2024", "Bridge shut after crack found", BODY))
    assert result.title == "Bridge shut after crack found"
    assert result.removed == ("date 2024-03-04", "March 4, 2024")


@pytest.mark.parametrize(
    "lines",
    [
        (BODY, "March 4, 2024", MORE),
        ("Published March 4, 2023", "The year of the bridge", "March 4, 2024", MORE),
        ("Updated 9 p.m. on Monday", BODY),
        ("Updated figures show 2024 was warm", BODY),
    ],
)
def test_a_date_of_the_story_itself_stays_in_the_text(lines: tuple[str, ...]) -> None:
    result = clean(page(*lines))
    assert result.published in (None, date(2023, 3, 4))
    assert all(line in (result.title, *result.text.split("\n")) for line in lines[-2:])


@pytest.mark.parametrize(
    ("line", "byline", "source"),
    [
        ("By Zora Quill", "Zora Quill", None),
        ("by Zora Quill", "Zora Quill", None),
        ("Written by: Zora Quill", "Zora Quill", None),
        ("By Zora Quill and John Roe, Harbour Wire", "Zora Quill and John Roe", "Harbour Wire"),
        (
            "By Zora Quill, John Roe and Mary-Ann O’Neil",
            "Zora Quill, John Roe and Mary-Ann O’Neil",
            None,
        ),
        ("By ZORA QUILL | AP", "ZORA QUILL", "AP"),
        ("By Zora Quill, Senior Correspondent", "Zora Quill", None),
        ("By Zora Quill for Harbour Wire", "Zora Quill", "Harbour Wire"),
        ("By J. R. van der Berg", "J. R. van der Berg", None),
        ("By Ana Ruiz Jr.", "Ana Ruiz Jr.", None),
        ("By Reuters", None, "Reuters"),
        ("By The Associated Press", None, "The Associated Press"),
        ("Source: Northern Ledger", None, "Northern Ledger"),
        ("Author: Zora Quill", "Zora Quill", None),
        ("Associated Press", None, "Associated Press"),
    ],
)
def test_byline_and_source_lines_are_read_and_leave_the_text(
    line: str, byline: str | None, source: str | None
) -> None:
    result = clean(page("Bridge shut after crack found", line, BODY))
    assert (result.byline, result.source) == (byline, source)
    assert result.text == BODY
    assert result.removed == (line,)


def test_a_byline_may_follow_the_sentence_of_a_standfirst() -> None:
    result = clean(page("Bridge shut after crack found", MORE, "By Zora Quill", BODY))
    assert result.byline == "Zora Quill"
    assert result.text == page(MORE, BODY)


def test_byline_date_and_outlet_may_share_a_line() -> None:
    result = clean(
        page("Bridge shut after crack found", "By Zora Quill | Harbour Wire | 4 March 2024", BODY)
    )
    assert (result.byline, result.source, result.published) == (
        "Zora Quill",
        "Harbour Wire",
        date(2024, 3, 4),
    )


@pytest.mark.parametrize(
    "line",
    [
        "By Friday the bridge was open again",
        "By the numbers",
        "BY THE NUMBERS",
        "By Monday Night",
        "By Wine & Food Experience",
        "By 2030",
        "Source: the ministry, which asked not to be named in a report on bridges.",
    ],
)
def test_a_line_that_only_starts_like_a_byline_is_not_removed(line: str) -> None:
    result = clean(page("Bridge shut after crack found", line, BODY))
    assert line in result.text
    assert result.byline is None


def test_a_byline_within_the_body_stays_there() -> None:
    result = clean(page(BODY, MORE, "By Zora Quill", MORE))
    assert result.byline is None
    assert "By Zora Quill" in result.text


@pytest.mark.parametrize(
    ("dateline", "source"),
    [
        ("PORT ELLAN (Harbour Wire) — ", "Harbour Wire"),
        ("LONDON, March 3 (Reuters) - ", "Reuters"),
        ("ST. LOUIS, Mo. (AP) -- ", "AP"),
        ("London (CNN) – ", "CNN"),
        ("(Reuters) - ", "Reuters"),
        ("Mayor Zora Quill (Labour) - ", None),
        ("PORT ELLAN — ", None),
    ],
)
def test_a_dateline_names_the_agency_and_stays_in_the_text(
    dateline: str, source: str | None
) -> None:
    result = clean(page("Bridge shut after crack found", dateline + BODY, MORE))
    assert result.source == source
    assert result.text == page(dateline + BODY, MORE)


# --- title


@pytest.mark.parametrize(
    "line",
    [
        "Bridge shut after crack found",
        "Bridge reopens",
        "Is the bridge safe?",
        "“Never again!”",
        "Engineers blame firm from the U.S.",
        "Quill sues Harbour Steel Inc.",
        "2024 floods: what we know",
    ],
)
def test_a_headline_on_top_is_the_title_and_leaves_the_text(line: str) -> None:
    result = clean(page("top of page", line, BODY))
    assert result.title == line
    assert result.text == BODY
    assert result.removed == ("top of page",)


@pytest.mark.parametrize(
    "line",
    [
        BODY,
        "“The bridge is safe,” the mayor said. “It will open.”",
        "and went on to close the harbour as well",
        "“which is why the bridge is closed",
        " ".join(f"word{n}" for n in range(26)),
        "W" + "o" * 200 + " rd",
        "• Bridge shut after crack found",
        "- Bridge shut after crack found",
        "Zora Quill",
        "World",
        "Here is what we know:",
        "Port Ellan Harbour Wire —",
        "It closed the bridge…",
    ],
)
def test_a_sentence_bullet_or_name_is_no_title_and_stays(line: str) -> None:
    result = clean(page(line, MORE))
    assert result.title is None
    assert result.text == page(line, MORE)


@pytest.mark.parametrize(
    ("masthead", "source"),
    [
        ("THE MARLOW HERALD", "THE MARLOW HERALD"),
        ("Northshore Tribune", "Northshore Tribune"),
        ("South Marlow Morning Courier", "South Marlow Morning Courier"),
        ("The Meridian Post", "The Meridian Post"),
        ("Harbour Wire", "Harbour Wire"),
        ("The Times of Marlow", "The Times of Marlow"),
        ("Marlow Post-Dispatch", "Marlow Post-Dispatch"),
        ("NORTHSHORE TRIBUNE - Vol. 12, No. 114", "NORTHSHORE TRIBUNE"),
        ("Local news", None),
        ("WORLD", None),
    ],
)
def test_the_papers_or_sections_name_above_the_title_is_not_taken_for_it(
    masthead: str, source: str | None
) -> None:
    top = ("Home | News | Sport", "4 March 2024")
    result = clean(page(masthead, *top, "Bridge shut after crack found", BODY))
    assert result.title == "Bridge shut after crack found"
    assert result.source == source
    assert result.text == BODY
    assert result.removed == (masthead, *top)
    known = clean(page(masthead, "Bridge Shut", BODY), title="Bridge shut")
    assert (known.text, known.source) == (BODY, source)


@pytest.mark.parametrize("between", [", ", " ", " - ", " | "])
def test_a_paper_s_name_and_the_day_may_share_the_first_line(between: str) -> None:
    top = f"Highland Press{between}Monday, 4 March 2024"
    result = clean(page(top, "Bridge shut after crack found", BODY))
    assert (result.title, result.source) == ("Bridge shut after crack found", "Highland Press")
    assert (result.published, result.text) == (date(2024, 3, 4), BODY)


@pytest.mark.parametrize(
    "title", ["Vote on the Herald Bridge, 4 March 2024", "Deadline 4 May 2024"]
)
def test_a_title_that_ends_in_a_day_stays_whole(title: str) -> None:
    assert clean(page(title, BODY)).title == title


def test_a_name_above_a_role_is_the_byline() -> None:
    head = ("Zora Quill", "Transport correspondent")
    result = clean(page("Bridge shut after crack found", *head, BODY))
    assert (result.byline, result.text, result.removed) == ("Zora Quill", BODY, head)
    alone = clean(page("Bridge shut after crack found", "Zora Quill", BODY))
    assert (alone.byline, alone.text) == (None, page("Zora Quill", BODY))


@pytest.mark.parametrize(
    "title",
    [
        "Crisis at the Marlow Herald",
        "Council Orders Safety Review",
        "Runner Breaks World Record",
        "The Marlow Herald",
    ],
)
@pytest.mark.parametrize("standfirst", [(), (MORE,)])
def test_a_headline_like_a_papers_name_is_the_title_where_no_other_is(
    title: str, standfirst: tuple[str, ...]
) -> None:
    result = clean(page(title, "By Zora Quill", *standfirst, BODY))
    assert (result.title, result.source) == (title, None)


@pytest.mark.parametrize(
    "title",
    [
        "Crisis at the Marlow Herald",
        "Murdoch Sells The Times",
        "Council Orders Safety Review",
        "Heat Sets a Record",
    ],
)
def test_a_headline_stays_the_title_above_a_standfirst_without_a_full_stop(title: str) -> None:
    assert clean(page(title, "What the mayor of Port Ellan knew", BODY)).title == title


@pytest.mark.parametrize("extra", [(), ("By Zora Quill",), ("Advertisement",)])
def test_the_only_line_is_no_title(extra: tuple[str, ...]) -> None:
    result = clean(page("Bridge shut after crack found", *extra))
    assert result.title is None
    assert result.text == "Bridge shut after crack found"
    assert result.removed == extra


def test_no_line_after_a_sentence_is_the_title() -> None:
    result = clean(page(BODY, "Bridge shut after crack found", MORE))
    assert result.title is None
    assert result.text == page(BODY, "Bridge shut after crack found", MORE)


def test_only_the_first_line_can_be_the_title() -> None:
    result = clean(page("• A first point", "Bridge shut after crack found", BODY))
    assert result.title is None


@pytest.mark.parametrize(
    "first", ["The mayor’s “bridge” is shut", 'the mayor\'s  "BRIDGE" is shut']
)
def test_a_known_title_is_used_and_its_line_taken_out(first: str) -> None:
    result = clean(
        page("Advertisement", "2024-03-04", first, BODY), title='The mayor\'s "bridge" is shut'
    )
    assert result.title == 'The mayor\'s "bridge" is shut'
    assert result.text == BODY
    assert result.published == date(2024, 3, 4)
    assert result.removed == ("Advertisement", "2024-03-04")


def test_with_a_known_title_no_other_is_searched_for() -> None:
    result = clean(page("Bridge shut after crack found", BODY), title="Harbour news")
    assert result.title == "Harbour news"
    assert result.text == page("Bridge shut after crack found", BODY)


# --- what is removed


def test_removed_lines_keep_their_order_and_paragraphs_stay_apart() -> None:
    head = "Share\nBridge shut after crack found\nMarch 4, 2024"
    points = "• One\n\nPrint\n\n• Two\nBy Zora Quill"
    result = clean(f"{head}\n{points}\n{BODY}\nAdvertisement\n{MORE}\n\nbottom of page")
    assert result.text == f"• One\n\n• Two\n{BODY}\n{MORE}"
    assert result.removed == (
        "Share",
        "March 4, 2024",
        "Print",
        "By Zora Quill",
        "Advertisement",
        "bottom of page",
    )


@pytest.mark.parametrize("raw", ["", "\n \n", "\ufeff", "Advertisement\n\nShare", "2024-03-04"])
def test_text_is_empty_if_nothing_is_left(raw: str) -> None:
    assert clean(raw).text == ""
    assert clean(raw).title is None
