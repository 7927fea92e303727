"""Files of news -> articles. One bad file or line is reported and never stops the others."""

import codecs
import csv
import glob
import json
import os
import re
import reprlib
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import IO, TypeVar

import yaml
from charset_normalizer import from_bytes
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rag.cleaning import canonical, clean, parse_date
from rag.errors import UnreadableError
from rag.types import Article, Skipped, text_hash

# The names a field may go by; the first one that is filled counts.
_NAMES = {
    "text": ("text", "body", "content", "article"),
    "title": ("title", "headline"),
    "published": ("published", "date", "published_at", "publish_date", "datetime"),
    "source": ("source", "publisher", "outlet", "site"),
    "byline": ("byline", "author", "authors"),
    "url": ("url", "link"),
    "language": ("language", "lang"),
}
_STDIN = "-"
_Raw = TypeVar("_Raw", bytes, list[str])


def read_articles(paths: Iterable[str | Path]) -> Iterator[Article | Skipped]:
    """Every article of the files, folders, globs and "-" (JSON lines on stdin), in that order.

    What cannot be read becomes a `Skipped` that says where and why; nothing is raised for it.
    """
    for path in map(str, paths):
        if path == _STDIN:
            yield from _read_jsonl(sys.stdin.buffer, "stdin")
            continue
        for found in _find(path):
            if isinstance(found, Skipped):
                yield found
            else:
                yield from _read_file(found)


def total_articles(paths: Iterable[str | Path]) -> int | None:
    """How many articles to expect, for a progress bar; None with stdin among the paths.

    One a file, and one a line of jsonl and csv: an upper estimate, as it counts the header, blank
    lines and each line of a csv field.
    """
    total = 0
    for path in map(str, paths):
        if path == _STDIN:
            return None
        for found in _find(path):
            suffix = "" if isinstance(found, Skipped) else found.suffix.lower()
            if isinstance(found, Path) and suffix in _MANY:
                total += _count_lines(found)
            elif suffix in _ONE:
                total += 1
    return total


def article_from_mapping(
    mapping: Mapping[str, object], *, fallback_id: str | None = None
) -> Article:
    """The article of a JSON object, a table's row or a request body; unknown keys are ignored.

    What the mapping says beats what cleaning finds in the text. Without an `id` the article has
    `fallback_id`, else a hash of its url, else a hash of its text (16 hexadecimal digits each).
    Raises UnreadableError where a value is of the wrong type, and where no text is left.
    """
    title, url = _line(mapping, "title"), _line(mapping, "url")
    byline, source = _line(mapping, "byline"), _line(mapping, "source")
    published = _published(mapping)
    text = _string(mapping, "text")
    if mapping.keys().isdisjoint(_NAMES["text"]):
        raise UnreadableError(f"no article text: expected it under {_either('text')}")
    cleaned = clean("" if text is None else text, title=title)
    if not cleaned.text:
        raise UnreadableError("no article text: nothing but, at most, a title and page furniture")
    id_ = fallback_id if mapping.get("id") is None else mapping["id"]
    if id_ is None:
        id_ = text_hash(cleaned.text if url is None else url)[:16]
    return Article(
        id=_checked_id(id_),
        text=cleaned.text,
        title=cleaned.title,
        published=cleaned.published if published is None else published,
        byline=cleaned.byline if byline is None else byline,
        source=cleaned.source if source is None else source,
        url=url,
        language=_line(mapping, "language"),
        removed=cleaned.removed,
    )


def _string(mapping: Mapping[str, object], field: str) -> str | None:
    for name in _NAMES[field]:
        value = mapping.get(name)
        if field == "byline" and isinstance(value, list) and all(type(v) is str for v in value):
            value = ", ".join(value)
        if value is not None and not isinstance(value, str):
            kind = type(value).__name__
            raise UnreadableError(f"'{name}' must be a string, got {kind}: {reprlib.repr(value)}")
        if value is not None and value.strip():
            return value
    return None


def _line(mapping: Mapping[str, object], field: str) -> str | None:
    """The field as one canonical line; None if it is absent or blank."""
    value = _string(mapping, field)
    return None if value is None else " ".join(canonical(value).split()) or None


def _published(mapping: Mapping[str, object]) -> date | None:
    for name in _NAMES["published"]:
        value = mapping.get(name)
        if isinstance(value, date):
            return value.date() if isinstance(value, datetime) else value
    value = _line(mapping, "published")
    day = None if value is None else parse_date(value)
    if value is not None and day is None:
        raise UnreadableError(
            f"{reprlib.repr(value)} is no date: expected a full one, such as '2023-12-06' or"
            " '6 December 2023', under " + _either("published")
        )
    return day


def _checked_id(value: object) -> str:
    id_ = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnreadableError(f"'id' must be a string or an integer, got {reprlib.repr(value)}")
    if not 1 <= len(id_) <= 200 or any(unicodedata.category(c) in ("Cc", "Cs") for c in id_):
        raise UnreadableError(
            f"'id' is {reprlib.repr(id_)}: expected 1 to 200 characters, no control characters"
        )
    return id_


def _either(field: str) -> str:
    *names, last = (f"'{name}'" for name in _NAMES[field])
    return f"{', '.join(names)} or {last}"


# --- finding files -------------------------------------------------------------------------------


def _find(path: str) -> Iterator[Path | Skipped]:
    if os.path.isdir(path):
        found = list(_walk(Path(path)))
        yield from found or [Skipped(path, "empty folder: it holds no file that is not hidden")]
    elif os.path.exists(path):
        yield Path(path)
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))
        for match in matches:
            # "**" names the folders as well as the files in them.
            if os.path.isfile(match) or "**" not in path:
                yield from _find(match)
        if not matches:
            yield Skipped(path, "no file matches this pattern")
    else:
        yield Skipped(path, "no such file or folder")


def _walk(folder: Path) -> Iterator[Path | Skipped]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        yield Skipped(str(folder), f"cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            yield entry
        elif entry.is_symlink():  # it may lead back up
            yield Skipped(str(entry), "a link to a folder: name that folder itself")
        else:
            yield from _walk(entry)


def _count_lines(path: Path) -> int:
    """Lines of a file, 1 MiB at a time; 0 if it cannot be read."""
    count, last = 0, b"\n"
    try:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                count, last = count + block.count(b"\n"), block[-1:]
    except OSError:
        return 0
    return count + (last != b"\n")


# --- reading one file ----------------------------------------------------------------------------


def _read_file(path: Path) -> Iterator[Article | Skipped]:
    where, suffix = str(path), path.suffix.lower()
    try:
        where.encode()
        if suffix not in _MANY and suffix not in _ONE:
            known = " ".join([*_ONE, *_MANY])
            yield Skipped(where, f"unknown suffix '{suffix}'; known: {known}")
        elif not path.is_file():
            yield Skipped(where, "not a regular file")
        elif suffix in _MANY:
            with path.open("rb") as stream:
                yield from _MANY[suffix](stream, where)
        else:
            article = _try(where, _ONE[suffix], path.read_bytes(), fallback_id=path.stem)
            if isinstance(article, Article):
                article = replace(article, origin=os.path.abspath(path))
            yield article
    except UnicodeEncodeError:
        shown = where.encode(errors="replace").decode()
        yield Skipped(shown, "its name is not UTF-8: rename it")
    except OSError as error:
        yield Skipped(where, f"cannot be read: {error.strerror}")


def _try(
    where: str,
    fields: Callable[[_Raw], Mapping[str, object]],
    raw: _Raw,
    fallback_id: str | None = None,
) -> Article | Skipped:
    try:
        return article_from_mapping(fields(raw), fallback_id=fallback_id)
    except UnreadableError as error:
        return Skipped(where, str(error))


def _read_jsonl(stream: IO[bytes], name: str) -> Iterator[Article | Skipped]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield _try(f"{name}:{number}", _json_fields, line)


def _json_fields(line: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(line.decode("utf-8-sig").rstrip())
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8: {error.reason}; save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        problem = str(error)
        if isinstance(error, json.JSONDecodeError):
            problem = f"{error.msg} at column {error.colno}"
        raise UnreadableError(f"not JSON: {problem}; fix or remove the line") from None
    if not isinstance(value, dict):
        raise UnreadableError(f"expected a JSON object, got {reprlib.repr(value)}")
    return value


def _read_csv(stream: IO[bytes], name: str) -> Iterator[Article | Skipped]:
    """Rows are counted as a spreadsheet does: the header is row 1."""
    csv.field_size_limit(2**31 - 1)
    # A byte that is not UTF-8 becomes a lone surrogate, so that it spoils its own row only.
    lines = (line.decode("utf-8-sig", "surrogateescape") for line in stream)
    # Strict: a quote that is never closed is an error, not one article of all the rows after it.
    rows = csv.reader(lines, strict=True)
    header: list[str] = []

    def fields(row: list[str]) -> Mapping[str, object]:
        try:
            "".join(row).encode()
        except UnicodeEncodeError:
            raise UnreadableError("not UTF-8: save the file as CSV UTF-8") from None
        if any(cell.strip() for cell in row[len(header) :]):
            raise UnreadableError(
                f"{len(row)} cells under {len(header)} columns: quote cells that hold a comma"
            )
        return {column: cell for column, cell in zip(header, row, strict=False) if cell.strip()}

    number = 0
    while True:
        number += 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield Skipped(f"{name}:{number}", f"not CSV: {error}; fix or remove the row")
            if not header:
                return
            continue
        if number == 1:
            header = [cell.strip().lower() for cell in row or []]
            if not set(header) & set(_NAMES["text"]):
                found = reprlib.repr(header)
                yield Skipped(f"{name}:1", f"no column {_either('text')} in the header: {found}")
                return
        elif row is None:
            return
        elif any(row):
            yield _try(f"{name}:{number}", fields, row)


def _text_fields(raw: bytes) -> Mapping[str, object]:
    return {"text": _decode(raw)}


def _decode(raw: bytes, charset: str = "utf-8") -> str:
    """The text of a file; `charset` is what the file itself says. Raises UnreadableError."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in raw:
        raise UnreadableError("not text: it holds NUL bytes")
    else:
        encodings = ["utf-8-sig", charset]
        # In a text that is nearly all ASCII a detector guesses wildly (a ü and a curly quote look
        # Chinese to it); Windows-1252 is what Western newsrooms write.
        if len(raw.translate(None, bytes(range(128)))) * 10 < len(raw):
            encodings.append("cp1252")
    for encoding in encodings:
        try:
            return raw.decode(encoding)
        except (UnicodeError, LookupError):
            continue
    guess = from_bytes(raw).best()
    if guess is None:
        raise UnreadableError("not text: its encoding cannot be told; save it as UTF-8")
    return str(guess)


def _html_fields(raw: bytes) -> Mapping[str, object]:
    # Imported late: it takes 0.3 s, and only HTML needs it.
    import trafilatura
    from trafilatura.settings import Document

    declared = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", raw[:2048], re.IGNORECASE)
    html = _decode(raw, declared[1].decode("ascii", "replace") if declared else "utf-8")
    try:
        page = trafilatura.bare_extraction(
            html,
            favor_recall=True,
            include_comments=False,
            with_metadata=True,
            # The page's own date, not any date that its text mentions.
            date_extraction_params={"original_date": True, "extensive_search": False},
        )
    except Exception as error:  # a parser of the whole web's HTML: whatever it raises, go on
        raise UnreadableError(f"not readable as HTML: {error!r}") from error
    if not isinstance(page, Document) or not page.text:
        raise UnreadableError("no article text: the page holds no paragraphs")
    language = re.search(r"<html\b[^>]*\slang=[\"']?([\w-]+)", html[:4096], re.IGNORECASE)
    return {
        "text": re.sub(r"^\|(?:-+\|)+\n", "", page.text, flags=re.MULTILINE),  # rules in tables
        "title": page.title,
        "byline": page.author and page.author.replace("; ", ", "),
        "published": page.date,
        "source": page.sitename,
        "url": page.url,
        "language": language and language[1],
    }


def _markdown_fields(raw: bytes) -> Mapping[str, object]:
    front, body = _split_front_matter(_decode(raw).replace("\r\n", "\n"))
    tokens = [token for token in _MARKDOWN.parse(body) if token.type != "html_block"]
    heading = tokens[1] if tokens and tokens[0].tag == "h1" else None
    if heading is not None and _string(front, "title") is None:
        front["title"] = _inline_text(heading)
    return front | {"text": _markdown_text(tokens)}


def _split_front_matter(text: str) -> tuple[dict[str, object], str]:
    if not re.match(r"---[ \t]*\n", text):
        return {}, text
    found = re.match(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$(.*)", text, re.DOTALL | re.MULTILINE)
    if found is None:
        raise UnreadableError("broken front matter at line 1: no '---' closes it")
    try:
        # BaseLoader: a title is a string whatever it looks like, and so is a date.
        values = yaml.load(found[1], yaml.BaseLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 2
        problem = getattr(error, "problem", None) or "not YAML"
        raise UnreadableError(f"broken front matter at line {line}: {problem}") from None
    if values and not isinstance(values, dict):
        raise UnreadableError("broken front matter at line 2: expected lines of 'name: value'")
    absent = ("", "~", "null")
    return {name.lower(): v for name, v in (values or {}).items() if v not in absent}, found[2]


_MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_BLOCK_ENDS = (
    "paragraph_close",
    "heading_close",
    "table_close",
    "bullet_list_close",
    "ordered_list_close",
)


def _markdown_text(tokens: list[Token]) -> str:
    """Plain text: a line a paragraph, heading, list item or table row; code as it stands."""
    lines: list[str] = []
    bullet, cells = "", list[str]()
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "list_item_open":
            bullet = "• "
        elif token.type == "inline" and before is not None and before.tag in ("td", "th"):
            cells.append(_inline_text(token))
        elif token.type == "inline":
            lines.append(bullet + _inline_text(token))
            bullet = ""
        elif token.type == "tr_close":
            lines.append(" | ".join(cells))
            cells.clear()
        elif token.type in ("fence", "code_block"):
            lines += [token.content, ""]
        elif token.type in _BLOCK_ENDS and not token.hidden:
            lines.append("")
    return "\n".join(lines)


def _inline_text(token: Token) -> str:
    breaks = {"softbreak": " ", "hardbreak": "\n", "image": "", "html_inline": ""}
    return "".join(breaks.get(child.type, child.content) for child in token.children or ())


_ONE: dict[str, Callable[[bytes], Mapping[str, object]]] = {
    ".txt": _text_fields,
    ".md": _markdown_fields,
    ".html": _html_fields,
    ".htm": _html_fields,
}
_MANY = {".jsonl": _read_jsonl, ".csv": _read_csv}
