"""The HTTP service. Routes only translate; one table maps errors to statuses."""

import logging
from collections.abc import AsyncIterator
from concurrent.futures import wait
from contextlib import asynccontextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api import examples, ingest, jobs, observe, questions, tidying, web
from api.headers import HEADERS, SecurityHeaders
from api.inference import Inference, Limits
from api.limits import RequestLimits
from api.methods import HeadAsGet, methods_of
from api.problems import problem, problem_of
from api.questions import Engine, get_inference
from api.readiness import Readiness
from api.schemas import (
    MOST_CITATIONS,
    ArticleOut,
    ArticlesOut,
    CitationIn,
    FullArticleOut,
    Health,
    ModelsOut,
    Problem,
    ReadinessOut,
    StoriesOut,
    StoryOut,
    VerifyResponse,
)
from api.security import Access, add_guard
from rag.engine import Dateline
from rag.errors import DatelineError
from rag.ray_reader import RayReader
from rag.settings import Settings

logger = logging.getLogger("dateline")

_STOP_S = 2.0
"""How long what is being worked on may go on once no request waits for it."""

# What any request may be answered with; the first four by what reads the request.
_ANYWHERE = (400, 408, 413, 431, 422, 429, 503, 507)


def create_app(
    engine: Dateline, settings: Settings | None = None, access: Access | None = None
) -> FastAPI:
    """The service over one collection. It closes the engine when it shuts down.

    Of the settings those of the service count; None takes the environment's. Without `access` it
    lets everybody in: for a caller that guards it in another way.
    """
    settings = settings or Settings()
    limits = Limits(settings.max_waiting, settings.deadline)
    if RayReader.from_environment() is not None:
        limits = replace(limits, at_once=1)  # there is a replica for each worker
    inference = Inference(lambda: engine, limits)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        inference.start()
        # The first question should not pay for loading the reader; what keeps it from being
        # loaded is told to each.
        await run_in_threadpool(wait, [inference.loaded])
        async with (
            tidying.running(engine),
            jobs.running(app, engine, settings.jobs_kept_days, inference.refuse),
        ):
            yield
        await run_in_threadpool(inference.stop, _STOP_S)

    app = observe.ObservedFastAPI(
        title="Dateline",
        version="1",
        summary="Extractive question answering for news, with citations that can be checked.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry=observe.TELEMETRY,
        responses={status: {"model": Problem} for status in _ANYWHERE},
    )
    app.state.engine = engine
    app.state.inference = inference
    app.state.readiness = Readiness(engine)
    app.state.ingests = 0
    app.add_exception_handler(DatelineError, _on_dateline_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)
    app.add_exception_handler(Exception, _on_crash)
    app.include_router(questions.router)
    _add_routes(app)
    app.include_router(ingest.router)
    app.include_router(jobs.router)
    web.install(app)
    observe.install(app, settings.log_questions)
    _document_problems(app)
    app.add_middleware(HeadAsGet)
    if access is not None:
        add_guard(app, engine, access, web.page_for_browser)
    app.add_middleware(RequestLimits)
    app.add_middleware(SecurityHeaders)
    return app


def app_from_settings() -> FastAPI:
    """The service over the collection that the environment names; for worker processes."""
    settings = Settings()
    engine = Dateline.open(settings, create=True)
    reader = RayReader.from_environment()
    if reader is not None:
        engine.read_through(reader)
    return create_app(engine, settings, Access.of(settings))


def _add_routes(app: FastAPI) -> None:
    @app.post("/v1/verify", tags=["questions"])
    def verify(
        engine: Engine,
        citations: Annotated[
            CitationIn | Annotated[list[CitationIn], Field(max_length=MOST_CITATIONS)],
            Body(openapi_examples=examples.VERIFY),
        ],
    ) -> VerifyResponse:
        """Whether citations still hold: the stored text's hash, and the quote at its offsets."""
        cited = citations if isinstance(citations, list) else [citations]
        verdicts = [engine.verify(**citation.model_dump()) for citation in cited]
        return VerifyResponse.of(cited, verdicts)

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
    async def readyz(
        request: Request, inference: Annotated[Inference, Depends(get_inference)]
    ) -> ReadinessOut:
        """Whether questions can be answered now; 503 says why not."""
        inference.check_ready()
        readiness: Readiness = request.app.state.readiness
        await readiness.check()
        engine = inference.engine
        models = ModelsOut(encoder=engine.encoder_name, reader=engine.reader.name)
        return ReadinessOut(models=models)


_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}


def _document_problems(app: FastAPI) -> None:
    """Let the OpenAPI page name the media type that errors really have."""
    for path in app.openapi()["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    schema = {"$ref": "#/components/schemas/Problem"}
                    response["content"] = {"application/problem+json": {"schema": schema}}


async def _on_dateline_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DatelineError)
    return problem_of(error)


async def _on_client_gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; the usual status for it in logs


async def _on_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Only where and why: the input itself may hold what JSON cannot say, as NaN.
    errors = [_wrong_field(request, each) for each in error.errors()]
    detail = "; ".join(f"{e['field']}: {e['message']}" for e in errors[:3])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors)


def _wrong_field(request: Request, error: dict[str, Any]) -> dict[str, str]:
    """Where in a request something is wrong, and why."""
    where, why = error["loc"], error["msg"]
    if error["type"] == "json_invalid":
        where, why = ("body",), f"no JSON at character {where[-1]}: {error['ctx']['error']}"
    elif where == ("body",) and "json" not in request.headers.get("content-type", ""):
        why = "expected JSON: send it with 'Content-Type: application/json'"
    return {"field": ".".join(str(part) for part in where), "message": why}


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = problem(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # Starlette names those of the first route only.
        response.headers["Allow"] = ", ".join(methods_of(request.app.routes, request.scope))
    if error.status_code == HTTPStatus.NOT_FOUND and "endpoint" not in request.scope:
        return web.no_such_page(request, response)
    return response


async def _on_crash(request: Request, error: Exception) -> Response:
    route = observe.route_of(request.scope)
    logger.error("%s %s failed", request.method, route, exc_info=error)
    # This answer passes by the middleware, which has crashed with the rest.
    detail = "something went wrong; it was logged"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, headers=HEADERS)
