"""What a web page says of itself: its day, its title, its text."""

from pathlib import Path

import pytest

from rag.cleaning import canonical
from rag.formats import read_articles
from rag.pages import fragment_text
from rag.types import Article

BODY = "The harbour bridge of Port Ellan was closed on Tuesday after engineers found a crack in it."
MORE = "It was built in 1931, and the repairs are expected to take three weeks, said the mayor."
FOOT = (
    '<aside><a href="/x">Vote is near</a> <time datetime="2022-01-01">1 Jan</time></aside>'
    "<footer>Updated 3 May 2021. Copyright 2019 Harbour Wire</footer>"
)


def page(folder: Path, head: str = "", top: str = "", text: str = MORE) -> Article:
    path = folder / "story.html"
    path.write_text(
        f"<html><head><title>Bridge shut</title>{head}</head><body><article><h1>Bridge shut</h1>"
        f"{top}<p>{BODY}</p><p>{text}</p></article>{FOOT}</body></html>",
        encoding="utf-8",
    )
    (article,) = read_articles([path])
    assert isinstance(article, Article), article
    return article


def json_ld(fields: str) -> str:
    return f'<script type="application/ld+json">{fields}</script>'


@pytest.mark.parametrize(
    "head",
    [
        json_ld('{"@type": "NewsArticle", "datePublished": "2024-03-04T23:30:00-05:00"}'),
        json_ld(
            '{"@graph": [{"@type": "WebSite"}, {"@type": "NewsArticle",'
            ' "dateModified": "2024-03-09", "datePublished": "2024-03-04"}]}'
        ),
        '<meta property="article:published_time" content="2024-03-04T10:00:00Z">'
        '<meta property="article:modified_time" content="2024-03-09T10:00:00Z">',
        '<meta name="date" content="2024-03-04">',
        '<link rel="canonical" href="https://harbour.example/2024/03/04/bridge">',
        '<meta property="og:url" content="https://harbour.example/news/2024/03/04/bridge">',
    ],
)
def test_the_head_of_a_page_or_its_address_says_its_day(tmp_path: Path, head: str) -> None:
    article = page(tmp_path, head)
    assert (str(article.published), article.published_from) == ("2024-03-04", "metadata")


@pytest.mark.parametrize(
    "top",
    [
        '<time datetime="2024-03-04T10:00:00Z">4 March</time>',
        '<p>By Zora Quill, <time datetime="2024-03-04">4 March</time></p>',
        '<time class="updated" datetime="2024-03-09">9 March</time>'
        '<time class="published" datetime="2024-03-04">4 March</time>',
        '<div class="byline"><span class="date">4 March 2024</span></div>',
    ],
)
def test_a_time_above_the_text_says_its_day(tmp_path: Path, top: str) -> None:
    article = page(tmp_path, top=top)
    assert (str(article.published), article.published_from) == ("2024-03-04", "metadata")


def test_a_date_line_in_the_text_is_the_texts(tmp_path: Path) -> None:
    article = page(tmp_path, top="<p>4 March 2024</p>")
    assert (str(article.published), article.published_from) == ("2024-03-04", "text")


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ("", MORE),
        ("", "It was built on 1931-05-03 and shut on 2019-03-05 for the first time in its life."),
        ("", f'On <time datetime="2019-03-05">5 March 2019</time> it was shut too. {MORE}'),
        ('<link rel="canonical" href="https://harbour.example/2024/03/bridge">', MORE),
        ('<link rel="canonical" href="https://harbour.example/20240304123/bridge">', MORE),
        ('<meta property="article:published_time" content="2099-03-04">', MORE),
    ],
)
def test_a_day_that_is_not_the_pages_own_is_not_taken(tmp_path: Path, head: str, text: str) -> None:
    article = page(tmp_path, head, text=text)
    assert (article.published, article.published_from) == (None, None)


def test_the_words_of_a_time_stay_in_their_sentence(tmp_path: Path) -> None:
    text = f'On <time datetime="2019-03-05">5 March 2019</time> it was shut too. {MORE}'
    assert page(tmp_path, text=text).text == f"{BODY}\nOn 5 March 2019 it was shut too. {MORE}"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", ""),
        ("Short.", "Short."),
        (
            "The mayor, <a href='/q'>Zora Quill</a>, said <b>so</b>.",
            "The mayor, Zora Quill, said so.",
        ),
        ("Intro.<p>One <i>two</i>.</p>Tail<br/>next", "Intro.\n\nOne two.\n\nTail\nnext"),
        ("<ul><li><p>One</p></li><li>Two</li></ul>", "• One\n\n• Two"),
        ("<table><tr><th>Year</th><td>2</td></tr><tr><td>3</td></tr></table>", "Year | 2\n\n3"),
        ("a &lt; b &amp; c<!-- no -->d<script>no</script>e<style>no</style>", "a < b & cde"),
        ("<p>One\n two</p>\n<p>Three</p>", "One two\n\nThree"),
        ("a\0b\x01c\ud83dd\ufffee", "abc\ufffdde"),
    ],
)
def test_a_fragment_is_text_and_nothing_is_lost(html: str, expected: str) -> None:
    assert canonical(fragment_text(html)) == expected
