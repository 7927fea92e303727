"""What goes wrong, as RFC 9457 problem details: the one form of every error of the service."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from api import logs
from api.schemas import Problem
from rag.errors import (
    BusyError,
    CollectionError,
    ConflictError,
    DatelineError,
    InputError,
    ModelError,
    NotFoundError,
    RefusedError,
    StorageFullError,
    UnavailableError,
)

_STATUS: dict[type[DatelineError], HTTPStatus] = {
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    StorageFullError: HTTPStatus.INSUFFICIENT_STORAGE,
    CollectionError: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelError: HTTPStatus.SERVICE_UNAVAILABLE,
    BusyError: HTTPStatus.TOO_MANY_REQUESTS,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    DatelineError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_RETRY_S = 10
"""Where the error does not say: as long as a database in use, or a service's mend, may take."""


def problem(
    status: int,
    detail: str,
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response to a request that failed. A 503 always says when to try again."""
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(_RETRY_S)} | dict(headers or {})
    said = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=errors or [],
        request_id=logs.request_id.get(),
    )
    return JSONResponse(
        said.model_dump(exclude_defaults=True) | {"type": said.type},
        status_code=status,
        headers=headers,
        media_type="application/problem+json",
    )


def problem_of(error: DatelineError) -> JSONResponse:
    """The response to a request that ended in this error."""
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, RefusedError) else None
    return problem(status, str(error), headers=retry)
