"""What `/v1/stats` and `dateline stats` say."""

from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, Field

from api.schemas import ModelsOut
from rag.engine import Dateline
from rag.overview import Overview

if TYPE_CHECKING:
    from api.metrics import Asked


class CollectionOut(BaseModel):
    articles: int
    passages: int
    stories: int = Field(description="stories that more than one article tells")
    outlets: int
    first_published: date | None
    last_published: date | None
    undated: int = Field(description="articles without a date: filters by date leave them out")
    languages: dict[str, int] = Field(description="articles by ISO 639 code, or 'unknown'")
    database_bytes: int
    index_bytes: int

    @classmethod
    def of(cls, overview: Overview) -> Self:
        return cls.model_validate(overview, from_attributes=True)


class IndexOut(BaseModel):
    """Writes are numbered from 1 on."""

    generation_seq: int = Field(description="last write in the index on disk")
    lag: int = Field(description="writes that the next question takes in first")


class QuestionsOut(BaseModel):
    asked: int
    answered_share: float | None = Field(description="null before the first question")
    p50_ms: float | None = Field(description="median time, estimated from a histogram")
    p95_ms: float | None

    @classmethod
    def of(cls, asked: "Asked") -> Self:
        return cls(
            asked=asked.questions,
            answered_share=round(asked.answered / asked.questions, 4) if asked.questions else None,
            p50_ms=_milliseconds(asked.p50),
            p95_ms=_milliseconds(asked.p95),
        )


class ServiceOut(BaseModel):
    """Questions are those of all workers, the rest is of the one that answers."""

    version: str
    models: ModelsOut
    uptime_seconds: float
    index: IndexOut
    questions: QuestionsOut

    @classmethod
    def of(cls, engine: Dateline, uptime_seconds: float, asked: "Asked") -> Self:
        state = engine.index_state()
        return cls(
            version=version("dateline"),
            models=ModelsOut(encoder=engine.encoder_name, reader=engine.reader.name),
            uptime_seconds=round(uptime_seconds, 1),
            index=IndexOut(generation_seq=state.generation_seq, lag=state.lag),
            questions=QuestionsOut.of(asked),
        )


class StatsOut(BaseModel):
    collection: CollectionOut
    service: ServiceOut


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(1000 * seconds, 1)
