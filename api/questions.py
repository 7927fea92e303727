"""The routes that need the models, and how a request waits for its turn."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from api import examples, metrics, observe
from api.inference import Inference
from api.schemas import AskRequest, AskResponse, HitOut, Problem, SearchRequest, SearchResponse
from rag.engine import Dateline, check_question
from rag.errors import UnavailableError

T = TypeVar("T")


async def get_inference(request: Request) -> Inference:
    """The inference threads of the application."""
    inference: Inference = request.app.state.inference
    return inference


async def get_engine(inference: Annotated[Inference, Depends(get_inference)]) -> Dateline:
    """The engine; UnavailableError while it is being loaded."""
    return inference.engine


Engine = Annotated[Dateline, Depends(get_engine)]


class AdmittedRoute(APIRoute):
    """Refuses what there is no room for before the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def admit(request: Request) -> Response:
            (await get_inference(request)).check_room()
            return await handle(request)

        return admit


router = APIRouter(
    route_class=AdmittedRoute, tags=["questions"], responses={429: {"model": Problem}}
)


@router.post("/v1/ask")
async def ask(
    request: Request,
    engine: Engine,
    asked: Annotated[AskRequest, Body(openapi_examples=examples.ASK)],
) -> AskResponse:
    """The exact words that answer a question, with their citations."""
    question = check_question(asked.question)
    top_k = engine.top_k if asked.top_k is None else asked.top_k
    reply = await in_turn(
        request,
        lambda: engine.ask(
            question,
            top_k=top_k,
            as_of=asked.as_of,
            since=asked.since,
            until=asked.until,
            sources=asked.sources,
        ),
        passages=top_k,
    )
    observe.asked(reply)
    return AskResponse.of(reply)


@router.post("/v1/search")
async def search(
    request: Request,
    engine: Engine,
    asked: Annotated[SearchRequest, Body(openapi_examples=examples.SEARCH)],
) -> SearchResponse:
    """The passages that fit a query best."""
    query = check_question(asked.query)
    hits = await in_turn(request, lambda: engine.search(query, asked.limit), passages=1)
    return SearchResponse(query=asked.query, hits=[HitOut.of(hit) for hit in hits])


async def in_turn(request: Request, run: Callable[[], T], passages: int) -> T:
    """What `run` returns on an inference thread; ClientDisconnect if the client goes before."""
    inference = await get_inference(request)
    result: asyncio.Future[T] = asyncio.wrap_future(inference.submit(run, passages))
    metrics.queued(inference.waiting)
    gone: asyncio.Future[None] = asyncio.ensure_future(_until_gone(request))
    both: list[asyncio.Future[Any]] = [result, gone]
    try:
        await asyncio.wait(
            both, timeout=inference.limits.stalled_s, return_when=asyncio.FIRST_COMPLETED
        )
        if result.done():
            return result.result()
        if gone.done():
            raise ClientDisconnect
        raise UnavailableError("the question took too long: ask again later", retry_after=10)
    finally:
        gone.cancel()
        result.cancel()
        metrics.queued(inference.waiting)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
