"""The records that travel through Dateline. All offsets are code points."""

import hashlib
from collections.abc import Mapping, Sequence
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


Stories = Mapping[str, Sequence[Article]]
"""Article id -> the articles of its story, the fullest first."""


@dataclass(frozen=True)
class Skipped:
    """Something among the input that was not ingested, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Ingested:
    """What became of one article that was ingested."""

    article_id: str
    status: Literal["added", "updated", "unchanged"]
    language: str | None = None


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
    it compares the hits of one query and no others. `folded` are the other articles of its story
    in which the same passage was found. `worded` is false where no word of the query, however it
    may be written, stands in it: then it is near in meaning at most."""

    passage: Passage
    score: float
    folded: tuple[Article, ...] = ()
    worded: bool = True


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


Relation = Literal["fullest", "reprint", "truncated copy", "update"]


@dataclass(frozen=True)
class Telling:
    """One article of a story. `relation` says what it is to the story's fullest telling: nearly
    the same ("reprint"), nearly all of it there and more ("truncated copy"), or the same in most
    ("update"; which of the two is the newer, their dates say)."""

    article: Article
    relation: Relation


@dataclass(frozen=True)
class Story:
    """The articles that carry one text, the fullest first; never none."""

    tellings: tuple[Telling, ...]

    @property
    def _days(self) -> list[date]:
        return [t.article.published for t in self.tellings if t.article.published is not None]

    @property
    def first_published(self) -> date | None:
        return min(self._days, default=None)

    @property
    def last_published(self) -> date | None:
        return max(self._days, default=None)

    @property
    def sources(self) -> tuple[str, ...]:
        """The outlets that are known, each once, by name."""
        return tuple(sorted({t.article.source for t in self.tellings if t.article.source}))


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
    the candidates. `hits` are the passages that were found for the question; citations may stand
    in others. `as_of` is the day after which evidence was left out because the words of the
    question say so, as "as of May 2024" does. `unmentioned` are the names in the question that none
    of the articles found mentions.
    """

    question: str
    answered: bool
    answers: tuple[Answer, ...]
    hits: tuple[Hit, ...]
    timings: Timings
    encoder: str
    reader: str
    as_of: date | None = None
    unmentioned: tuple[str, ...] = ()


JobState = Literal["queued", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class JobInput:
    """What a job reads: a file by its name, or, without a name, a JSON list of articles."""

    name: str | None
    content: bytes


@dataclass(frozen=True)
class Job:
    """An ingest as it stands. Times are seconds since 1970.

    `expected` articles is an estimate until the job is done, and exact from then on. A job
    that was begun and waits to go on is "queued" again. `error` says why one failed, and until it
    has ended what it waits for, if for anything but its turn; `cancelling` that one ends with the
    batch at hand.
    """

    id: str
    state: JobState
    expected: int
    added: int
    updated: int
    unchanged: int
    skipped: int
    created: float
    started: float | None
    finished: float | None
    error: str | None
    cancelling: bool

    @property
    def processed(self) -> int:
        """How many articles it has done with."""
        return self.added + self.updated + self.unchanged + self.skipped


@dataclass(frozen=True)
class Claim:
    """The right to run a job: the process that holds it, and where to go on."""

    job: int
    runner: str
    processed: int
