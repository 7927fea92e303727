"""Every entry of a feed is an article of its own."""

from datetime import date
from pathlib import Path

import pytest

from rag.formats import read_articles, total_articles
from rag.types import Article, Skipped

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel><title>Harbour Wire</title><link>https://harbour.example/</link>
<language>en-gb</language>{items}</channel></rss>"""
BRIDGE = """<item><title>Bridge &amp;amp; pier &lt;em&gt;shut&lt;/em&gt;</title>
<link>https://harbour.example/bridge</link><guid isPermaLink="false">hw-1</guid>
<pubDate>Mon, 04 Mar 2024 23:30:00 -0500</pubDate><dc:creator>Zora Quill</dc:creator>
<description>The bridge was shut.</description>
<content:encoded><![CDATA[<p>The bridge of <a href="/e">Port Ellan</a> was shut.</p>
<ul><li>It is <b>old</b></li></ul><script>track()</script>]]></content:encoded></item>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">
<title type="html">The &lt;b&gt;Tidings&lt;/b&gt;</title><updated>2024-03-09T00:00:00Z</updated>
<entry><title>Brücke gesperrt</title><id>urn:1</id><link href="https://tidings.example/1"/>
<updated>2024-03-05T01:00:00+01:00</updated>
<author><name>Zora Quill</name></author><author><name>John Roe</name></author>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Ein Riss.</p><p>Im Pfeiler.</p>
</div></content></entry>
<entry xml:lang="en"><title>Bridge reopens</title><id>urn:2</id>
<published>2024-03-06T10:00:00Z</published><updated>2024-03-08T10:00:00Z</updated>
<content type="text">3 &lt; 4 &amp; 5, it said.</content></entry></feed>"""


def read(folder: Path, content: str | bytes, name: str = "feed.xml") -> list[Article | Skipped]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_articles([path]))


@pytest.mark.parametrize("name", ["feed.rss", "feed.XML"])
def test_an_rss_item_is_an_article(tmp_path: Path, name: str) -> None:
    (article,) = read(tmp_path, RSS.format(items=BRIDGE), name)
    assert article == Article(
        id="20c56d24b2969ee8",  # that of any article with this address
        text="The bridge of Port Ellan was shut.\n\n• It is old",
        title="Bridge & pier shut",
        published=date(2024, 3, 4),  # as written, like every date
        published_from="metadata",
        byline="Zora Quill",
        source="Harbour Wire",
        url="https://harbour.example/bridge",
        language="en",
    )


def test_an_atom_entry_is_an_article(tmp_path: Path) -> None:
    first, second = read(tmp_path, ATOM, "feed.atom")
    assert isinstance(first, Article)
    assert (first.title, first.text) == ("Brücke gesperrt", "Ein Riss.\n\nIm Pfeiler.")
    assert (first.published, first.byline) == (date(2024, 3, 5), "Zora Quill, John Roe")
    assert (first.source, first.language) == ("The Tidings", "de")
    assert isinstance(second, Article)
    assert (second.id, second.url) == ("urn:2", None)
    assert (second.text, second.published) == ("3 < 4 & 5, it said.", date(2024, 3, 6))
    assert second.language == "en"
    assert total_articles([tmp_path]) == 2


@pytest.mark.parametrize(
    ("item", "field", "expected"),
    [
        (
            "<description>AT&amp;amp;T &lt;b&gt;said&lt;/b&gt; so.</description>",
            "text",
            "AT&T said so.",
        ),
        ("<author>desk@harbour.example (Zora Quill)</author>", "byline", "Zora Quill"),
        ("<author>desk@harbour.example</author>", "byline", None),
        ("<author>Zora Quill</author>", "byline", "Zora Quill"),
        ('<source url="https://ledger.example">Ledger</source>', "source", "Ledger"),
        ("<pubDate>some day</pubDate>", "published", None),
        ("<guid>hw-7</guid>", "url", None),
        ("<guid>https://harbour.example/7</guid>", "url", "https://harbour.example/7"),
        ("<guid>hw-7</guid>", "id", "hw-7"),
    ],
)
def test_what_an_item_says(tmp_path: Path, item: str, field: str, expected: str | None) -> None:
    if field != "text":
        item += "<description>A storm.</description>"
    (article,) = read(tmp_path, RSS.format(items=f"<item>{item}</item>"))
    assert isinstance(article, Article)
    assert getattr(article, field) == expected


def test_items_that_share_an_address_stay_apart(tmp_path: Path) -> None:
    item = "<item><link>https://harbour.example/</link><guid>{0}</guid><description>{0}.</description></item>"
    found = read(tmp_path, RSS.format(items=item.format("one") + item.format("two")))
    assert [a.id for a in found if isinstance(a, Article)] == ["one", "two"]


def test_an_item_without_text_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    items = "<item><title>Nothing more</title></item>" + BRIDGE
    skipped, article = read(tmp_path, RSS.format(items=items))
    assert isinstance(skipped, Skipped)
    assert skipped.where == f"{tmp_path / 'feed.xml'}:1"
    assert skipped.reason.startswith("no article text")
    assert isinstance(article, Article)


def test_a_feed_that_was_cut_off_gives_what_came_before(tmp_path: Path) -> None:
    content = RSS.format(items=BRIDGE + "<item><title>Cut off</title><descr")
    first, *_ = read(tmp_path, content[: content.index("</channel>")])
    assert isinstance(first, Article)
    assert first.title == "Bridge & pier shut"


@pytest.mark.parametrize(
    "content", ["", "nothing", "<a><b/></a>", RSS.format(items=""), b"\x00\x01\xff"]
)
def test_what_is_no_feed_is_reported(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == [
        Skipped(str(tmp_path / "feed.xml"), "no entries of an RSS or Atom feed in it")
    ]
    assert total_articles([tmp_path]) == 0


def test_no_file_is_opened_and_nothing_fetched_for_a_feed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hidden", encoding="utf-8")
    entity = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]><rss'
    items = "<item><description>A storm. &x;</description></item>"
    (article,) = read(tmp_path, RSS.replace("<rss", entity).format(items=items))
    assert isinstance(article, Article)
    assert "hidden" not in article.text
