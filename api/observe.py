"""What the service tells of itself: a log line and metrics for each request, and its statistics."""

import logging
import re
import time
from collections.abc import MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.telemetry import TelemetryConfig
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import logs, metrics
from api.overview import CollectionOut, ServiceOut, StatsOut
from rag.types import Reply

NO_ROUTE = "(none)"
OTHER_METHOD = "OTHER"
CLIENT_GONE = 499
"""Logged and counted as the status where the client left before there was one."""

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_PROBES = {"/healthz", "/readyz", "/metrics"}
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _is_probe(scope: MutableMapping[str, Any]) -> bool:
    return scope["path"] in _PROBES


TELEMETRY: TelemetryConfig = {
    # Sends nothing unless OTEL_EXPORTER_OTLP_ENDPOINT, or that of a signal, says where to.
    "auto_configure": True,
    "exclude": _is_probe,
}


@dataclass
class _Observed:
    """The request that is being answered."""

    log_questions: bool
    fields: dict[str, Any] = field(default_factory=dict)


_observed: ContextVar[_Observed | None] = ContextVar("observed", default=None)


class ObservedFastAPI(FastAPI):
    """A FastAPI whose requests are all observed, those too that its own layers refuse."""

    def build_middleware_stack(self) -> ASGIApp:
        return _Observer(super().build_middleware_stack())


def install(app: FastAPI, log_questions: bool) -> None:
    """Add /metrics and /v1/stats; with `log_questions`, the log holds what was asked."""
    began = time.monotonic()
    app.state.log_questions = log_questions

    @app.get("/metrics", tags=["service"], response_class=Response, responses=_PLAIN)
    def prometheus(request: Request) -> Response:
        """Metrics in the format of Prometheus."""
        exposed = metrics.exposition(request.app.state.engine)
        return Response(exposed, media_type=metrics.CONTENT_TYPE)

    @app.get("/v1/stats", tags=["service"])
    def stats(request: Request) -> StatsOut:
        """The collection and the service in numbers."""
        engine = request.app.state.engine
        return StatsOut(
            collection=CollectionOut.of(engine.overview()),
            service=ServiceOut.of(engine, time.monotonic() - began, metrics.questions_so_far()),
        )


_PLAIN: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {}}}}


def asked(reply: Reply) -> None:
    """Count a question and its stages, and put them on the request's log line."""
    metrics.asked(reply)
    observed = _observed.get()
    if observed is None:
        return
    stages = {stage: round(took, 1) for stage, took in metrics.stages(reply).items()}
    observed.fields |= {"stages_ms": stages, "answered": reply.answered}
    if observed.log_questions:
        observed.fields["question"] = reply.question


class _Observer:
    """Outermost ASGI layer: gives each request an id, and logs and counts it once it is over.

    What raised and was answered with 500 ends here: it was logged where the answer was made.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else uuid4().hex
        status = CLIENT_GONE
        whole = False

        async def respond(message: Message) -> None:
            nonlocal status, whole
            if message["type"] == "http.response.start":
                status = message["status"]
                own = (b"x-request-id", request_id.encode())
                message = {**message, "headers": [*message.get("headers", ()), own]}
            elif message["type"] == "http.response.body":
                whole = not message.get("more_body", False)
            await send(message)

        observed = _Observed(getattr(scope["app"].state, "log_questions", False))
        tokens = logs.request_id.set(request_id), _observed.set(observed)
        began = time.perf_counter()
        metrics.request_began()
        try:
            await self._app(scope, receive, respond)
        except Exception:
            if not (whole and status == 500):
                raise
        finally:
            took = time.perf_counter() - began
            method = scope["method"] if scope["method"] in _METHODS else OTHER_METHOD
            route = route_of(scope)
            metrics.request_ended(method, route, status, took)
            if not (_is_probe(scope) and status < 400):
                logs.log(
                    logging.WARNING if status >= 500 else logging.INFO,
                    f"{method} {route} {status}",
                    method=method,
                    route=route,
                    status=status,
                    duration_ms=round(1000 * took, 1),
                    **observed.fields,
                )
            logs.request_id.reset(tokens[0])
            _observed.reset(tokens[1])


def route_of(scope: Scope) -> str:
    """The template of the route that took the request, as "/v1/articles/{article_id}".

    Never the path, which the client chose; NO_ROUTE if none fits.
    """
    template = getattr(scope.get("route"), "path_format", None)
    return NO_ROUTE if template is None else f"{scope.get('root_path', '')}{template}"
