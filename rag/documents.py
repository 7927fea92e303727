"""PDF and Word documents -> their text, and what their properties say.

Properties are often left over from a template or from another document: what does not look right
is not taken.
"""

import io
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from rag.dates import parse_date
from rag.errors import MissingExtraError, UnreadableError
from rag.furniture import is_name
from rag.layout import Line, paragraphs

if TYPE_CHECKING:
    from docx.document import Document as WordDocument
    from pypdf import PageObject


@dataclass(frozen=True)
class Document:
    """What a file holds: the fields that `rag.fields.article_from_mapping` knows, and the day on
    which its properties say that it was made."""

    fields: Mapping[str, object]
    created: date | None = None


_NO_TITLE = re.compile(
    r"microsoft (?:word|powerpoint|publisher)\b.*|untitled.*|(?:document|layout|dokument)\s?\d*"
    r"|powerpoint presentation|.*\.(?:docx?|odt|rtf|indd|qxp|qxd|pages|tex|dvi|pdf|txt|html?|p65)"
    r"|(?:https?:|file:|about:|www\.).*",
    re.I,
)


def _sane_title(value: object) -> str | None:
    """A title of two words or more that is not a program's or a file's name."""
    title = " ".join(value.split()) if isinstance(value, str) else ""
    return title if " " in title and not _NO_TITLE.fullmatch(title) else None


def _sane_author(value: object) -> str | None:
    """Names of persons, not of accounts ("jdoe", "Microsoft Office User")."""
    authors = " ".join(value.split()) if isinstance(value, str) else ""
    names = re.split(r"\s*[,;]\s*|\s+(?:and|&)\s+", authors)
    known = all(map(is_name, names)) and "Microsoft" not in authors
    return ", ".join(names) if known else None


def _sane_day(day: date | None) -> date | None:
    """The day, unless it is one that clocks show before they are set."""
    return day if day is not None and date(1990, 1, 1) <= day <= date.today() else None


# --- PDF -----------------------------------------------------------------------------------------


def pdf_document(raw: bytes) -> Document:
    """The text of a PDF, its title, authors and day. Raises UnreadableError."""
    try:
        import pypdf
    except ImportError:
        raise MissingExtraError("pypdf", "pdf") from None
    # What is wrong with a file is said once, by us.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("encrypted: save it without a password")
        pages = [_lines(page) for page in reader.pages]
        properties = {} if reader.metadata is None else dict(reader.metadata)
    except UnreadableError:
        raise
    except pypdf.errors.DependencyError:
        raise UnreadableError("encrypted: save it without a password") from None
    except Exception as error:  # a parser of whatever calls itself a PDF
        raise UnreadableError(f"not readable as PDF: {_one_line(error)}") from error
    text = "\n\n".join(paragraphs(pages))
    if not text.strip():
        raise UnreadableError("no text in it: scanned pages have to go through OCR first")
    if _is_gibberish(text):
        raise UnreadableError(
            "its fonts do not tell which letters they show: use OCR or the source"
        )
    fields = {
        "text": text,
        "title": _sane_title(properties.get("/Title")),
        "byline": _sane_author(properties.get("/Author")),
    }
    made = re.match(r"(?:D:)?(\d{4})(\d{2})(\d{2})", str(properties.get("/CreationDate")))
    return Document(
        fields, _sane_day(None if made is None else parse_date("-".join(made.groups())))
    )


def _lines(page: "PageObject") -> list[Line]:
    """The lines of a page in the order in which they were written, as a rule that of reading."""
    lines: list[Line] = []
    start = True

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        nonlocal start
        for piece in text.splitlines(keepends=True):
            if start and piece.strip():
                x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
                scale = abs(tm[3] * cm[3]) or 1.0
                lines.append(Line(piece.rstrip("\n"), x, y, size * scale))
                start = False
            elif not start:
                last = lines[-1]
                lines[-1] = Line(last.text + piece.rstrip("\n"), last.x, last.y, last.size)
            start = start or piece.endswith("\n")

    page.extract_text(visitor_text=visit)
    return lines


def _is_gibberish(text: str) -> bool:
    """Whether a fifth or more of it are numbers of glyphs and characters that mean nothing."""
    lost = re.findall(r"[\x00-\x08\x0e-\x1f\ufffd\ue000-\uf8ff]|/g\d+", text)
    return 5 * sum(map(len, lost)) >= len("".join(text.split()))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


# --- Word ----------------------------------------------------------------------------------------

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TEMPLATE = datetime(2013, 12, 23, 23, 15)  # when the template of python-docx was made


def docx_document(raw: bytes) -> Document:
    """The text of a Word document, its title, authors and day. Raises UnreadableError."""
    try:
        import docx
    except ImportError:
        raise MissingExtraError("python-docx", "docx") from None
    if raw.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableError("encrypted or an old .doc: save it as .docx without a password")
    try:
        word = docx.Document(io.BytesIO(raw))
        blocks = list(_blocks(word))
        properties = word.core_properties
        title, author, created = properties.title, properties.author, properties.created
    except Exception as error:  # a parser of whatever calls itself a Word document
        raise UnreadableError(f"not readable as a Word document: {_one_line(error)}") from error
    # A title that readers see goes before the one in the properties.
    heading = next((text for style, text in blocks[:1] if style in ("Title", "Heading 1")), None)
    fields = {
        "text": "\n\n".join(text for _, text in blocks),
        "title": _sane_title(title) if heading is None else heading,
        "byline": _sane_author(author),
    }
    known = created is not None and created.replace(tzinfo=None) != _TEMPLATE
    return Document(fields, _sane_day(created.date() if known else None))


def _blocks(word: "WordDocument") -> Iterator[tuple[str, str]]:
    """(name of the style, text) of each paragraph that has text, and of each row of a table."""
    names = {style.style_id: style.name or "" for style in word.styles}
    for element in word.element.body.iter(f"{_W}p", f"{_W}tr"):
        if element.tag == f"{_W}tr":
            cells = [" ".join(_text(cell).split()) for cell in element.iterchildren(f"{_W}tc")]
            text, style = " | ".join(cells), "Table"
        elif any(parent.tag in (f"{_W}tr", _FALLBACK) for parent in element.iterancestors()):
            continue
        else:
            found = element.find(f"{_W}pPr/{_W}pStyle")
            style = "" if found is None else names.get(found.get(f"{_W}val"), "")
            bullet = element.find(f"{_W}pPr/{_W}numPr") is not None or style.startswith("List ")
            text = ("• " if bullet else "") + _text(element).strip()
        if text.strip("• |"):
            yield style, text


def _text(element: Any) -> str:
    """What the runs below an element say, those of tracked insertions and links too."""
    said = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
    parts: list[str] = []
    for node in element.iter(f"{_W}t", f"{_W}p", *said):
        if node.tag == f"{_W}p":
            parts.append(" " if parts else "")
        else:
            parts.append(node.text or "" if node.tag == f"{_W}t" else said[node.tag])
    return "".join(parts)
