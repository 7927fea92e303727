"""The route that adds articles, and how many requests may do so at once."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.routing import APIRoute

from api import examples
from api.questions import Engine
from api.schemas import ArticleIn, Fate, IngestOut, storable
from rag.errors import BusyError
from rag.fields import article_from_mapping, article_of_item
from rag.types import Article, Skipped

MAX_INGESTS = 8
"""Each holds a thread of all routes while it waits for those before it and for the models."""
_RETRY_S = 5


class IngestRoute(APIRoute):
    """Refuses what there is no room for before the body is read.

    `app.state.ingests` counts the requests; only the event loop's thread touches it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            state = request.app.state
            if state.ingests >= MAX_INGESTS:
                raise BusyError(
                    f"{MAX_INGESTS} requests bring articles already: send it again in {_RETRY_S} "
                    "s, or send many at once to POST /v1/jobs",
                    _RETRY_S,
                )
            state.ingests += 1
            try:
                return await handle(request)
            finally:
                state.ingests -= 1

        return admit


router = APIRouter(route_class=IngestRoute, tags=["articles"])


@router.post("/v1/articles")
def add_articles(
    engine: Engine,
    articles: Annotated[
        ArticleIn | list[ArticleIn | Any],
        Body(openapi_examples=examples.ARTICLES),
    ],
) -> IngestOut:
    """Add one article or many; each has its own status. A known id is replaced."""
    if isinstance(articles, ArticleIn):
        read = [article_from_mapping(articles.model_dump(exclude_none=True))]
        return IngestOut.of([Fate.of(fate) for fate in engine.ingest(read)])
    fates = engine.ingest(_article(item, n) for n, item in enumerate(articles))
    return IngestOut.of([Fate.of(fate) for fate in fates])


def _article(item: object, number: int) -> Article | Skipped:
    """One article of a list; what is wrong with it does not stop the others."""
    fields = item.model_dump(exclude_none=True) if isinstance(item, ArticleIn) else item
    try:
        for value in fields.values() if isinstance(fields, dict) else ():
            if isinstance(value, str):
                storable(value)
    except ValueError as error:
        return Skipped(f"[{number}]", str(error))
    return article_of_item(fields, number)
