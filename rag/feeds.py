"""Files of RSS, Atom and other feeds: every entry is an article."""

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from rag.dates import parse_date
from rag.errors import MissingExtraError, UnreadableError
from rag.fields import read_article
from rag.pages import fragment_text
from rag.types import Article, Skipped


def read_feed(raw: bytes, name: str) -> Iterator[Article | Skipped]:
    """Entries are counted from 1. Raises UnreadableError for a file that holds none."""
    try:
        import feedparser
    except ImportError:
        raise MissingExtraError("feedparser", "feeds") from None
    try:
        parsed = feedparser.parse(io.BytesIO(raw))
    except Exception as error:  # a parser of whatever calls itself a feed
        raise UnreadableError(f"not readable as a feed: {error!r}") from error
    if not parsed.entries:
        raise UnreadableError("no entries of an RSS or Atom feed in it")
    # Some feeds give every entry the address of their front page: it is no entry's own.
    links = Counter(_link(entry) for entry in parsed.entries)
    for number, entry in enumerate(parsed.entries, 1):
        own_link = links[_link(entry)] == 1
        yield read_article(f"{name}:{number}", partial(_fields, entry, parsed.feed, own_link))


def count_entries(raw: bytes) -> int:
    """About how many entries a feed has."""
    return len(re.findall(rb"<(?:\w+:)?(?:item|entry)[\s>]", raw))


def _fields(entry: Any, feed: Any, own_link: bool) -> Mapping[str, object]:
    link = _link(entry)
    # Not get(): feedparser warns where it lets "published" stand in for "updated".
    written = next((entry[name] for name in ("published", "updated") if name in entry), None)
    day = None if written is None else parse_date(written)
    body = next((part for part in entry.get("content", []) if part.value.strip()), None)
    if body is None:
        text = _plain(entry, "summary")
    else:
        text = body.value if body.type == "text/plain" else fragment_text(body.value)
    return {
        # With an address of its own it is the same article as a page with that address.
        "id": None if own_link and link is not None else entry.get("id"),
        "text": text,
        "title": _plain(entry, "title"),
        # A feed cannot be mended by who reads it: a date that is none is left out.
        "published": None if day is None else day.isoformat(),
        "byline": _byline(entry),
        "source": _plain(entry.get("source", {}), "title") or _plain(feed, "title"),
        "url": link,
        "language": feed.get("language") if body is None else body.language or feed.get("language"),
    }


def _link(entry: Any) -> str | None:
    """The entry's address; an id that is none does not pass for it."""
    link = entry.get("link")
    return link if link is not None and link.startswith(("http://", "https://")) else None


def _plain(element: Any, name: str) -> str:
    """The text of a title or summary, which may be HTML."""
    value: str = element.get(name, "")
    kind = element.get(f"{name}_detail", {}).get("type", "text/plain")
    return value if kind == "text/plain" else fragment_text(value)


def _byline(entry: Any) -> str | None:
    # RSS wants an address here, and the name behind it: "desk@wire.example (Zora Quill)".
    mail = re.fullmatch(r"\S+@\S+(?:\s+\((.*)\))?", entry.get("author", ""))
    if mail is not None:
        return mail[1]
    names = [author["name"] for author in entry.get("authors", []) if author.get("name")]
    return ", ".join(names) or entry.get("author")
