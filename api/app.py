"""The HTTP service. Routes only translate; one table maps errors to statuses."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from api import examples
from api.schemas import (
    ArticleIn,
    ArticleOut,
    ArticlesOut,
    AskRequest,
    AskResponse,
    CitationIn,
    Fate,
    FullArticleOut,
    Health,
    HitOut,
    IngestOut,
    ModelsOut,
    Problem,
    Readiness,
    SearchRequest,
    SearchResponse,
    StoriesOut,
    StoryOut,
    VerifyResponse,
)
from rag.engine import Dateline
from rag.errors import (
    CollectionError,
    DatelineError,
    InputError,
    ModelError,
    NotFoundError,
    StorageFullError,
)
from rag.fields import article_from_mapping
from rag.settings import Settings
from rag.types import Article, Skipped

logger = logging.getLogger("dateline")

MAX_BODY_BYTES = 20_000_000

_STATUS: dict[type[DatelineError], HTTPStatus] = {
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    StorageFullError: HTTPStatus.INSUFFICIENT_STORAGE,
    CollectionError: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelError: HTTPStatus.SERVICE_UNAVAILABLE,
    DatelineError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def get_engine(request: Request) -> Dateline:
    """The engine this application was made with."""
    engine: Dateline = request.app.state.engine
    return engine


Engine = Annotated[Dateline, Depends(get_engine)]


def create_app(engine: Dateline) -> FastAPI:
    """The service over one collection. It closes the engine when it shuts down."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # The first question should not pay for loading the reader.
        await run_in_threadpool(lambda: engine.reader)
        yield
        engine.close()

    app = FastAPI(
        title="Dateline",
        version="1",
        summary="Extractive question answering for news, with citations that can be checked.",
        lifespan=lifespan,
        max_body_size=MAX_BODY_BYTES,
        responses={422: {"model": Problem}, 503: {"model": Problem}, 507: {"model": Problem}},
    )
    app.state.engine = engine
    app.add_exception_handler(DatelineError, _on_dateline_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_crash)
    _add_routes(app)
    _document_problems(app)
    return app


def app_from_settings() -> FastAPI:
    """The service over the collection that the environment names; for worker processes."""
    return create_app(Dateline.open(Settings(), create=True))


def _add_routes(app: FastAPI) -> None:
    @app.post("/v1/ask", tags=["questions"])
    def ask(
        engine: Engine, asked: Annotated[AskRequest, Body(openapi_examples=examples.ASK)]
    ) -> AskResponse:
        """The exact words that answer a question, with their citations."""
        return AskResponse.of(
            engine.ask(
                asked.question,
                top_k=asked.top_k,
                as_of=asked.as_of,
                since=asked.since,
                until=asked.until,
                sources=asked.sources,
            )
        )

    @app.post("/v1/search", tags=["questions"])
    def search(
        engine: Engine, asked: Annotated[SearchRequest, Body(openapi_examples=examples.SEARCH)]
    ) -> SearchResponse:
        """The passages that fit a query best."""
        hits = engine.search(asked.query, asked.limit)
        return SearchResponse(query=asked.query, hits=[HitOut.of(hit) for hit in hits])

    @app.post("/v1/verify", tags=["questions"])
    def verify(
        engine: Engine,
        citations: Annotated[CitationIn | list[CitationIn], Body(openapi_examples=examples.VERIFY)],
    ) -> VerifyResponse:
        """Whether citations still hold: the stored text's hash, and the quote at its offsets."""
        cited = citations if isinstance(citations, list) else [citations]
        verdicts = [engine.verify(**citation.model_dump()) for citation in cited]
        return VerifyResponse.of(cited, verdicts)

    @app.post("/v1/articles", tags=["articles"])
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
        fates = engine.ingest(_read_item(item, n) for n, item in enumerate(articles))
        return IngestOut.of([Fate.of(fate) for fate in fates])

    @app.get("/v1/articles", tags=["articles"])
    def list_articles(
        engine: Engine,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    ) -> ArticlesOut:
        """Articles, newest first."""
        total, _ = engine.counts()
        found = engine.articles(limit, offset)
        return ArticlesOut(total=total, articles=[ArticleOut.of(article) for article in found])

    @app.get("/v1/articles/{article_id:path}", tags=["articles"], responses=_NOT_FOUND)
    def get_article(engine: Engine, article_id: str) -> FullArticleOut:
        """One article with its text."""
        return FullArticleOut.of(engine.article(article_id))

    @app.delete(
        "/v1/articles/{article_id:path}", tags=["articles"], status_code=204, responses=_NOT_FOUND
    )
    def delete_article(engine: Engine, article_id: str) -> Response:
        """Remove an article; it is gone from the next answer."""
        engine.delete(article_id)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    @app.get("/v1/stories", tags=["stories"])
    def list_stories(
        engine: Engine,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        offset: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    ) -> StoriesOut:
        """The stories that more than one article tells, newest first."""
        found = engine.stories(limit, offset)
        return StoriesOut(
            total=engine.count_stories(), stories=[StoryOut.of(story) for story in found]
        )

    @app.get("/v1/stories/{article_id:path}", tags=["stories"], responses=_NOT_FOUND)
    def get_story(engine: Engine, article_id: str) -> StoryOut:
        """The story that an article tells, with its other articles."""
        return StoryOut.of(engine.story(article_id))

    @app.get("/healthz", tags=["service"])
    async def healthz() -> Health:
        """Whether the process is alive."""
        return Health()

    @app.get("/readyz", tags=["service"])
    def readyz(engine: Engine) -> Readiness:
        """Whether questions can be answered now."""
        articles, passages = engine.counts()
        models = ModelsOut(encoder=engine.encoder_name, reader=engine.reader.name)
        return Readiness(articles=articles, passages=passages, models=models)


_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}


def _document_problems(app: FastAPI) -> None:
    """Let the OpenAPI page name the media type that errors really have."""
    for path in app.openapi()["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    schema = {"$ref": "#/components/schemas/Problem"}
                    response["content"] = {"application/problem+json": {"schema": schema}}


def _read_item(item: object, number: int) -> Article | Skipped:
    """One article of a list; what is wrong with it does not stop the others."""
    fields = item.model_dump(exclude_none=True) if isinstance(item, ArticleIn) else item
    if not isinstance(fields, dict):
        return Skipped(f"[{number}]", "not an object: expected one with a 'text'")
    try:
        return article_from_mapping(fields)
    except InputError as error:
        return Skipped(f"[{number}]", str(error))


def _problem(status: int, detail: str, errors: list[dict[str, Any]] | None = None) -> JSONResponse:
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(
        problem.model_dump(exclude_defaults=True) | {"type": problem.type},
        status_code=status,
        media_type="application/problem+json",
    )


async def _on_dateline_error(_request: Request, error: Exception) -> Response:
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    return _problem(status, str(error))


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Only where and why: the input itself may hold what JSON cannot say, as NaN.
    errors = [
        {"field": ".".join(str(part) for part in e["loc"]), "message": e["msg"]}
        for e in error.errors()
    ]
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:3])
    return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = _problem(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _on_crash(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "something went wrong; it was logged")
