"""Files of news -> articles. One bad file, row or entry is reported and never stops the others."""

import gzip
import os
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import date
from io import BufferedIOBase
from pathlib import Path

from rag.dates import parse_date
from rag.documents import Document, docx_document, pdf_document
from rag.errors import UnreadableError
from rag.feeds import count_entries, read_feed
from rag.fields import article_from_mapping
from rag.files import STDIN, find_files
from rag.pages import html_fields, markdown_fields, text_fields
from rag.tables import count_parquet, read_csv, read_jsonl, read_parquet
from rag.types import Article, Skipped

_PAGES: dict[str, Callable[[bytes], Mapping[str, object]]] = {
    ".txt": text_fields,
    ".md": markdown_fields,
    ".html": html_fields,
    ".htm": html_fields,
}
_DOCUMENTS: dict[str, Callable[[bytes], Document]] = {
    ".pdf": pdf_document,
    ".docx": docx_document,
}
_LINES: dict[str, Callable[[Iterable[bytes], str], Iterator[Article | Skipped]]] = {
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".jsonl.gz": read_jsonl,
    ".csv.gz": read_csv,
}
_FEEDS = (".rss", ".atom", ".xml")
_PARQUET = ".parquet"
_RISKY = (".html", ".htm", _PARQUET, *_FEEDS)
_KNOWN = (*_PAGES, *_DOCUMENTS, *_LINES, _PARQUET, *_FEEDS)


def read_articles(paths: Iterable[str | Path]) -> Iterator[Article | Skipped]:
    """Every article of the files, folders, globs and "-" (JSON lines on stdin), in that order.

    A file that several of `paths` lead to is read once. What cannot be read becomes a `Skipped`
    that says where and why; nothing is raised for it.
    """
    for found in find_files(paths):
        if found is STDIN:
            yield from read_jsonl(sys.stdin.buffer, "stdin")
        elif isinstance(found, Skipped):
            yield found
        else:
            yield from read_file(found)


def read_file(path: Path) -> Iterator[Article | Skipped]:
    """Every article of one file, as `read_articles` gives them."""
    where, suffix = str(path), _suffix(path)
    try:
        if suffix not in _KNOWN:
            yield Skipped(where, f"unknown suffix '{suffix}'; known: {' '.join(_KNOWN)}")
        elif not path.is_file():
            yield Skipped(where, "not a regular file")
        elif suffix in _LINES:
            with closing(_open(path)) as stream:
                yield from _LINES[suffix](stream, where)
        elif suffix == _PARQUET:
            yield from read_parquet(path, where)
        elif suffix in _FEEDS:
            yield from read_feed(path.read_bytes(), where)
        else:
            yield _read_single(path, suffix)
    except UnreadableError as error:
        yield Skipped(where, str(error))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        yield Skipped(where, f"not readable as gzip: {error}")
    except OSError as error:
        yield Skipped(where, f"cannot be read: {error.strerror}")


def is_risky(path: Path) -> bool:
    """Whether a small file of this kind can ask for any amount of memory or time, or crash the
    library that reads it."""
    suffix = _suffix(path)
    packed = path.suffix.lower() == ".gz"
    return packed or suffix in _DOCUMENTS or suffix in _RISKY


def _read_single(path: Path, suffix: str) -> Article:
    """The one article of a file. Raises UnreadableError and OSError."""
    raw = path.read_bytes()
    document = _DOCUMENTS[suffix](raw) if suffix in _DOCUMENTS else Document(_PAGES[suffix](raw))
    named = date_in_name(path.stem)
    article = article_from_mapping(
        document.fields,
        fallback_id=path.stem,
        file_date=document.created if named is None else named,
    )
    return replace(article, origin=os.path.abspath(path))


def _suffix(path: Path) -> str:
    """The last suffix in small letters, with the one before it if it says gzip."""
    suffixes = path.suffixes[-2:] if path.suffix.lower() == ".gz" else [path.suffix]
    return "".join(suffixes).lower()


def _open(path: Path) -> BufferedIOBase:
    return gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb")


def date_in_name(name: str) -> date | None:
    """The one day that a file's name gives as 2023-12-06, 2023_12_06 or 20231206, else None.

    A day that is yet to come is none on which an article was published.
    """
    pattern = r"(?<![^\W_])(\d{4})([-_.]?)(\d{2})\2(\d{2})(?:t\d{4,6}z?)?(?![^\W_])"
    written = re.finditer(pattern, name, re.IGNORECASE)
    days = {parse_date(f"{found[1]}-{found[3]}-{found[4]}") for found in written} - {None}
    day = days.pop() if len(days) == 1 else None
    return day if day is not None and date(1900, 1, 1) <= day <= date.today() else None


# --- how many to expect --------------------------------------------------------------------------


def total_articles(paths: Iterable[str | Path]) -> int | None:
    """How many articles to expect, for a progress bar; None with stdin among the paths.

    One a file, row of Parquet, entry of a feed, and line of jsonl and csv: an upper estimate, as
    it counts the header, blank lines and each line of a csv field.
    """
    total = 0
    for found in find_files(paths):
        if found is STDIN:
            return None
        if isinstance(found, Path):
            total += _count(found, _suffix(found))
    return total


def _count(path: Path, suffix: str) -> int:
    try:
        if suffix in _LINES:
            with closing(_open(path)) as stream:
                return _count_lines(stream)
        if suffix == _PARQUET:
            return count_parquet(path)
        if suffix in _FEEDS:
            return count_entries(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        return 0
    return 1 if suffix in _KNOWN else 0


def _count_lines(stream: BufferedIOBase) -> int:
    count, last = 0, b"\n"
    while block := stream.read(1 << 20):
        count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")
