"""Files of news -> articles. One bad file or line is reported and never stops the others."""

import csv
import json
import os
import reprlib
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

from rag.cleaning import canonical, clean
from rag.dates import parse_date
from rag.errors import UnreadableError
from rag.files import STDIN, find_files
from rag.pages import html_fields, markdown_fields, text_fields
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
_Raw = TypeVar("_Raw", bytes, list[str])


def read_articles(paths: Iterable[str | Path]) -> Iterator[Article | Skipped]:
    """Every article of the files, folders, globs and "-" (JSON lines on stdin), in that order.

    A file that several of `paths` lead to is read once. What cannot be read becomes a `Skipped`
    that says where and why; nothing is raised for it.
    """
    for found in find_files(paths):
        if found is STDIN:
            yield from _read_jsonl(sys.stdin.buffer, "stdin")
        elif isinstance(found, Skipped):
            yield found
        else:
            yield from _read_file(found)


def total_articles(paths: Iterable[str | Path]) -> int | None:
    """How many articles to expect, for a progress bar; None with stdin among the paths.

    One a file, and one a line of jsonl and csv: an upper estimate, as it counts the header, blank
    lines and each line of a csv field.
    """
    total = 0
    for found in find_files(paths):
        if found is STDIN:
            return None
        suffix = "" if isinstance(found, Skipped) else found.suffix.lower()
        if isinstance(found, Path) and suffix in _MANY:
            total += _count_lines(found)
        elif suffix in _ONE:
            total += 1
    return total


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


# --- reading one file ----------------------------------------------------------------------------


def _read_file(path: Path) -> Iterator[Article | Skipped]:
    where, suffix = str(path), path.suffix.lower()
    try:
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
    rows = _csv_rows(stream)
    header = next(rows, [])
    if isinstance(header, csv.Error):
        yield Skipped(f"{name}:1", f"not CSV: {header}; fix or remove the row")
        return
    columns = [cell.strip().lower() for cell in header]
    if not set(columns) & set(_NAMES["text"]):
        found = reprlib.repr(columns)
        yield Skipped(f"{name}:1", f"no column {_either('text')} in the header: {found}")
        return
    for number, row in enumerate(rows, 2):
        if isinstance(row, csv.Error):
            yield Skipped(f"{name}:{number}", f"not CSV: {row}; fix or remove the row")
        elif any(row):
            yield _try(f"{name}:{number}", partial(_row_fields, columns), row)


def _csv_rows(stream: IO[bytes]) -> Iterator[list[str] | csv.Error]:
    csv.field_size_limit(2**31 - 1)
    # A byte that is not UTF-8 becomes a lone surrogate, so that it spoils its own row only.
    lines = (line.decode("utf-8-sig", "surrogateescape") for line in stream)
    # Strict: a quote that is never closed is an error, not one article of all the rows after it.
    rows = csv.reader(lines, strict=True)
    while True:
        try:
            yield next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield error


def _row_fields(columns: list[str], row: list[str]) -> Mapping[str, object]:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        raise UnreadableError("not UTF-8: save the file as CSV UTF-8") from None
    if any(cell.strip() for cell in row[len(columns) :]):
        raise UnreadableError(
            f"{len(row)} cells under {len(columns)} columns: quote cells that hold a comma"
        )
    return {column: cell for column, cell in zip(columns, row, strict=False) if cell.strip()}


_ONE: dict[str, Callable[[bytes], Mapping[str, object]]] = {
    ".txt": text_fields,
    ".md": markdown_fields,
    ".html": html_fields,
    ".htm": html_fields,
}
_MANY = {".jsonl": _read_jsonl, ".csv": _read_csv}
