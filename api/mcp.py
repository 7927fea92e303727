"""The tools of an assistant, over the Model Context Protocol.

What they return is the wire contract of `api.schemas`, as structured output. A DatelineError is a
tool error that the assistant can read; anything else is logged and told without its details.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from api.schemas import (
    AskResponse,
    CitationIn,
    FullArticleOut,
    HitOut,
    SearchResponse,
    VerifyResponse,
)
from rag.engine import Dateline
from rag.errors import DatelineError

_INSTRUCTIONS = """\
Dateline answers questions from a collection of news articles with the exact words of an article.
Ask one plain question at a time. Quote `quote` word for word, and name for every quote its
article's title, source and date. If `answer` is null the collection does not say: tell so, and
present no candidate as the answer. If an answer is `disputed`, give every side with its date and
source. `independent_sources` counts stories, not reprints. `confidence` is the probability that
the answer is right."""

_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)

Day = Annotated[date | None, Field(description="a day, as in 2024-03-05; published then or before")]
Since = Annotated[date | None, Field(description="a day; published then or later")]
Outlets = Annotated[list[str] | None, Field(description="only articles of these outlets")]


def make_server(engine: Dateline) -> MCPServer:
    """A server whose tools read one collection."""
    server = MCPServer("dateline", instructions=_INSTRUCTIONS, log_level="WARNING")

    @server.tool(annotations=_READS)
    def ask(
        question: Annotated[str, Field(description="one question, as a person would ask it")],
        as_of: Day = None,
        since: Since = None,
        sources: Outlets = None,
        top_k: Annotated[
            int | None, Field(ge=1, le=100, description="passages to read; default 10")
        ] = None,
    ) -> AskResponse:
        """Answer a question with the exact words of news articles, with confidence and citations.

        Quote each citation's `quote` exactly, and cite its title, source and date. A null
        `answer` means that no article answers it surely enough; `answers` then holds candidates
        that are not to be presented as facts.
        """
        with _told():
            return AskResponse.of(
                engine.ask(question, top_k=top_k, as_of=as_of, since=since, sources=sources or [])
            )

    @server.tool(annotations=_READS)
    def search(
        query: Annotated[str, Field(description="words or a question")],
        limit: Annotated[int, Field(ge=1, le=100, description="passages to return")] = 10,
    ) -> SearchResponse:
        """Find the passages that fit a query best, without answering: for background and overview.

        A passage is `text[start:end]` of its article; quote from it exactly and cite the article.
        """
        with _told():
            hits = engine.search(query, limit)
        return SearchResponse(query=query, hits=[HitOut.of(hit) for hit in hits])

    @server.tool(annotations=_READS)
    def get_article(
        article_id: Annotated[str, Field(description="`article_id` of a citation or a passage")],
    ) -> FullArticleOut:
        """Read a whole article: the context of a quote, or what else it says."""
        with _told():
            return FullArticleOut.of(engine.article(article_id))

    @server.tool(annotations=_READS)
    def verify(
        citations: Annotated[
            list[CitationIn], Field(min_length=1, description="citations as `ask` returned them")
        ],
    ) -> VerifyResponse:
        """Check that quotes stand in the stored articles word for word, at their places.

        Do so before publishing a quotation, and for every citation that came from elsewhere.
        """
        with _told():
            verdicts = [engine.verify(**citation.model_dump()) for citation in citations]
        return VerifyResponse.of(citations, verdicts)

    return server


@contextmanager
def _told() -> Iterator[None]:
    """An error that is fit for a person is fit for an assistant."""
    try:
        yield
    except DatelineError as error:
        raise ToolError(str(error)) from error
