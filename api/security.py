"""Who is let in: keys and their scopes, how often each may ask, and which host names are ours.

Without keys a service is for its own machine: it answers local addresses only, and only under a
local name, so that no page of the web can reach it through a name that points here.
"""

import asyncio
import ipaddress
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from api.daemon import in_daemon
from api.problems import problem, problem_of
from api.rates import Decision, RateLimits
from rag.engine import Dateline
from rag.errors import DatelineError, InputError, UnavailableError
from rag.keys import Key, Scope, find
from rag.settings import Settings

COOKIE = "dateline_key"
OPEN = ("/healthz",)
"""Answered to anybody."""
# Answered without a key too: the way to show one in a browser.
_SIGN_IN = "/login"
_STATIC = "/static/"

_ASKING = ("/v1/ask", "/v1/search", "/v1/verify", _SIGN_IN, "/logout")
"""Where POST changes nothing in the collection."""
_ADMIN = ("/metrics", "/v1/stats")
_TICK_NS = 1_000_000_000  # coarser than the clock of any file system in use
_PROBES = ("/readyz",)
_PROBE_S = 2.0
_PATIENCE_S = 10.0
_LOOKUPS = 4  # threads of their own: a key is checked even while every other thread reads


@dataclass(frozen=True)
class Access:
    """How a service is guarded. Rates are requests a minute; 0 is without a limit."""

    rates_file: Path
    key_rate: int = 600
    address_rate: int = 120
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> "Access":
        """What the settings say."""
        return cls(
            rates_file=settings.folder / "rates",
            key_rate=settings.rate_limit,
            address_rate=settings.address_rate_limit,
            hosts=settings.allowed_hosts,
            origins=settings.cors_origins,
        )


ForBrowser = Callable[[Request, Response, str], Response]
"""(request, refusal, its words) -> a page instead of the refusal, where a browser asks."""


def add_guard(app: FastAPI, engine: Dateline, access: Access, for_browser: ForBrowser) -> None:
    """Guard the service; its document says how to show a key."""
    app.add_middleware(Guard, engine=engine, access=access, for_browser=for_browser)
    if access.origins:
        # Outside of the guard: a browser asks whether it may send a key without sending it.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=access.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                *("Authorization", "X-API-Key", "Content-Type"),
                *("Idempotency-Key", "Last-Event-ID", "X-Request-ID"),
            ],
            expose_headers=[
                *("Location", "Retry-After", "X-Request-ID"),
                *("RateLimit", "RateLimit-Policy"),
            ],
        )
    _document(app)


def check_host(host: str, engine: Dateline) -> None:
    """InputError for an address that others reach, if there is no key to keep them out."""
    if not is_loopback(host) and not engine.keys():
        raise InputError(
            f"not serving on {host} without a key: make one with 'dateline keys create NAME', "
            "or leave --host out to serve this machine only"
        )


class Guard:
    """Lets a request pass to the service, or answers it with 401, 403, 421 or 429.

    What no rule names needs a key, for anything but GET one that may write: a route that is
    forgotten here is closed. Keys are read anew whenever the database was written since, by
    whatever process, so that a revoked one stops working at once in every worker.
    """

    def __init__(
        self, app: ASGIApp, engine: Dateline, access: Access, for_browser: ForBrowser
    ) -> None:
        self._app = app
        self._for_browser = for_browser
        self._engine = engine
        self._hosts = {host.lower() for host in access.hosts}
        self._rates = RateLimits(access.rates_file)
        self._key_rate, self._address_rate = access.key_rate, access.address_rate
        self._lookups = asyncio.Semaphore(_LOOKUPS)
        self._known: list[Key] = []
        # The last write that the known keys are sure to be younger than.
        self._known_until: int | None = None

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in OPEN):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._guard(scope, receive, send)
        else:
            raise RuntimeError(f"no rule for {scope['type']}: the service speaks HTTP only")

    async def _guard(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        try:
            keys = await self._keys(_PROBE_S if scope["path"] in _PROBES else _PATIENCE_S)
        except DatelineError as error:  # outside of the service's own handlers
            await problem_of(error)(scope, receive, send)
            return
        if self._hosts and host not in self._hosts and not is_loopback(host):
            refusal: Response | None = _misdirected(host)
        elif keys:
            refusal, decision = self._check(scope, headers, keys)
            send = send if decision is None else _with_rate(send, decision)
        elif not _is_local(scope):
            refusal = _unauthorized(
                "the service has no keys, so it answers on its own machine only: "
                "run 'dateline keys create NAME' there"
            )
        elif not is_loopback(host) and host not in self._hosts:
            refusal = _misdirected(host)
        else:
            refusal = None
        if refusal is not None and refusal.body:  # a way to the sign-in form has none
            detail = json.loads(bytes(refusal.body))["detail"]
            refusal = self._for_browser(Request(scope), refusal, detail)
        await (refusal or self._app)(scope, receive, send)

    async def _keys(self, patience_s: float) -> list[Key]:
        """The keys as they are now. Under load a look at the database takes longer than a refusal
        may; a look at its file does not. Of a database on a server only itself can be asked, and
        it may be silent: UnavailableError then."""
        written = self._engine.written()
        if written is None or written != self._known_until:
            try:
                self._known = await asyncio.wait_for(self._look_up(), patience_s)
            except TimeoutError as error:
                raise UnavailableError(
                    f"the database does not answer within {patience_s:.0f} s: see that it runs",
                    retry_after=5,
                ) from error
            # A second write within a tick of the file's clock would look like this one.
            settled = written is not None and time.time_ns() - written > _TICK_NS
            self._known_until = written if settled else None
        return self._known

    async def _look_up(self) -> list[Key]:
        """The keys that the database has. Who waits in vain leaves the queue; a thread that hangs
        stays, and counts."""
        loop = asyncio.get_running_loop()

        def ended(_: object) -> None:
            with suppress(RuntimeError):  # the service has ended before it
                loop.call_soon_threadsafe(self._lookups.release)

        await self._lookups.acquire()
        try:
            keys = in_daemon(self._engine.keys, "dateline-keys")
        except RuntimeError:  # no further thread can be started
            self._lookups.release()
            raise
        keys.add_done_callback(ended)
        return await asyncio.wrap_future(keys)

    def _check(
        self, scope: AsgiScope, headers: Headers, keys: list[Key]
    ) -> tuple[Response | None, Decision | None]:
        """The refusal of a request, None if it may pass; and what its rate limit says."""
        path = scope["path"]
        presented = _presented(scope, path)
        key = find(keys, presented) if presented is not None else None
        if key is None:
            decision = self._rates.take(f"address {_network(scope)}", self._address_rate)
        else:
            decision = self._rates.take(f"key {key.name}", self._key_rate)
        if decision is not None and not decision.allowed:
            detail = f"too many requests: at most {decision.rate} a minute"
            wait = {"Retry-After": str(decision.reset)}
            return problem(429, detail, headers=wait), decision
        if key is None:
            if path == _SIGN_IN or path.startswith(_STATIC):
                return None, decision
            return _no_key(scope, headers, presented is not None), decision
        state = scope.setdefault("state", {})
        state["key_name"] = key.name
        # Read by the pages, which offer nothing that would be refused.
        state["may_write"] = key.allows("write")
        needed = needed_scope(scope["method"], path)
        if not key.allows(needed):
            detail = f"the key may {key.scope}; this needs one that may {needed}"
            return problem(403, detail), decision
        return None, decision


def _document(app: FastAPI) -> None:
    """Declare the key, and what the guard may answer, for every operation but the open ones."""
    document = app.openapi()
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes["key"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "made by 'dateline keys create NAME'; not needed while there is none",
    }
    described = {"401": "No key, or a wrong one", "403": "The key may not do this"}
    described |= {"421": "Another host name", "429": "Too many requests, or too many that wait"}
    schema = {"$ref": "#/components/schemas/Problem"}
    for path, methods in document["paths"].items():
        for operation in methods.values() if path not in OPEN else ():
            operation["security"] = [{"key": []}]
            for status, description in described.items():
                content = {"application/problem+json": {"schema": schema}}
                operation["responses"][status] = {"description": description, "content": content}


def needed_scope(method: str, path: str) -> Scope:
    """What a key must be allowed for a request."""
    if path.startswith(_ADMIN):
        return "admin"
    if method in ("GET", "HEAD", "OPTIONS") or (method == "POST" and path in _ASKING):
        return "read"
    return "write"


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, to itself only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _presented(scope: AsgiScope, path: str) -> bytes | None:
    """The key that a request shows, as its bytes. A cookie counts for the pages only."""
    given = dict(scope["headers"])
    kind, _, token = given.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"bearer":
        return bytes(token.strip())
    if b"x-api-key" in given:
        return bytes(given[b"x-api-key"])
    if b"cookie" in given and not path.startswith("/v1/"):
        value = cookie_parser(given[b"cookie"].decode("latin-1")).get(COOKIE)
        return None if value is None else value.encode("latin-1", "replace")
    return None


def _host_name(host: str) -> str:
    """Without the port, in small letters; "" for what is no host."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_local(scope: AsgiScope) -> bool:
    client = scope.get("client")
    return client is None or is_loopback(client[0])  # a Unix socket has no address


def _network(scope: AsgiScope) -> str:
    """The caller's address; of IPv6 the part that one customer of a provider is given."""
    client = scope.get("client")
    if client is None:
        return "local"
    try:
        address = ipaddress.ip_address(client[0])
    except ValueError:
        return "unknown"
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False).network_address)


def _no_key(scope: AsgiScope, headers: Headers, wrong: bool) -> Response:
    """401; a browser that asks for a page is led to where a key can be shown."""
    path = scope["path"]
    if scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        query = scope["query_string"].decode("latin-1")
        target = quote(path + (f"?{query}" if query else ""), safe="")
        return Response(status_code=303, headers={"Location": f"/login?next={target}"})
    detail = "the key is not known, or was revoked" if wrong else "a key is needed"
    refusal = _unauthorized(f"{detail}: send one as 'Authorization: Bearer ...'", wrong)
    if "hx-request" in headers:
        refusal.headers["HX-Redirect"] = "/login"
    return refusal


def _unauthorized(detail: str, wrong: bool = False) -> Response:
    error = ', error="invalid_token"' if wrong else ""
    return problem(401, detail, headers={"WWW-Authenticate": f'Bearer realm="dateline"{error}'})


def _misdirected(host: str) -> Response:
    return problem(
        421,
        "the service is not known under this name: use localhost, or list the name in "
        "DATELINE_ALLOWED_HOSTS",
    )


def _with_rate(send: Send, decision: Decision) -> Send:
    async def send_with_rate(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["RateLimit-Policy"] = f'"minute";q={decision.rate};w=60'
            headers["RateLimit"] = f'"minute";r={decision.remaining};t={decision.reset}'
        await send(message)

    return send_with_rate
