"""An answer on the wire, with its days and its citations; see `api.schemas`."""

from datetime import date
from typing import Literal, Self

from pydantic import BaseModel

from rag.types import Answer, Citation, Interval

_AROUND_QUOTE = 32
"""Characters of prefix and suffix in a TextQuoteSelector."""


class TextPositionSelector(BaseModel):
    type: Literal["TextPositionSelector"] = "TextPositionSelector"
    start: int
    end: int


class TextQuoteSelector(BaseModel):
    type: Literal["TextQuoteSelector"] = "TextQuoteSelector"
    exact: str
    prefix: str
    suffix: str


class ReprintOut(BaseModel):
    article_id: str
    title: str | None
    published: date | None


class CitationOut(BaseModel):
    article_id: str
    title: str | None
    published: date | None
    source: str | None
    url: str | None
    quote: str
    start: int
    end: int
    context: str
    sha256: str
    selector: list[TextPositionSelector | TextQuoteSelector]
    reprints: list[ReprintOut]

    @classmethod
    def of(cls, citation: Citation) -> Self:
        article, start, end = citation.article, citation.start, citation.end
        return cls(
            article_id=article.id,
            title=article.title,
            published=article.published,
            source=article.source,
            url=article.url,
            quote=citation.quote,
            start=start,
            end=end,
            context=citation.context,
            sha256=article.sha256,
            selector=[
                TextPositionSelector(start=start, end=end),
                TextQuoteSelector(
                    exact=citation.quote,
                    prefix=article.text[max(0, start - _AROUND_QUOTE) : start],
                    suffix=article.text[end : end + _AROUND_QUOTE],
                ),
            ],
            reprints=[
                ReprintOut(article_id=r.id, title=r.title, published=r.published)
                for r in citation.reprints
            ],
        )


class WhenOut(BaseModel):
    start: date
    end: date

    @classmethod
    def of(cls, when: Interval) -> Self:
        return cls(start=when.start, end=when.end)


class AnswerOut(BaseModel):
    text: str
    confidence: float
    when: WhenOut | None
    independent_sources: int
    disputed: bool
    citations: list[CitationOut]

    @classmethod
    def of(cls, answer: Answer) -> Self:
        return cls(
            text=answer.text,
            confidence=round(answer.confidence, 4),
            when=WhenOut.of(answer.when) if answer.when else None,
            independent_sources=answer.independent_sources,
            disputed=answer.disputed,
            citations=[CitationOut.of(citation) for citation in answer.citations],
        )
