"""Every format becomes articles; whatever cannot be read is reported and stops nothing."""

import hashlib
import io
import json
import os
import sys
from datetime import date
from pathlib import Path

import pytest

from rag.formats import read_articles, total_articles
from rag.types import Article, Skipped

BODY = "The harbour bridge of Port Ellan was closed on Tuesday."
MORE = "Engineers expect repairs to take three weeks."


def read(*paths: str | Path) -> list[Article | Skipped]:
    return list(read_articles(paths))


def read_one(path: str | Path) -> Article:
    (article,) = read(path)
    assert isinstance(article, Article), article
    return article


def reason(path: str | Path) -> str:
    (skipped,) = read(path)
    assert isinstance(skipped, Skipped), skipped
    assert skipped.where == str(path)
    return skipped.reason


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- finding files


def test_a_folder_is_read_recursively_in_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ["b.txt", "a/z.md", "a/y.HTM", ".hidden.txt", ".git/x.txt", "c.xyz", "d"]:
        html = f"<html><body><p>{BODY}</p><p>{MORE}</p></body></html>"
        write(tmp_path / name, html if name.endswith("HTM") else BODY)
    found = read(tmp_path)
    assert [a.id for a in found if isinstance(a, Article)] == ["y", "z", "b"]
    known = (
        "known: .txt .md .html .htm .pdf .docx .jsonl .csv .jsonl.gz .csv.gz .parquet"
        " .rss .atom .xml"
    )
    assert found[3:] == [
        Skipped(str(tmp_path / "c.xyz"), f"unknown suffix '.xyz'; {known}"),
        Skipped(str(tmp_path / "d"), f"unknown suffix ''; {known}"),
    ]


def test_a_glob_names_files_and_folders_once(tmp_path: Path) -> None:
    for name in ["a.txt", "b.txt", "deep/c.txt", "deep/er/d.txt"]:
        write(tmp_path / name, BODY)
    assert [a.id for a in read(tmp_path / "?.txt") if isinstance(a, Article)] == ["a", "b"]
    assert [a.id for a in read(tmp_path / "d*") if isinstance(a, Article)] == ["c", "d"]
    everything = [a.id for a in read(tmp_path / "**") if isinstance(a, Article)]
    assert everything == ["a", "b", "c", "d"]


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(tmp_path: Path) -> None:
    assert read_one(write(tmp_path / "story [1].txt", BODY)).id == "story [1]"


@pytest.mark.parametrize("pattern", ["**", "**/*.txt", "a/**/*.txt", "**/b/**/*.txt", "./a/**/"])
def test_two_stars_stand_for_any_depth_without_links_and_hidden_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    for name in ["a/b/c/x.txt", "a/b/y.txt", "a/.git/z.txt"]:
        write(tmp_path / name, BODY)
    for link in ["up", "back"]:  # two of them: glob.glob goes 2**40 ways
        (tmp_path / "a" / link).symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert [a.id for a in read(pattern) if isinstance(a, Article)] == ["x", "y"]


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "news" / "a.txt", BODY)
    for path in ["~", "~/news", "~/news/a.txt", "~/n*/*.txt"]:
        assert read_one(path).origin == str(tmp_path / "news" / "a.txt")
        assert total_articles([path]) == 1


def test_a_file_is_read_once_however_many_paths_lead_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "news" / "a.txt", BODY)
    write(tmp_path / "news" / "b.csv", "text\nOne.\n")
    (tmp_path / "link").symlink_to(tmp_path / "news")
    monkeypatch.chdir(tmp_path)
    paths = ["news", "news", "news/a.txt", tmp_path, tmp_path, "news/*.txt", "news/../news", "link"]
    article, row, *skipped = read(*paths)
    assert isinstance(article, Article)
    assert isinstance(row, Article)
    assert [s.where for s in skipped if isinstance(s, Skipped)] == [str(tmp_path / "link")]
    assert total_articles(paths) == 1 + 2


def test_a_folder_may_hold_a_file_called_like_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "-", BODY)
    monkeypatch.chdir(tmp_path)
    for path in ["./-", tmp_path]:
        (skipped,) = read(path)
        assert isinstance(skipped, Skipped)
        assert skipped.reason.startswith("unknown suffix")


def test_paths_without_articles_are_reported(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.txt") == "no such file or folder"
    assert reason(tmp_path / "*.txt") == "no file matches this pattern"
    assert reason(tmp_path).startswith("empty folder")


def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    write(tmp_path / "real" / "a.txt", BODY)
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    found = read(tmp_path)
    assert [s.reason for s in found if isinstance(s, Skipped)] == [
        "not a regular file",
        "not a regular file",
        "a link to a folder: name that folder itself",
    ]
    assert len(found) == 4


def test_links_that_lead_to_themselves_are_reported(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(tmp_path)
    (tmp_path / "one.txt").symlink_to(tmp_path / "two.txt")
    (tmp_path / "two.txt").symlink_to(tmp_path / "one.txt")
    reasons = [s.reason for s in read(tmp_path) if isinstance(s, Skipped)]
    assert reasons == [
        "not a regular file",
        "a link to a folder: name that folder itself",
        "not a regular file",
    ]
    assert reason(tmp_path / "one.txt") == "no such file or folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_and_folders_without_permission_are_reported(tmp_path: Path) -> None:
    closed = write(tmp_path / "a.txt", BODY)
    closed.chmod(0o000)
    assert reason(closed) == "cannot be read: Permission denied"
    inside = write(tmp_path / "folder" / "b.txt", BODY)
    for mode in (0o000, 0o400):  # 0o400: its names can be listed, nothing in it opened
        inside.parent.chmod(mode)
        (skipped,) = read(inside.parent)
        assert isinstance(skipped, Skipped)
        assert skipped.reason == "cannot be read: Permission denied"
    inside.parent.chmod(0o700)


def test_a_folder_with_the_suffix_of_a_file_is_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "news.txt" / "a.txt", BODY)
    assert read_one(tmp_path / "news.txt").id == "a"
    assert read_one(tmp_path).id == "a"


def test_errors_of_the_system_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path / "folder" / "a.txt", BODY).parent
    lines = write(tmp_path / "b.jsonl", "{}")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert reason(folder / "a.txt") == "cannot be read: Permission denied"
    monkeypatch.setattr(Path, "open", refuse)
    assert reason(lines) == "cannot be read: Permission denied"
    assert total_articles([lines]) == 0
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert reason(folder) == "cannot be read: Permission denied"


def test_a_file_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")), BODY)
    (skipped,) = read(tmp_path)
    assert skipped == Skipped(f"{tmp_path}/caf?.txt", "its name is not UTF-8: rename it")


def test_a_path_that_is_not_utf8_can_be_printed(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    assert read(path) == [Skipped(f"{tmp_path}/caf?", "no such file or folder")]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"\x00\x01")
    write(tmp_path / "b.txt", BODY)
    first, second = read(tmp_path)
    assert isinstance(first, Skipped)
    assert isinstance(second, Article)


def test_total_counts_files_and_lines(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", BODY)
    write(tmp_path / "b.xyz", BODY)
    write(tmp_path / "c.jsonl", "{}\n{}\n{}")
    write(tmp_path / "d.csv", "text\nOne\nTwo\n")
    write(tmp_path / "e.jsonl", "")
    assert total_articles([tmp_path, tmp_path / "none.txt"]) == 1 + 3 + 3
    assert total_articles([tmp_path, "-"]) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2023-12-06-bridge-shut.txt", date(2023, 12, 6)),
        ("20231206_bridge.md", date(2023, 12, 6)),
        ("wire 2023.12.06.html", date(2023, 12, 6)),
        ("wire_2023_12_06_v2.txt", date(2023, 12, 6)),
        ("20231206T1030Z-bridge.txt", date(2023, 12, 6)),
        ("2023-12-06 (copy of 20231206).txt", date(2023, 12, 6)),
        ("2023-12-06-to-2023-12-08.txt", None),
        ("06-12-2023.txt", None),
        ("2023-12.txt", None),
        ("2023-13-06.txt", None),
        ("2023-1206.txt", None),
        ("120231206.txt", None),
        ("a20231206.txt", None),
        ("2099-12-06-forecast.txt", None),
        ("1066-10-14-battle.txt", None),
        ("bridge.txt", None),
    ],
)
def test_the_name_of_a_file_gives_a_date_that_nothing_else_does(
    tmp_path: Path, name: str, expected: date | None
) -> None:
    suffix = Path(name).suffix
    html = f"<html><body><p>{BODY}</p><p>{MORE}</p></body></html>"
    article = read_one(write(tmp_path / name, html if suffix == ".html" else f"{BODY}\n\n{MORE}"))
    assert article.published == expected
    assert article.published_from == (None if expected is None else "file")


@pytest.mark.parametrize(
    ("content", "origin"),
    [
        ("---\ndate: 2024-03-04\n---\nMarch 3, 2024\n\n" + BODY, "metadata"),
        ("March 4, 2024\n\n" + BODY, "text"),
    ],
)
def test_the_name_of_a_file_counts_least(tmp_path: Path, content: str, origin: str) -> None:
    article = read_one(write(tmp_path / "2023-12-06.md", content))
    assert (article.published, article.published_from) == (date(2024, 3, 4), origin)


# --- text files


@pytest.mark.parametrize(
    "raw",
    [
        "Café “Zürich” déjà vu, said the mayor of the town.".encode(),
        "Café “Zürich” déjà vu, said the mayor of the town.".encode("utf-8-sig"),
        "Café “Zürich” déjà vu, said the mayor of the town.".encode("utf-16"),
        b"\xfe\xff" + "Café “Zürich” déjà vu, said the mayor of the town.".encode("utf-16-be"),
    ],
)
def test_unicode_text_is_read_with_and_without_a_mark(tmp_path: Path, raw: bytes) -> None:
    article = read_one(write(tmp_path / "story.txt", raw))
    assert article.text == "Café “Zürich” déjà vu, said the mayor of the town."
    assert (article.id, article.origin) == ("story", str(tmp_path / "story.txt"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Zürich’s mayor said the city would pay.", "cp1252"),
        ("The café in Port Ellan stayed open on Tuesday, its owner said.", "latin-1"),
        ("Мост в порту закрыли во вторник из-за трещины. Ремонт займёт три недели.", "cp1251"),
    ],
)
def test_other_encodings_are_told_from_the_bytes(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_one(write(tmp_path / "story.txt", text.encode(encoding))).text == text


@pytest.mark.parametrize(
    "raw", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", bytes(range(128, 256)) * 9]
)
def test_a_binary_file_is_no_text(tmp_path: Path, raw: bytes) -> None:
    assert reason(write(tmp_path / "picture.txt", raw)).startswith("not text")


@pytest.mark.parametrize("content", ["", " \n\n", "\ufeff", "Advertisement\n\nShare"])
@pytest.mark.parametrize("suffix", ["txt", "md", "html", "htm"])
def test_a_file_without_article_text_is_reported(tmp_path: Path, content: str, suffix: str) -> None:
    assert reason(write(tmp_path / f"empty.{suffix}", content)).startswith("no article text")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "date 2024-03-04"),
        ("a.txt", b"\xff\xfe"),
        ("a.md", "---\ntitle: Bridge\n---\n"),
        ("a.md", "# Bridge shut\n"),
        ("a.md", "![A picture](bridge.png)"),
        ("a.html", "<html></html>"),
        ("a.html", "<html><body><!-- nothing --></body></html>"),
        ("a.html", "no markup at all"),
    ],
)
def test_a_header_alone_is_no_article(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert reason(write(tmp_path / name, content)).startswith("no article text")


def test_text_files_are_cleaned(tmp_path: Path) -> None:
    raw = f" date 2024-03-04 Bridge shut after crack found\n\nBy Zora Quill\n\n{BODY}\n\nShare"
    article = read_one(write(tmp_path / "story.txt", raw))
    assert (article.title, article.published) == ("Bridge shut after crack found", date(2024, 3, 4))
    assert (article.byline, article.text) == ("Zora Quill", BODY)
    assert article.removed == ("date 2024-03-04", "By Zora Quill", "Share")


def test_origin_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a" / "story.txt", BODY)
    monkeypatch.chdir(tmp_path / "a")
    assert read_one("../a/story.txt").origin == str(tmp_path / "a" / "story.txt")


# --- Markdown

MARKDOWN = """\
---
Title: Bridge shut after crack found
date: 2024-03-04
author: [Zora Quill, John Roe]
source: Harbour Wire
url: https://harbour.example/bridge
id: 007
language: en
tags: [bridge]
---
# Bridge shut after crack found

The *harbour* [bridge](https://harbour.example) of
Port&nbsp;Ellan &amp; its **pier** were `closed`\\
on ~~Monday~~ Tuesday <b>at noon</b>. ![A picture](bridge.png)

![Only a picture](bridge.png)

## What we know

- It opened in 1931
- It is *closed*

1. First

   Still the first

> Never again

| Year | Cracks |
|------|--------|
| 2023 |        |
| 2024 | 2      |

    steel &amp; stone

```
rivets = 9
```

<div>An advert</div>
"""


def test_markdown_becomes_plain_text(tmp_path: Path) -> None:
    article = read_one(write(tmp_path / "story.md", MARKDOWN))
    assert article.text == (
        "The harbour bridge of Port\xa0Ellan & its pier were closed\n"
        "on Monday Tuesday at noon.\n\nWhat we know\n\n"
        "• It opened in 1931\n• It is closed\n\n"
        "• First\n\nStill the first\n\nNever again\n\n"
        "Year | Cracks\n2023 |\n2024 | 2\n\n"
        "steel &amp; stone\n\nrivets = 9"
    )


def test_front_matter_gives_the_metadata_as_it_is_written(tmp_path: Path) -> None:
    article = read_one(write(tmp_path / "story.md", MARKDOWN.replace("\n", "\r\n")))
    assert article.title == "Bridge shut after crack found"
    assert article.published == date(2024, 3, 4)
    assert article.byline == "Zora Quill, John Roe"
    assert (article.source, article.language) == ("Harbour Wire", "en")
    assert article.url == "https://harbour.example/bridge"
    assert article.id == "007"
    assert article.origin == str(tmp_path / "story.md")


@pytest.mark.parametrize(
    ("content", "title", "text"),
    [
        (f"# Bridge shut\n\n{BODY}", "Bridge shut", BODY),
        (f"<!-- a note -->\n\nBridge shut\n===\n\n{BODY}", "Bridge shut", BODY),
        (
            f"---\nheadline: Bridge\n---\n# Bridge shut\n\n{BODY}",
            "Bridge",
            f"Bridge shut\n\n{BODY}",
        ),
        (
            f"---\ntitle: ''\ndate: ~\nsource: null\n---\n# Bridge shut\n\n{BODY}",
            "Bridge shut",
            BODY,
        ),
        (f"---\n---\n{BODY}", None, BODY),
        (f"---\ntitle: 2024\n...\n{BODY}", "2024", BODY),
        (f"{BODY}\n\n# Bridge shut", None, f"{BODY}\n\nBridge shut"),
        (f"Bridge shut after crack found\n\n{BODY}", "Bridge shut after crack found", BODY),
    ],
)
def test_a_leading_heading_is_the_title_unless_front_matter_has_one(
    tmp_path: Path, content: str, title: str | None, text: str
) -> None:
    article = read_one(write(tmp_path / "story.md", content))
    assert (article.title, article.text, article.id) == (title, text, "story")


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("title: Bridge\nauthor: [Zora\n---", "broken front matter at line 4"),
        ("title: Bridge: shut\n---", "broken front matter at line 2"),
        ("a: \x07\n---", "broken front matter at line 1"),
        ("only words\n---", "broken front matter at line 2: expected lines of 'name: value'"),
        ("title: Bridge", "broken front matter at line 1: no '---' closes it"),
        ("date: some day in March\n---", "'some day in March' is no date"),
        ("author: {name: Zora}\n---", "'author' must be a string, got dict"),
    ],
)
def test_broken_front_matter_is_reported(tmp_path: Path, front: str, expected: str) -> None:
    path = write(tmp_path / "story.md", f"---\n{front}\n{BODY}")
    assert reason(path).startswith(expected)


# --- HTML

HTML = f"""<!doctype html>
<html lang="en-GB"><head><meta charset="{{charset}}">
<title>Bridge shut after crack found | Harbour Wire</title>
<meta property="og:title" content="Bridge shut after crack found">
<meta property="og:site_name" content="Harbour Wire">
<meta name="author" content="Zora Quill; John Roe">
<meta property="article:published_time" content="2024-03-04T10:00:00Z">
<link rel="canonical" href="https://harbour.example/bridge"></head>
<body><nav><a href="/">Home</a><a href="/world">World</a></nav>
<article><h1>Bridge shut after crack found</h1><p>By Zora Quill</p><p>{BODY}</p>
<p>The café’s <a href="/owner">owner</a> said she saw it on 5 March 2019 as well.</p>
<table><tr><th>Year</th><th>Cracks</th></tr><tr><td>2024</td><td>2</td></tr></table>
<p>Advertisement</p><p>{MORE}</p></article>
<div id="comments"><p>What a nice bridge that was, writes a reader.</p></div></body></html>"""


@pytest.mark.parametrize("charset", ["utf-8", "windows-1250", "no-such-charset"])
def test_html_gives_the_article_and_its_metadata(tmp_path: Path, charset: str) -> None:
    raw = HTML.replace("{charset}", charset)
    encoded = raw.encode("cp1250" if charset == "windows-1250" else "cp1252")
    article = read_one(write(tmp_path / "story.html", raw if charset == "utf-8" else encoded))
    assert article == Article(
        id="story",
        text=f"{BODY}\nThe café’s owner said she saw it on 5 March 2019 as well.\n"
        f"| Year | Cracks |\n| 2024 | 2 |\n{MORE}",
        title="Bridge shut after crack found",
        published=date(2024, 3, 4),
        published_from="metadata",
        byline="Zora Quill, John Roe",
        source="Harbour Wire",
        url="https://harbour.example/bridge",
        language="en",
        origin=str(tmp_path / "story.html"),
        removed=("By Zora Quill", "Advertisement"),
    )


def test_html_without_metadata_has_no_guessed_date(tmp_path: Path) -> None:
    html = f"<html><body><p>{BODY}</p><p>It was built on 5 March 1931.</p></body></html>"
    article = read_one(write(tmp_path / "story.htm", html))
    assert (article.published, article.language, article.url) == (None, None, None)
    assert article.text == f"{BODY}\nIt was built on 5 March 1931."


@pytest.mark.parametrize(
    ("title", "heading", "site", "expected"),
    [
        ("Bridge shut after crack", "Bridge shut after crack", "", "Bridge shut after crack"),
        ("Bridge shut - Harbour Wire", "Bridge shut", "", "Bridge shut"),
        ("Bridge shut | Ports | Harbour Wire", "Bridge shut", "", "Bridge shut"),
        ("Bridge shut :: Harbour Wire", "Bridge<br>shut", "", "Bridge shut"),
        ("The “old” bridge – Wire", "The &quot;old&quot; <em>bridge</em>", "", "The “old” bridge"),
        ("Bridge – what we know – Wire", "Bridge – what we know", "", "Bridge – what we know"),
        ("Bridge shut – Harbour Wire", "", "Harbour Wire", "Bridge shut"),
        (
            "Harbour Wire | Bridge shut",
            "Harbour Wire",
            "Harbour Wire",
            "Harbour Wire | Bridge shut",
        ),
    ],
)
def test_the_title_of_a_page_is_its_headline_without_the_outlet(
    tmp_path: Path, title: str, heading: str, site: str, expected: str
) -> None:
    html = (
        f'<html><head><title>{title}</title><meta property="og:title" content="{title}">'
        f'<meta property="og:site_name" content="{site}"></head>'
        f"<body><article><h1>{heading}</h1><p>{BODY}</p><p>{MORE}</p></article></body></html>"
    )
    article = read_one(write(tmp_path / "story.html", html))
    assert article.title == expected
    if heading and heading != site:
        assert article.text == f"{BODY}\n{MORE}"


def test_a_headline_below_the_name_of_its_section_leaves_the_text(tmp_path: Path) -> None:
    html = (
        "<html><head><title>Bridge shut - Harbour Wire</title></head><body><article><p>World</p>"
        f"<h1>Bridge shut</h1><p>By Zora Quill</p><p>{BODY}</p></article></body></html>"
    )
    article = read_one(write(tmp_path / "story.html", html))
    assert (article.title, article.byline) == ("Bridge shut", "Zora Quill")
    assert article.text == BODY
    assert article.removed[0] == "World"


def test_an_html_parser_that_fails_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError("too deep")

    monkeypatch.setattr("trafilatura.bare_extraction", fail)
    assert "too deep" in reason(write(tmp_path / "story.html", HTML))


# --- JSON lines


def test_every_line_of_jsonl_is_an_article_of_its_own(tmp_path: Path) -> None:
    rows = [{"id": 1, "text": BODY}, {"id": "two", "text": MORE, "date": None}]
    content = "\ufeff" + "\r\n\n".join(map(json.dumps, rows))
    first, second = read(write(tmp_path / "news.jsonl", content))
    assert isinstance(first, Article)
    assert isinstance(second, Article)
    assert (first.id, first.text, first.origin) == ("1", BODY, None)
    assert (second.id, second.text, second.published) == ("two", MORE, None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"{'text': 'One.'}", "not JSON: Expecting property name"),
        (b'{"text": "One."', "not JSON: Expecting ',' delimiter at column 16; fix or remove"),
        (b'{"text": "caf\xe9"}', "not UTF-8: invalid continuation byte; save the file as UTF-8"),
        (b"[" * 100_000, "not JSON: "),
        (b'{"id": ' + b"9" * 5000 + b"}", "not JSON: "),
        (b'["One."]', "expected a JSON object, got ['One.']"),
        (b"null", "expected a JSON object, got None"),
        (b"{}", "no article text: expected it under"),
        (b'{"text": ""}', "no article text: nothing but"),
        (b'{"text": 5}', "'text' must be a string, got int: 5"),
        (b'{"text": "One.", "date": "soon"}', "'soon' is no date: expected a full one, such as"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(
    tmp_path: Path, line: bytes, expected: str
) -> None:
    good = json.dumps({"text": BODY}).encode()
    path = write(tmp_path / "news.jsonl", b"\n".join([good, b"", line, good]))
    first, skipped, last = read(path)
    assert isinstance(first, Article)
    assert isinstance(last, Article)
    assert isinstance(skipped, Skipped)
    assert skipped.where == f"{path}:3"
    assert skipped.reason.startswith(expected)


def test_a_dash_reads_json_lines_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps({"id": "a", "text": "Café."}, ensure_ascii=False) + "\nnot json\n"
    stdin = io.TextIOWrapper(io.BytesIO(raw.encode()), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", stdin)
    article, skipped = read("-")
    assert isinstance(article, Article)
    assert article.text == "Café."
    assert isinstance(skipped, Skipped)
    assert skipped.where == "stdin:2"


# --- CSV


def test_every_row_of_a_csv_file_is_an_article(tmp_path: Path) -> None:
    content = (
        "\ufeffID, Headline ,Body,DATE,authors,unknown\r\n"
        f'1,"Bridge, shut","{BODY}\r\n\r\nThe ""old"" pier too.",2024-03-04,Zora Quill,x\r\n'
        "\r\n"
        f",,{MORE},,,\r\n"
        f"3,,{MORE}\r\n"
    )
    first, second, third = read(write(tmp_path / "news.csv", content))
    assert first == Article(
        id="1",
        text=f'{BODY}\n\nThe "old" pier too.',
        title="Bridge, shut",
        published=date(2024, 3, 4),
        published_from="metadata",
        byline="Zora Quill",
    )
    assert isinstance(second, Article)
    assert second.id == hashlib.sha256(MORE.encode()).hexdigest()[:16]
    assert isinstance(third, Article)
    assert third.id == "3"


def test_a_csv_cell_may_be_large(tmp_path: Path) -> None:
    article = read_one(write(tmp_path / "news.csv", "text\n" + "word " * 40_000 + "end."))
    assert len(article.text) > 131_072


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"2,One.,soon", "'soon' is no date"),
        (b"2,,2024-03-04", "no article text: expected it under"),
        (b"2,One, two.,2024-03-04", "4 cells under 3 columns: quote cells that hold a comma"),
        (b"2,caf\xe9,", "not UTF-8: save the file as CSV UTF-8"),
        (b'2,"One" two.,', "not CSV: ',' expected after '\"'; fix or remove the row"),
    ],
)
def test_a_bad_row_is_named_and_the_others_go_on(tmp_path: Path, row: bytes, expected: str) -> None:
    good = f"1,{BODY},2024-03-04".encode()
    path = write(tmp_path / "news.csv", b"\n".join([b"id,text,date", good, row, good]))
    first, skipped, last = read(path)
    assert isinstance(first, Article)
    assert isinstance(last, Article)
    assert isinstance(skipped, Skipped)
    assert skipped.where == f"{path}:3"
    assert skipped.reason.startswith(expected)


def test_a_quote_that_is_never_closed_makes_no_article_of_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path / "news.csv", f'id,text\n1,{BODY}\n2,"{BODY}\n3,{BODY}\n')
    first, skipped = read(path)
    assert isinstance(first, Article)
    assert skipped == Skipped(f"{path}:3", "not CSV: unexpected end of data; fix or remove the row")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "no column 'text', 'body', 'content' or 'article' in the header: []"),
        ("id;text\n1;One.\n", "no column 'text', 'body', 'content' or 'article' in the header"),
        ('"id"x,text\n1,One.\n', "not CSV: "),
    ],
)
def test_a_csv_file_without_a_header_is_reported(
    tmp_path: Path, content: str, expected: str
) -> None:
    path = write(tmp_path / "news.csv", content)
    (skipped,) = read(path)
    assert isinstance(skipped, Skipped)
    assert skipped.where == f"{path}:1"
    assert skipped.reason.startswith(expected)
