"""Ingest as jobs: a list or files are taken at once, worked off in the background, and watched.

A route of its own, for `POST /v1/articles` answers with what became of each article, and this
one cannot yet.
"""

import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from api import examples
from api.schemas import FullJobOut, JobOut, JobsOut, Problem
from rag.engine import Dateline
from rag.errors import InputError
from rag.job_inputs import count_articles, file_inputs, list_input
from rag.job_runner import JobRunner
from rag.jobs import Jobs
from rag.types import JobInput

_EVENT_ARTICLES = 100
_POLL_S = 0.5
_BATCH_S = 3.0
_DAY_S = 86_400.0


@asynccontextmanager
async def running(
    app: FastAPI, engine: Dateline, kept_days: float, give_up: Callable[[], None]
) -> AsyncIterator[None]:
    """Work off the collection's jobs meanwhile; at a signal to exit, only the batch at hand.

    One long article can be minutes of embedding: if the batch is not done in time, `give_up`, which
    refuses to embed any more, ends it. The job goes on with that batch at the next start.
    """
    runner = JobRunner(engine.jobs, engine.ingest_batch, kept_days * _DAY_S)
    app.state.job_runner = runner
    runner.start()
    try:
        with _at_exit_signal(runner.drain):
            yield
    finally:
        if not await run_in_threadpool(runner.stop, _BATCH_S):
            give_up()
            await run_in_threadpool(runner.stop, _BATCH_S)


@contextmanager
def _at_exit_signal(notify: Callable[[], None]) -> Iterator[None]:
    """Tell also of the signal: the server waits for open event streams before it shuts down."""
    handlers = {sig: signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM)}
    ours = threading.current_thread() is threading.main_thread()
    hooked = {sig: old for sig, old in handlers.items() if ours and callable(old)}

    def handle(number: int, frame: Any) -> None:
        notify()
        hooked[signal.Signals(number)](number, frame)

    for sig in hooked:
        signal.signal(sig, handle)
    try:
        yield
    finally:
        for sig, old in hooked.items():
            signal.signal(sig, old)


def _jobs(request: Request) -> Jobs:
    engine: Dateline = request.app.state.engine
    return engine.jobs


def _runner(request: Request) -> JobRunner:
    runner: JobRunner = request.app.state.job_runner
    return runner


AllJobs = Annotated[Jobs, Depends(_jobs)]
Runner = Annotated[JobRunner, Depends(_runner)]


def _known(job_id: str, jobs: AllJobs) -> str:
    jobs.get(job_id)
    return job_id


async def _inputs(request: Request) -> tuple[JobInput, ...]:
    """What the body holds. Starlette answers 400 to a form that is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        return (await run_in_threadpool(list_input, await request.body()),)
    if kind != "multipart/form-data":
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"{kind or 'no content type'!r}: send application/json or multipart/form-data",
        )
    async with request.form() as form:
        files = []
        for field, value in form.multi_items():
            if not isinstance(value, UploadFile):
                raise InputError(f"the form's field {field!a} is no file: send nothing but files")
            files.append((value.filename, await value.read()))
    return await run_in_threadpool(file_inputs, files)


def _idempotency_key(
    idempotency_key: Annotated[
        str | None,
        Header(description="a request sent again with the same key makes no second job"),
    ] = None,
) -> str | None:
    """The key; as a structured field it stands in quotes, which many clients leave out."""
    if idempotency_key is None:
        return None
    key = idempotency_key.removeprefix('"').removesuffix('"')
    if not 1 <= len(key) <= 255 or not (key.isascii() and key.isprintable()):
        raise InputError(f"Idempotency-Key {key!a}: expected 1 to 255 printable ASCII characters")
    return key


Inputs = Annotated[tuple[JobInput, ...], Depends(_inputs)]
Key = Annotated[str | None, Depends(_idempotency_key)]
Known = Annotated[str, Depends(_known)]
Limit = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, lt=2**31)]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/ArticleIn"}},
            "examples": examples.JOB,
        },
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {
                    "file": {
                        "type": "array",
                        "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                    }
                },
            }
        },
    },
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem} for status in statuses}


@router.post(
    "",
    status_code=202,
    responses={
        202: {"headers": {"Location": {"schema": {"type": "string"}}}},
        **_problems(400, 415, 429),
    },
    openapi_extra={"requestBody": _BODY},
)
def add_job(
    request: Request,
    response: Response,
    jobs: AllJobs,
    runner: Runner,
    inputs: Inputs,
    key: Key,
) -> JobOut:
    """Add a list of articles, or files (.jsonl, .html, .pdf, ...; the name says which), later."""
    asked_by = getattr(request.state, "key_name", "")
    job = jobs.submit(inputs, count_articles(inputs), key, asked_by)
    runner.wake()
    response.headers["Location"] = str(request.app.url_path_for("get_job", job_id=job.id))
    return JobOut.of(job)


@router.get("")
def list_jobs(jobs: AllJobs, limit: Limit = 50, offset: Offset = 0) -> JobsOut:
    """Jobs, newest first."""
    found = jobs.page(limit, offset)
    return JobsOut(total=jobs.count(), jobs=[JobOut.of(job) for job in found])


@router.get("/{job_id}", responses=_problems(404))
def get_job(jobs: AllJobs, job_id: str, limit: Limit = 50, offset: Offset = 0) -> FullJobOut:
    """A job, and what became of its articles so far."""
    return FullJobOut.with_fates(*jobs.fates(job_id, limit, offset))


@router.delete("/{job_id}", responses=_problems(404, 409))
def cancel_job(jobs: AllJobs, job_id: str) -> JobOut:
    """Cancel a job: one that runs ends with the batch at hand. What was ingested stays."""
    return JobOut.of(jobs.cancel(job_id))


@router.get("/{job_id}/events", response_class=EventSourceResponse, responses=_problems(404))
async def follow_job(
    jobs: AllJobs,
    runner: Runner,
    job_id: Known,
    last_event_id: Annotated[int | None, Header(ge=0, lt=2**31)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `progress` with the articles since the last one, then `done`.

    An event's id is the number of articles told so far; with Last-Event-ID it goes on there.
    """
    told = 0 if last_event_id is None else last_event_id
    fresh = last_event_id is None
    while not runner.stopping:
        job, fates = await run_in_threadpool(jobs.fates, job_id, _EVENT_ARTICLES, told)
        told += len(fates)
        over = job.finished is not None and told >= job.processed
        if fates or fresh or over:
            yield ServerSentEvent(
                data=FullJobOut.with_fates(job, fates),
                event="done" if over else "progress",
                id=str(told),
            )
        if over:
            return
        fresh = False
        if len(fates) < _EVENT_ARTICLES:
            await anyio.sleep(_POLL_S)
