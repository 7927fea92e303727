"""What is known of an article, by name -> the article. Every format ends here."""

import reprlib
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date

from rag.cleaning import canonical, clean
from rag.dates import parse_date
from rag.errors import UnreadableError
from rag.language import detect_language, language_code
from rag.types import Article, DateOrigin, Skipped, text_hash

# The names a field may go by; the first one that is filled counts.
TEXT_NAMES = ("text", "body", "content", "article")
NAMES = {
    "text": TEXT_NAMES,
    "title": ("title", "headline"),
    "published": ("published", "date", "published_at", "publish_date", "datetime"),
    "source": ("source", "publisher", "outlet", "site"),
    "byline": ("byline", "author", "authors"),
    "url": ("url", "link"),
    "language": ("language", "lang"),
}


def article_from_mapping(
    mapping: Mapping[str, object],
    *,
    fallback_id: str | None = None,
    file_date: date | None = None,
) -> Article:
    """The article of a JSON object, a table's row or a request body; unknown keys are ignored.

    What the mapping says beats what cleaning finds in the text, and that beats `file_date`.
    Without an `id` the article has `fallback_id`, else a hash of its url, else a hash of its text
    (16 hexadecimal digits each); without a language, the one that its text is in, if that is
    beyond doubt. Raises UnreadableError where a value is of the wrong type, and where no text is
    left.
    """
    title, url = _line(mapping, "title"), _line(mapping, "url")
    byline, source = _line(mapping, "byline"), _line(mapping, "source")
    given, language = _published(mapping), _line(mapping, "language")
    text = _string(mapping, "text")
    if mapping.keys().isdisjoint(TEXT_NAMES):
        raise UnreadableError(f"no article text: expected it under {either('text')}")
    cleaned = clean("" if text is None else text, title=title)
    if not cleaned.text:
        raise UnreadableError("no article text: nothing but, at most, a title and page furniture")
    id_ = fallback_id if mapping.get("id") is None else mapping["id"]
    if id_ is None:
        id_ = text_hash(cleaned.text if url is None else url)[:16]
    published, published_from = _first_date(
        (given, "metadata"), (cleaned.published, "text"), (file_date, "file")
    )
    language = None if language is None else language_code(language)
    return Article(
        id=_checked_id(id_),
        text=cleaned.text,
        title=cleaned.title,
        published=published,
        published_from=published_from,
        byline=cleaned.byline if byline is None else byline,
        source=cleaned.source if source is None else source,
        url=url,
        language=detect_language(cleaned.text) if language is None else language,
        removed=cleaned.removed,
    )


def _string(mapping: Mapping[str, object], field: str) -> str | None:
    for name in NAMES[field]:
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
            " '6 December 2023', under " + either("published")
        )
    return day


def _first_date(
    *found: tuple[date | None, DateOrigin],
) -> tuple[date, DateOrigin] | tuple[None, None]:
    return next(((day, origin) for day, origin in found if day is not None), (None, None))


def _checked_id(value: object) -> str:
    id_ = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UnreadableError(f"'id' must be a string or an integer, got {reprlib.repr(value)}")
    if not 1 <= len(id_) <= 200 or any(unicodedata.category(c) in ("Cc", "Cs") for c in id_):
        raise UnreadableError(
            f"'id' is {reprlib.repr(id_)}: expected 1 to 200 characters, no control characters"
        )
    return id_


def either(field: str) -> str:
    """The names that a field may go by, for a message: "'text', 'body' or 'content'"."""
    *names, last = (f"'{name}'" for name in NAMES[field])
    return f"{', '.join(names)} or {last}"


def read_article(where: str, read: Callable[[], Mapping[str, object]]) -> Article | Skipped:
    """The article of the fields that `read` returns; if it or they fail, why."""
    try:
        return article_from_mapping(read())
    except UnreadableError as error:
        return Skipped(where, str(error))


def article_of_item(item: object, number: int) -> Article | Skipped:
    """The article of item `number` of a JSON list; if it is none, why."""
    if not isinstance(item, dict):
        return Skipped(f"[{number}]", "not an object: expected one with a 'text'")
    return read_article(f"[{number}]", lambda: item)
