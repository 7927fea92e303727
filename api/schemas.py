"""The wire contract: what HTTP and `--json` say. Translates Dateline's records, nothing more."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.answer_schemas import AnswerOut
from rag.engine import Verdict
from rag.types import (
    Article,
    DateOrigin,
    Hit,
    Ingested,
    Job,
    JobState,
    Relation,
    Reply,
    Skipped,
    Story,
    Telling,
)

MOST_CITATIONS = 1000
"""Checked in one request: each is a look into the database."""


def storable(text: str) -> str:
    """The text. JSON can spell half of a UTF-16 pair, which nothing behind us can store or hash,
    and NUL, at which some programs take a text to end. ValueError for them."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half of a UTF-16 pair")
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Str = Annotated[str, AfterValidator(storable)]


class AskRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: Str
    top_k: int | None = Field(None, ge=1, le=100, description="passages to find; default 10")
    as_of: date | None = Field(None, description="only what was published on or before this day")
    since: date | None = Field(None, description="only what was published on or after this day")
    until: date | None = Field(None, description="only what was published on or before this day")
    sources: list[Str] = Field([], description="only articles of these outlets")


class SearchRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    query: Str
    limit: int = Field(10, ge=1, le=100)


class ArticleIn(BaseModel):
    """An article to add. Without `id` it is known by its URL, or else by its text."""

    text: Str
    id: Str | None = None
    title: Str | None = None
    published: Str | None = Field(None, description="ISO date, as in 2023-12-06")
    byline: Str | None = None
    source: Str | None = None
    url: Str | None = None
    language: Str | None = None


class ArticleOut(BaseModel):
    id: str
    title: str | None
    published: date | None
    byline: str | None
    source: str | None
    url: str | None
    language: str | None = Field(description="ISO 639 code; the default models read English")
    sha256: str

    @classmethod
    def of(cls, article: Article) -> Self:
        return cls.model_validate(article, from_attributes=True)


class FullArticleOut(ArticleOut):
    published_from: DateOrigin | None = Field(description="where the date was found")
    text: str
    removed: list[str] = Field(description="lines that cleaning took out of the text, in order")


class ArticlesOut(BaseModel):
    total: int
    articles: list[ArticleOut]


class TellingOut(BaseModel):
    article_id: str
    title: str | None
    published: date | None
    source: str | None
    relation: Relation = Field(description="what it is to the story's fullest telling")

    @classmethod
    def of(cls, telling: Telling) -> Self:
        article = telling.article
        return cls(
            article_id=article.id,
            title=article.title,
            published=article.published,
            source=article.source,
            relation=telling.relation,
        )


class StoryOut(BaseModel):
    """Articles that carry one text: one source, however many print it."""

    title: str | None = Field(description="that of the fullest telling")
    first_published: date | None
    last_published: date | None
    sources: list[str] = Field(description="the outlets, by name")
    articles: list[TellingOut] = Field(description="the fullest telling first")

    @classmethod
    def of(cls, story: Story) -> Self:
        return cls(
            title=story.tellings[0].article.title,
            first_published=story.first_published,
            last_published=story.last_published,
            sources=list(story.sources),
            articles=[TellingOut.of(telling) for telling in story.tellings],
        )


class StoriesOut(BaseModel):
    total: int
    stories: list[StoryOut]


class Fate(BaseModel):
    """What became of one article of an ingest."""

    id: str | None
    status: Literal["added", "updated", "unchanged", "skipped"]
    language: str | None = None
    where: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, fate: Ingested | Skipped) -> Self:
        if isinstance(fate, Skipped):
            return cls(id=None, status="skipped", where=fate.where, reason=fate.reason)
        return cls(id=fate.article_id, status=fate.status, language=fate.language)


class IngestOut(BaseModel):
    added: int
    updated: int
    unchanged: int
    skipped: int
    articles: list[Fate]

    @classmethod
    def of(cls, fates: list[Fate]) -> Self:
        counts = {
            status: sum(fate.status == status for fate in fates)
            for status in ("added", "updated", "unchanged", "skipped")
        }
        return cls(**counts, articles=fates)


class JobOut(BaseModel):
    """An ingest that goes on after its request."""

    id: str
    state: JobState = Field(description="queued also while it waits to go on after a restart")
    expected: int = Field(description="articles; an estimate for files until it is done")
    processed: int
    added: int
    updated: int
    unchanged: int
    skipped: int
    created: datetime
    started: datetime | None
    finished: datetime | None
    error: str | None = Field(description="why it failed; until it has ended, what it waits for")

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls.model_validate(job, from_attributes=True)


class FullJobOut(JobOut):
    articles: list[Fate] = Field(description="what became of them, in the order they were read")

    @classmethod
    def with_fates(cls, job: Job, fates: Sequence[Ingested | Skipped]) -> Self:
        return cls(**dict(JobOut.of(job)), articles=[Fate.of(fate) for fate in fates])


class JobsOut(BaseModel):
    total: int
    jobs: list[JobOut]


class CitationIn(BaseModel):
    """What of a citation is checked; other fields of it may stay."""

    article_id: Str
    quote: Str
    start: int = Field(ge=0, lt=2**31)
    end: int = Field(ge=0, lt=2**31)
    sha256: Str


class CitedAnswer(BaseModel):
    citations: list[CitationIn]


class CitedReply(BaseModel):
    """The citations of what `ask` returned."""

    answers: list[CitedAnswer]

    @property
    def citations(self) -> list[CitationIn]:
        return [citation for answer in self.answers for citation in answer.citations]


class TimingsOut(BaseModel):
    retrieve: float
    read: float
    total: float


class ModelsOut(BaseModel):
    encoder: str
    reader: str


class AskResponse(BaseModel):
    question: str
    answer: str | None = Field(description="the best answer's text; null if none is sure enough")
    confidence: float = Field(description="probability that the best candidate is right")
    answers: list[AnswerOut] = Field(description="best first; candidates if `answer` is null")
    timings_ms: TimingsOut
    models: ModelsOut
    as_of: date | None = Field(
        None,
        description="the day after which articles were left out; only if the question names one",
        exclude_if=lambda day: day is None,
    )

    @classmethod
    def of(cls, reply: Reply) -> Self:
        best = reply.answers[0] if reply.answers else None
        return cls(
            question=reply.question,
            answer=best.text if best and reply.answered else None,
            confidence=round(best.confidence, 4) if best else 0.0,
            answers=[AnswerOut.of(answer) for answer in reply.answers],
            timings_ms=TimingsOut(
                retrieve=round(reply.timings.retrieve, 1),
                read=round(reply.timings.read, 1),
                total=round(reply.timings.total, 1),
            ),
            models=ModelsOut(encoder=reply.encoder, reader=reply.reader),
            as_of=reply.as_of,
        )


class HitOut(BaseModel):
    article_id: str
    title: str | None
    published: date | None
    source: str | None
    start: int
    end: int
    text: str
    score: float

    @classmethod
    def of(cls, hit: Hit) -> Self:
        article = hit.passage.article
        return cls(
            article_id=article.id,
            title=article.title,
            published=article.published,
            source=article.source,
            start=hit.passage.start,
            end=hit.passage.end,
            text=hit.passage.text,
            score=round(hit.score, 6),
        )


class SearchResponse(BaseModel):
    query: str
    hits: list[HitOut]


class VerdictOut(BaseModel):
    article_id: str
    valid: bool
    reason: str


class VerifyResponse(BaseModel):
    valid: bool = Field(description="whether every citation holds")
    results: list[VerdictOut]

    @classmethod
    def of(cls, citations: list[CitationIn], verdicts: list[Verdict]) -> Self:
        results = [
            VerdictOut(article_id=c.article_id, valid=v.valid, reason=v.reason)
            for c, v in zip(citations, verdicts, strict=True)
        ]
        return cls(valid=all(result.valid for result in results), results=results)


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class ReadinessOut(BaseModel):
    status: Literal["ready"] = "ready"
    models: ModelsOut


class Problem(BaseModel):
    """RFC 9457 problem details, as application/problem+json."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, Any]] = Field([], description="what is wrong with which field")
    request_id: str | None = Field(None, description="what the log knows the request by")
