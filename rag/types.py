"""The records that travel through Dateline. All offsets are code points."""

import hashlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Literal

DateOrigin = Literal["metadata", "text", "file"]
"""Where a publication date was found: among the article's own fields (JSON, a table's row, HTML,
front matter, a feed's entry); on a date line of its text; or in the file's name or the properties
of a PDF or Word document. Never the time at which a file was written."""


def text_hash(text: str) -> str:
    """Hexadecimal SHA-256 of the UTF-8 text: what a citation is checked against."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class Article:
    """One news article as it is stored and cited.

    `text` is canonical: cleaned, Unicode NFC, without title, date line and byline. `removed`
    holds the lines that cleaning took out of it, in their order. `published_from` says where
    `published` was found. `language` is an ISO 639 code as metadata gives it or the text shows it;
    None if neither does. The default models are made for English: in other languages articles are
    found and read less surely. `origin` is the absolute path of the file it came from, or None.
    """

    id: str
    text: str
    title: str | None = None
    published: date | None = None
    published_from: DateOrigin | None = None
    byline: str | None = None
    source: str | None = None
    url: str | None = None
    language: str | None = None
    origin: str | None = None
    removed: tuple[str, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """Hash of `text`."""
        return text_hash(self.text)


@dataclass(frozen=True)
class Skipped:
    """Something among the input that was not ingested, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Passage:
    """The stretch `article.text[start:end]`; `id` is 0 until the store has given one."""

    article: Article
    start: int
    end: int
    id: int = 0

    @property
    def text(self) -> str:
        return self.article.text[self.start : self.end]


@dataclass(frozen=True)
class Hit:
    """A retrieved passage. `score`, 0..1, is how near it comes to the best by meaning and by word;
    it compares the hits of one query and no others."""

    passage: Passage
    score: float


@dataclass(frozen=True)
class Span:
    """`passage.article.text[start:end]` as a candidate answer.

    `score` is start logit + end logit - null score, so that spans of different passages of one
    question can be compared and 0 means "as likely as no answer". `relevance` is the logit that
    the window in which it was read holds the answer at all.
    """

    passage: Passage
    start: int
    end: int
    score: float
    relevance: float

    @property
    def text(self) -> str:
        return self.passage.article.text[self.start : self.end]


@dataclass(frozen=True)
class Citation:
    """Where an answer stands: `article.text[start:end]`, with the sentence around it."""

    article: Article
    start: int
    end: int
    context_start: int
    context_end: int
    reprints: tuple[Article, ...] = ()

    @property
    def quote(self) -> str:
        return self.article.text[self.start : self.end]

    @property
    def context(self) -> str:
        return self.article.text[self.context_start : self.context_end]


@dataclass(frozen=True)
class Interval:
    """The days from `start` to `end`, both included."""

    start: date
    end: date


@dataclass(frozen=True)
class Answer:
    """One distinct answer. `confidence` is the probability that it is right, 0..1."""

    text: str
    confidence: float
    citations: tuple[Citation, ...]
    independent_sources: int
    when: Interval | None = None
    disputed: bool = False


@dataclass(frozen=True)
class Timings:
    """Milliseconds spent on a question."""

    retrieve: float
    read: float
    total: float


@dataclass(frozen=True)
class Reply:
    """What `Dateline.ask` returns: the answers, best first, and whether the best one is given.

    `answered` is False when the best confidence is below the threshold; `answers` then holds
    the candidates. `hits` are the passages that were read.
    """

    question: str
    answered: bool
    answers: tuple[Answer, ...]
    hits: tuple[Hit, ...]
    timings: Timings
    encoder: str
    reader: str
