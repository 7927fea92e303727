"""What goes wrong, as RFC 9457 problem details: the one form of every error of the service."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from api import logs
from api.schemas import Problem


def problem(
    status: int,
    detail: str,
    errors: list[dict[str, Any]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The response to a request that failed."""
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
