"""Cleaning takes whole lines of page furniture and header off, and loses nothing else."""

import unicodedata
from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cleaning import canonical, clean, parse_date

BODY = "The harbour bridge of Port Ellan was closed on Tuesday after a crack was found."
MORE = "Engineers expect repairs to take three weeks."


def page(*lines: str) -> str:
    return "\n\n".join(lines)


# --- dates


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


# --- furniture

FURNITURE = [
    "top of page",
    "Bottom of Page",
    "Back to top",
    "Advertisement",
    "ADVERTISEMENTS",
    "- Advertisement -",
    "[Advertisement]",
    "Story continues below advertisement",
    "Article continues after this video.",
    "Share",
    "Share this",
    "Share this article",
    "Share this article on Facebook",
    "Share on Facebook",
    "Share on Facebook, Twitter and WhatsApp",
    "Share via email",
    "Read more",
    "Read more »",
    "Read More: Bridge to open in May",
    "READ MORE | Bridge to open in May",
    "Read more here.",
    "Read the full story here",
    "Read also",
    "Read also: What the mayor knew",
    "Also read: What the mayor knew",
    "See also: What the mayor knew",
    "Related",
    "Related articles",
    "RELATED STORIES:",
    "Related: What the mayor knew about the bridge",
    "Subscribe",
    "Subscribe now",
    "Subscribe to our newsletter for a daily digest of news",
    "Subscribe to the Morning Tide newsletter",
    "Sign up for our free newsletter",
    "Sign up for Morning Tide, our daily newsletter. Get the news by the coffee.",
    "Sign up",
    "Click here",
    "Click here to see the pictures.",
    "Click here for the full list",
    "Follow us",
    "Follow us on Twitter",
    "Follow us on Facebook, Instagram and X.",
    "Follow Zora Quill on Twitter: @zoraquill",
    "Skip to content",
    "Skip to main content",
    "We use cookies to improve your visit.",
    "This website uses cookies",
    "By continuing to browse this site you agree to our use of cookies.",
    "Accept cookies",
    "Cookie policy",
    "All rights reserved",
    "Copyright 2024 Harbour Wire. All rights reserved.",
    "Harbour Wire Ltd. All Rights Reserved",
    "© 2024 Harbour Wire",
    "© Harbour Wire",
    "(c) 2024 Harbour Wire",
    "Listen to this article",
    "Listen to this article · 6 min",
    "5 min read",
    "12-minute read",
    "Reading time: 4 minutes",
    "Comments",
    "Comments (12)",
    "34 comments",
    "Leave a comment",
    "Print",
    "Print this article",
    "Photo: Zora Quill",
    "Photo by: Zora Quill/Harbour Wire",
    "Photo: J. Quill/Getty Images",
    "Image: The bridge on Tuesday /Getty Images",
    "(Image credit: Zora Quill via Getty Images)",
    "File photo: the bridge",
    "Zora Quill/Getty Images",
    "Getty Images",
    "(AP Photo/Zora Quill)",
    "Continue reading",
    "Continue reading the main story",
    "Most popular",
    "MOST READ",
    "WATCH: Drone flies over the bridge",
    "Watch live: the mayor speaks",
    "Video: Drone flies over the bridge",
    "03:05",
    "1:02:33",
    "03:05 Crew of ferry rescued at dawn Crew of ferry rescued at dawn",
    "Crew of ferry rescued at dawn Crew of ferry rescued at dawn",
]

ARTICLE = [
    "Read more books, said the minister.",
    "Subscribe rates fell 3 percent last month.",
    "Subscribe to the view that markets heal and you will lose money.",
    "Share prices fell on Tuesday.",
    "Share of renters rises",
    "Share your stories",
    "Related party deals were banned in May.",
    "Related: the mayor resigned on Monday. Her deputy took over at once.",
    "Advertisement spending fell by a tenth.",
    "Top of page one was the bridge.",
    "Sign up for swimming lessons",
    "Sign up for a newsletter and you give your data away, the regulator warned.",
    "Sign-up rates doubled.",
    "Click here was the label of the button that broke the bridge.",
    "Click here to pay, the message said.",
    "Follow us to the bridge, the guards told the mayor.",
    "Follow the money and you find the mayor.",
    "Follow her on the campaign trail",
    "Skip to the good part, the minister said.",
    "We use cookies, the bakery’s owner said.",
    "By using cookies, websites follow you around, according to the regulator.",
    "Cookie sales rose.",
    "The box was stamped all rights reserved.",
    "Copyright law was changed in 2020.",
    "(c) the mayor may close the bridge",
    "Listen to this article of faith, she said.",
    "5 min read the sign at the bridge.",
    "45 minutes",
    "Comments by the mayor drew anger.",
    "Comments on the bridge are due by May",
    "Print sales rose.",
    "Photo finish decides the race",
    "Images of the bridge went around the world.",
    "Photo: it shows the bridge in May. It was taken by a passer-by.",
    "Continue reading to children, doctors say.",
    "Most popular of all was the mayor.",
    "Watch the bridge fall",
    "Watch collectors flocked to Port Ellan.",
    "Watch: the bridge will fall. So the mayor wrote in May.",
    "10:05 p.m.",
    "2:1",
    "03:05 was the time on the stopped clock.",
    "Location, location, location",
    "Never again! We say it loud. Never again! We say it loud.",
    "The mayor (Getty Images files show) never saw it",
    "Read",
    "Related " + "words go on " * 40,
    "Read more: " + "words go on " * 10,
    "—",
    "***",
]


@pytest.mark.parametrize("line", FURNITURE)
def test_furniture_is_removed_wherever_it_stands(line: str) -> None:
    for lines in [(line, BODY, MORE), (BODY, line, MORE), (BODY, MORE, line)]:
        result = clean(page(*lines))
        assert result.text == page(BODY, MORE)
        assert result.title is None
        assert result.removed == (line,)


@pytest.mark.parametrize("line", ARTICLE)
def test_what_may_be_a_sentence_of_the_article_stays(line: str) -> None:
    result = clean(page(BODY, line, MORE))
    assert result.text == page(BODY, line.strip(), MORE)
    assert result.removed == ()


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


# --- the author's biography

BIO = "Ben Zora Quill covers ports. She studied law and previously worked for the Ledger."


@pytest.mark.parametrize(
    ("byline", "bio"),
    [
        ("By Zora Quill", BIO),
        ("By ZORA QUILL", BIO),
        ("By Zora Quill", "Zora Quill is a member of the harbour council."),
        ("By Zora Quill", "Reporter Zora Quill has written about the sea for ten years."),
        ("By John Roe and Zora Quill", BIO),
        (None, BIO),
        (None, "Zora Quill is a reporter for Harbour Wire. Reach her at zora@harbour.example."),
        (None, "Zora Quill is the shipping correspondent of Harbour Wire, based in Port Ellan."),
        (None, "Zora Quill writes about the sea. He can be reached at 555-0100."),
        (None, "Zora Quill is an editor at Harbour Wire. They joined in 2019 and majored in law."),
    ],
)
def test_the_authors_biography_at_the_end_is_removed(byline: str | None, bio: str) -> None:
    head = [] if byline is None else [byline]
    result = clean(page(*head, BODY, MORE, bio, "bottom of page"))
    assert result.text == page(BODY, MORE)
    assert result.removed == (*head, bio, "bottom of page")


def test_the_biographies_of_two_authors_are_removed() -> None:
    second = "John Roe is a reporter in Port Ellan. Contact him at roe@harbour.example."
    result = clean(page("By Zora Quill and John Roe", BODY, BIO, second))
    assert result.text == BODY


@pytest.mark.parametrize(
    "last",
    [
        "Zora Quill is a diplomat who has served in four countries.",
        "Zora Quill, the minister, covers three portfolios.",
        "Zora Quill is a reporter who was arrested in May. She previously worked for the Ledger.",
        "Zora Quill is a journalist based in Port Ellan, said the court.",
        "Zora Quill joined the talks on Tuesday and previously worked as a judge.",
        "The storm covers an area as large as Wales and is based in the north.",
        "Port Ellan covers 30 square miles.",
        "She covers shipping and previously worked for the Ledger.",
    ],
)
def test_the_last_paragraph_of_an_ordinary_article_stays(last: str) -> None:
    assert clean(page(BODY, MORE, last)).text == page(BODY, MORE, last)


def test_the_last_paragraph_stays_if_it_only_mentions_the_author() -> None:
    last = "A reporter for this paper, Zora Quill, was hurt."
    assert clean(page("By Zora Quill", BODY, last)).text == page(BODY, last)


def test_a_biography_in_the_middle_stays() -> None:
    assert clean(page(BODY, BIO, MORE)).text == page(BODY, BIO, MORE)


def test_a_biography_that_is_the_whole_text_stays() -> None:
    assert clean(BIO).text == BIO


# --- for any text

lines = st.one_of(
    st.sampled_from(
        [*FURNITURE, *ARTICLE, BODY, MORE, BIO, "", "• A point", "Bridge shut in U.S."]
    ),
    st.sampled_from(
        ["By Zora Quill", "2024-03-04", "Updated 4 March 2024", "date 2024-03-04 Crack"]
    ),
    st.text(max_size=40),
)
texts = st.lists(lines, max_size=12).map("\n".join) | st.text()


def words(text: str) -> Counter[str]:
    seen = "".join(c for c in text if c == "\ufeff" or c in "\n\t\v\f\r\x85" or ord(c) > 31)
    for separator in "\v\f\r\x85":
        seen = seen.replace(separator, "\n")
    kept = "".join(c for c in seen if c in "\n\t" or unicodedata.category(c) != "Cc")
    return Counter(unicodedata.normalize("NFC", kept.replace("\ufeff", "")).split())


@settings(max_examples=200, deadline=None)
@given(texts)
def test_no_word_of_any_text_is_lost_or_made_up(raw: str) -> None:
    result = clean(raw)
    out = [result.text, *result.removed, *([] if result.title is None else [result.title])]
    assert words("\n".join(out)) == words(raw)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_text_is_canonical_and_cleaning_it_again_loses_no_sentence(raw: str) -> None:
    text = clean(raw).text
    assert text == canonical(text)
    again = clean(text)
    kept = [*again.text.split("\n"), again.title]
    assert all(line in kept for line in text.split("\n") if line.endswith("."))
