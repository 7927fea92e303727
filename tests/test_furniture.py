"""Furniture and biographies go, sentences stay, and no word of any text is lost."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.cleaning import canonical, clean

BODY = "The harbour bridge of Port Ellan was closed on Tuesday after a crack was found."
MORE = "Engineers expect repairs to take three weeks."


def page(*lines: str) -> str:
    return "\n\n".join(lines)


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
    "STORY CONTINUES BELOW GALLERY.",
    "Story continues after the photo gallery",
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
    "Sign up now",
    "Log in",
    "Click here",
    "Click here to see the pictures.",
    "Click here for the full list",
    "Follow us",
    "Follow us on Twitter",
    "Follow us on Facebook, Instagram and X.",
    "Join us on Twitter and Facebook",
    "Follow Zora Quill on Twitter: @zoraquill",
    "Follow Zora Quill and John Roe on X at @zoraquill and @roe",
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
    "Copyright (c) 2024 Harbour Wire",
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
    "Email this article",
    "Photo: Zora Quill",
    "Photo by: Zora Quill/Harbour Wire",
    "Photo: J. Quill/Getty Images",
    "Image: The bridge on Tuesday /Getty Images",
    "(Image credit: Zora Quill via Getty Images)",
    "File photo: the bridge",
    "Zora Quill/Getty Images",
    "Zora Quill/AFP via Getty Images",
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
    "Subscribe | Log in",
    "Subscribe | Log in | E-paper",
    "Sign in · Register",
    "Log in / Register",
    "Home | News",
    "Home  News  Sport",
    "Menu Search Log in",
    "Log in Register",
    "Home > News > Quay Street",
    "Subscribe to read more",
    "Subscribe to continue reading",
    "Already a subscriber?",
    "Already a subscriber? Log in here.",
    "Share | Tweet | Email",
    "ENDS",
    "-ENDS-",
    "Home » News » Local news",
    "Home | News | Sport | Opinion",
    "HOME | NEWS | SPORT | PORT ELLAN",
    "World | Business | Culture",
    "Follow us on Facebook | Twitter",
    "Facebook · X · Instagram",
    "Contact us | About us | Privacy policy | Terms of use",
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
    "News",
    "Home",
    "Health / Education",
    "Search help",
    "Menu Search",
    "Log in to vote",
    "Already a member? Then you may vote.",
    "Subscribe to read more books, the minister said.",
    "Home > the garden, she said. Nobody came.",
    "Ends meet where the river bends",
    "Sport | Business",
    "Home | Away",
    "Home | Port Ellan | 3",
    "News | Sport | Port Ellan",
    "News | Sport | Opinion | 41 percent",
    "News | Sport | Opinion | Port Ellan reads them",
    "Log in | Pay | Drive, said the minister.",
    "Home, news and sport were what readers wanted.",
    "THE MARLOW HERALD",
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
        (None, "Zora Quill reports on ports. She previously worked for the Ledger."),
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
