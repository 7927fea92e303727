"""PDF and Word documents become articles; their properties count when they look right."""

import io
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from pdfs import column, pdf

from rag.formats import read_articles
from rag.layout import Line
from rag.types import Article, Skipped

BODY = "The harbour bridge of Port Ellan was closed on Tuesday."
MORE = "Engineers expect repairs to take three weeks (or four)."


def read(folder: Path, raw: bytes, name: str) -> Article | Skipped:
    path = folder / name
    path.write_bytes(raw)
    (found,) = read_articles([path])
    return found


def article(folder: Path, raw: bytes, name: str = "story.pdf") -> Article:
    found = read(folder, raw, name)
    assert isinstance(found, Article), found
    return found


def reason(folder: Path, raw: bytes, name: str = "story.pdf") -> str:
    found = read(folder, raw, name)
    assert isinstance(found, Skipped), found
    return found.reason


# --- PDF


def test_a_pdf_is_an_article(tmp_path: Path) -> None:
    page = [
        Line("Bridge shut after crack", 50, 780, 24),
        *column("By Zora Quill", "", BODY, "", MORE),
    ]
    info = {
        "Title": "Bridge shut after crack",
        "Author": "Zora Quill and John Roe",
        "CreationDate": "D:20240304233000-05'00'",
    }
    assert article(tmp_path, pdf([page], info)) == Article(
        id="story",
        text=f"{BODY}\n\n{MORE}",
        title="Bridge shut after crack",
        published=date(2024, 3, 4),
        published_from="file",
        byline="Zora Quill, John Roe",
        origin=str(tmp_path / "story.pdf"),
        removed=("By Zora Quill",),
    )


@pytest.mark.parametrize(
    "title",
    [
        "Microsoft Word - bridge.docx",
        "final draft 2.indd",
        "Untitled Document 1",
        "Document1",
        "https://harbour.example/a b",
        "PowerPoint Presentation",
        "bridge",
        "  ",
    ],
)
def test_a_title_left_over_is_none(tmp_path: Path, title: str) -> None:
    page = [Line("Bridge shut after crack", 50, 780, 24), *column(BODY)]
    assert article(tmp_path, pdf([page], {"Title": title})).title == "Bridge shut after crack"


@pytest.mark.parametrize("author", ["zquill", "admin", "Microsoft Office User", "ACME 3000", ""])
def test_an_account_is_no_author(tmp_path: Path, author: str) -> None:
    assert article(tmp_path, pdf([column(BODY)], {"Author": author})).byline is None


@pytest.mark.parametrize(
    "created", ["D:19700101000000Z", "D:20990304", "D:20241399", "yesterday", ""]
)
def test_a_wrong_clock_gives_no_date(tmp_path: Path, created: str) -> None:
    found = article(tmp_path, pdf([column(BODY)], {"CreationDate": created}))
    assert (found.published, found.published_from) == (None, None)


def test_a_text_goes_over_lines_columns_and_pages(tmp_path: Path) -> None:
    left = column("The harbour bridge of Port El-", "lan was closed to all traffic", top=100)
    right = column("on Tuesday after the discov-", "ery of a crack, and of", x=300)
    second = column("another one the day after.", "", MORE)
    found = article(tmp_path, pdf([[*left, *right], second]))
    assert found.text == (
        "The harbour bridge of Port Ellan was closed to all traffic on Tuesday after the discovery"
        f" of a crack, and of another one the day after.\n\n{MORE}"
    )


def encrypted(password: str) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf([column(BODY)])))
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue()


def test_a_pdf_that_anyone_may_open_is_read(tmp_path: Path) -> None:
    assert article(tmp_path, encrypted("")).text == BODY


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (encrypted("secret"), "encrypted: save it without a password"),
        (pdf([[], []]), "no text in it: scanned pages have to go through OCR first"),
        (pdf([column("\x01\x02\x03\x04\x05 \x06\x07")]), "its fonts do not tell which letters"),
        (b"", "not readable as PDF: Cannot read an empty file"),
        (b"no PDF", "not readable as PDF: "),
        (pdf([column(BODY)])[:300], "not readable as PDF: "),
        (pdf([column("Share")]), "no article text: nothing but"),
    ],
)
def test_a_pdf_that_cannot_be_read_is_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], raw: bytes, expected: str
) -> None:
    said = reason(tmp_path, raw)
    assert said.startswith(expected)
    assert "\n" not in said
    assert capfd.readouterr() == ("", "")


# --- Word


def word(*blocks: tuple[str, str], **properties: Any) -> bytes:
    """A Word document of (style, text) paragraphs."""
    document = docx.Document()
    for style, text in blocks:
        document.add_paragraph(text, style)
    for name, value in properties.items():
        setattr(document.core_properties, name, value)
    return saved(document)


def saved(document: Any) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_a_word_document_is_an_article(tmp_path: Path) -> None:
    raw = word(
        ("Title", "Bridge shut after crack"),
        ("Normal", BODY),
        ("Heading 2", "What we know"),
        ("List Bullet", "It is old"),
        ("Normal", MORE),
        title="Another title from a template",
        author="Zora Quill; John Roe",
        created=datetime(2024, 3, 4, 23, 30, tzinfo=UTC),
    )
    assert article(tmp_path, raw, "story.docx") == Article(
        id="story",
        text=f"{BODY}\n\nWhat we know\n\n• It is old\n\n{MORE}",
        title="Bridge shut after crack",
        published=date(2024, 3, 4),
        published_from="file",
        byline="Zora Quill, John Roe",
        origin=str(tmp_path / "story.docx"),
    )


def test_the_properties_give_a_title_that_is_not_in_the_text(tmp_path: Path) -> None:
    raw = word(("Normal", BODY), title="Bridge shut after crack")
    found = article(tmp_path, raw, "story.docx")
    assert (found.title, found.byline, found.published) == ("Bridge shut after crack", None, None)


def test_the_rows_of_a_table_are_lines(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph(BODY)
    table = document.add_table(2, 3)
    for cell, text in zip(table._cells, ["Year", "Cracks", "", "2024", "2\nor 3"], strict=False):
        cell.text = text
    table.cell(1, 1).merge(table.cell(1, 2))
    document.add_paragraph(MORE)
    text = article(tmp_path, saved(document), "story.docx").text
    assert text == f"{BODY}\n\nYear | Cracks |\n\n2024 | 2 or 3\n\n{MORE}"


def test_links_and_tracked_changes_are_read_as_they_would_be_printed(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("The ")
    for wrapper, tag, text in [
        ("w:hyperlink", "w:t", "bridge"),
        ("w:del", "w:delText", " is"),
        ("w:ins", "w:t", " was"),
    ]:
        outer, run, inner = OxmlElement(wrapper), OxmlElement("w:r"), OxmlElement(tag)
        inner.text = text
        inner.set(qn("xml:space"), "preserve")
        run.append(inner)
        outer.append(run)
        paragraph._p.append(outer)
    paragraph.add_run(" shut.")
    assert article(tmp_path, saved(document), "story.docx").text == "The bridge was shut."


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "not readable as a Word document: "),
        (b"PK\x03\x04 no zip", "not readable as a Word document: File is not a zip file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "encrypted or an old .doc: save it as .docx"),
        (word(), "no article text: nothing but"),
    ],
)
def test_a_word_document_that_cannot_be_read_is_reported(
    tmp_path: Path, raw: bytes, expected: str
) -> None:
    assert reason(tmp_path, raw, "story.docx").startswith(expected)


# --- libraries that are not installed


@pytest.mark.parametrize(
    ("name", "module", "library", "extra"),
    [
        ("a.pdf", "pypdf", "pypdf", "pdf"),
        ("a.docx", "docx", "python-docx", "docx"),
        ("a.rss", "feedparser", "feedparser", "feeds"),
        ("a.parquet", "pyarrow", "pyarrow", "parquet"),
    ],
)
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    module: str,
    library: str,
    extra: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    (tmp_path / "b.txt").write_text(BODY, encoding="utf-8")
    (tmp_path / name).write_bytes(b"whatever")
    skipped, found = read_articles([tmp_path])
    assert skipped == Skipped(
        str(tmp_path / name), f"needs {library}: pip install 'dateline[{extra}]'"
    )
    assert isinstance(found, Article)
