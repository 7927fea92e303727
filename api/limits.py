"""How large a request may be and how long it may take to arrive."""

import asyncio
from typing import Any

import h11
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.problems import problem

MAX_BODY_BYTES = 10_000_000
"""A body is held in memory while it is read."""
MAX_UPLOAD_BYTES = 20_000_000
"""Files are written to the disk as they come."""
MAX_HEAD_BYTES = 16_384
MAX_HEADERS = 100
HEAD_SECONDS = 10.0
BODY_SECONDS = 60.0

_UPLOADS = ("/add/files", "/v1/jobs")
_CLOSE = {"Connection": "close"}  # what is left of the body is not waited for


class RequestLimits:
    """Refuses a request that is too large, and one whose body does not arrive in time.

    Lengths are counted as they come, whatever the request says. Pure ASGI: nothing stands between
    a route and its caller's leaving.
    """

    def __init__(self, app: ASGIApp, body_seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._body_seconds = body_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        if len(headers) > MAX_HEADERS or sum(map(_size, headers)) > MAX_HEAD_BYTES:
            detail = f"too many headers: at most {MAX_HEADERS}, and {MAX_HEAD_BYTES:,} bytes"
            await problem(431, detail, headers=_CLOSE)(scope, receive, send)
            return
        most = MAX_UPLOAD_BYTES if scope["path"] in _UPLOADS else MAX_BODY_BYTES
        if _declared(headers) > most:
            await problem(413, _too_large(most), headers=_CLOSE)(scope, receive, send)
            return
        await self._app(scope, self._counted(receive, most), send)

    def _counted(self, receive: Receive, most: int) -> Receive:
        """`receive`, which raises an HTTPException that the service answers as any other."""
        deadline = asyncio.get_running_loop().time() + self._body_seconds
        size, complete = 0, False

        async def counted() -> Message:
            nonlocal size, complete
            if complete:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                detail = f"the request did not arrive within {self._body_seconds:g} seconds"
                raise HTTPException(408, detail, _CLOSE) from None
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > most:
                raise HTTPException(413, _too_large(most), _CLOSE)
            return message

        return counted


class TimedProtocol(H11Protocol):
    """uvicorn's HTTP, which also closes a connection whose request's head does not arrive."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self._head_timer is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _declared(headers: list[tuple[bytes, bytes]]) -> int:
    """The length that the request says its body has; 0 where it says none that is a number."""
    value = dict(headers).get(b"content-length", b"0")
    return int(value) if value.isdigit() and len(value) < 20 else 0


def _size(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])


def _too_large(most: int) -> str:
    return f"the request is too large: at most {most:,} bytes"
