"""How pages say what a reply holds: small pure functions, most of them filters of the templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal
from urllib.parse import quote, urlencode, urlsplit

from api.terminal import days_in_words
from rag.answers import shown
from rag.chunking import sentence_around
from rag.counted import counted
from rag.types import Answer, Article, Citation, Reply

_CERTAINTIES = (
    (0.9, "nearly certain"),
    (0.75, "very likely"),
    (0.5, "likely"),
    (0.3, "possible"),
)


def certainty(confidence: float) -> str:
    """The probability that an answer is right, 0..1, in a word."""
    return next((word for least, word in _CERTAINTIES if confidence >= least), "doubtful")


def percent(confidence: float) -> str:
    return f"{confidence:.0%}"


def day(published: date) -> str:
    return f"{published.day} {published:%B} {published.year}"


def age(published: date, today: date) -> str:
    """How long before today, in the unit in which one would say it."""
    days = (today - published).days
    if days < 0:
        return "dated ahead of today"
    if days < 2:
        return ("today", "yesterday")[days]
    for least, length, unit in ((730, 365.25, "year"), (61, 30.44, "month"), (14, 7.0, "week")):
        if days >= least:
            return f"{counted(int(days / length), unit)} ago"
    return f"{days} days ago"


def meant(answer: Answer) -> str | None:
    """The days that an answer means; None where it names no time, or says just that."""
    days = None if answer.when is None else days_in_words(answer.when)
    return None if days is None or days.casefold() in answer.text.casefold() else days


def web_address(url: str | None) -> str | None:
    """The URL if following it only opens a page, as `javascript:` would not."""
    try:
        return url if url and urlsplit(url).scheme.lower() in ("http", "https") else None
    except ValueError:  # "http://[" is no address
        return None


def article_url(article_id: str, start: int | None = None, end: int | None = None) -> str:
    """The page of an article; with offsets, scrolled to what stands there."""
    address = f"/articles/{quote(article_id, safe='')}"
    return address if start is None else f"{address}?start={start}&end={end}#quote"


def quotation(citation: Citation) -> str:
    """The sentence with its source, ready to be pasted."""
    article = citation.article
    parts = [article.title, article.source, article.published and day(article.published)]
    sentence = " ".join(citation.context.split())
    heading = ", ".join(part for part in parts if part) or "untitled"
    return f"“{sentence}” — {heading} [{article.id} {citation.start}:{citation.end}]"


@dataclass(frozen=True)
class Asked:
    """A question as the form has it."""

    question: str = ""
    since: date | None = None
    until: date | None = None
    sources: tuple[str, ...] = ()

    @property
    def filtered(self) -> bool:
        return bool(self.since or self.until or self.sources)

    @property
    def link(self) -> str:
        """The address that asks it again."""
        fields = [("q", self.question)]
        fields += [("since", self.since.isoformat())] if self.since else []
        fields += [("until", self.until.isoformat())] if self.until else []
        return f"/?{urlencode([*fields, *(('source', source) for source in self.sources)])}"


def summary(reply: Reply) -> str:
    """One sentence for those who hear the page."""
    if not shown(reply):
        return "No answer: the collection holds nothing about this."
    best = reply.answers[0]
    if not reply.answered:
        return f"I don’t know. The nearest candidate is {best.text}, {percent(best.confidence)}."
    if best.disputed:
        said = "; ".join(f"{a.text}, {percent(a.confidence)}" for a in shown(reply))
        return f"Sources disagree: {said}."
    sources = counted(best.independent_sources, "independent source")
    return f"{best.text}: {certainty(best.confidence)}, {percent(best.confidence)}, {sources}."


@dataclass(frozen=True)
class Piece:
    """A stretch of an article's text. `part` tells the quoted words and their sentence apart."""

    text: str
    part: Literal["text", "sentence", "quote"]
    first: bool = False


def paragraphs(article: Article, quoted: tuple[int, int] | None) -> list[list[Piece]]:
    """The text's lines in pieces that, joined, are the lines; blank lines left out.

    `quoted` are the offsets of the words to mark. The first piece of them is `first`.
    """
    text = article.text
    start, end = (0, 0) if quoted is None else quoted
    sentence = sentence_around(text, start, end) if start < end else (0, 0)
    cuts = sorted({start, end, *sentence})
    found: list[list[Piece]] = []
    position = 0
    for line in text.split("\n"):
        edges = [position, *(c for c in cuts if position < c < position + len(line))]
        stretches = zip(edges, [*edges[1:], position + len(line)], strict=True)
        if line.strip():
            found.append([_piece(text, s, e, (start, end), sentence) for s, e in stretches])
        position += len(line) + 1
    return found


def _piece(
    text: str, start: int, end: int, quoted: tuple[int, int], sentence: tuple[int, int]
) -> Piece:
    if quoted[0] <= start < quoted[1]:
        return Piece(text[start:end], "quote", first=start == quoted[0])
    inside = sentence[0] <= start < sentence[1]
    return Piece(text[start:end], "sentence" if inside else "text")


def outlets(counts: dict[str, int], chosen: Sequence[str], limit: int = 24) -> list[str]:
    """The outlets to choose from: those with most articles, and what is chosen already."""
    most = list(counts)[:limit]
    return [*most, *(source for source in chosen if source not in most)]
