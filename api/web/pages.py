"""What all pages have in common: templates, headers, errors as pages, and who may post."""

import hashlib
import mimetypes
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from datetime import date
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from api.security import COOKIE
from api.web import views
from rag.counted import counted, one_of
from rag.errors import DatelineError, InputError, NotFoundError

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser would post our own forms from the origin "null".
    "Referrer-Policy": "same-origin",
    # One address gives a page or, to htmx, a part of it.
    "Vary": "HX-Request",
    "Cache-Control": "private, no-cache",
}


_HEADINGS = {
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.MISDIRECTED_REQUEST: "Another name",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That did not work",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many at once",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not now",
    HTTPStatus.INSUFFICIENT_STORAGE: "The disk is full",
}
"""What a status is called for people, where its own phrase says little to them."""

_signed_in: ContextVar[bool] = ContextVar("signed_in", default=False)
"""Whether the browser keeps a key that it can be asked to forget."""
_may_write: ContextVar[bool] = ContextVar("may_write", default=True)
"""Whether the reader's key may change the collection; true where none is needed."""


@cache
def _static() -> Mapping[str, tuple[bytes, str]]:
    """Name -> (content, first digits of its SHA-256) of what the pages load."""
    folder = Path(__file__).parent / "static"
    contents = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {n: (c, hashlib.sha256(c).hexdigest()[:12]) for n, c in contents.items()}


def static_url(name: str) -> str:
    """The address of a file of `static`; another content has another address."""
    return f"/static/{name}?v={_static()[name][1]}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("api.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        age=views.age,
        certainty=views.certainty,
        counted=counted,
        day=views.day,
        meant=views.meant,
        one_of=one_of,
        percent=views.percent,
        quotation=views.quotation,
        web_address=views.web_address,
    )
    environment.globals.update(
        article_url=views.article_url,
        may_write=_may_write.get,
        signed_in=_signed_in.get,
        static_url=static_url,
        today=date.today,
    )
    return environment


_templates = _environment()


def render(template: str, status: int = HTTPStatus.OK, /, **values: object) -> HTMLResponse:
    """A page, or a part of one."""
    return HTMLResponse(_templates.get_template(template).render(values), status)


def is_htmx(request: Request) -> bool:
    """Whether a part of the page is asked for, by the script in it."""
    wanted = request.headers.get("HX-Request") == "true"
    return wanted and request.headers.get("HX-History-Restore-Request") != "true"


def from_this_site(request: Request) -> bool:
    """Whether a page of this very address posts: no other site may write in a reader's name."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("Origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("Host")


class PageRoute(APIRoute):
    """A route whose response is for people: with our headers, and its errors as pages.

    It is the one place that every request of the page passes: what a reader must show to be let
    in (a session's cookie, say) belongs beside the check of where a form comes from.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handle(request: Request) -> Response:
            _know(request)
            try:
                if request.method == "POST" and not from_this_site(request):
                    raise HTTPException(
                        HTTPStatus.FORBIDDEN, "this form was sent from another site"
                    )
                response = await answer(request)
            except (DatelineError, HTTPException, RequestValidationError) as error:
                response = await _error_page(request, error)
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
            return response

        return handle


async def _error_page(request: Request, error: Exception) -> Response:
    """The page for what the service would say as JSON: its status and headers, in our words."""
    handlers = request.app.exception_handlers
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    said: Response = await handler(request, error)
    if isinstance(error, HTTPException):
        detail = str(error.detail)
    elif isinstance(error, RequestValidationError):
        detail = "the form was not filled in as expected"
    elif isinstance(error, NotFoundError):
        # The mend that it names is a command, or an address of the API.
        detail = str(error).rpartition(": ")[0]
    else:
        detail = str(error)
    return _page_of(said, detail, "error-part.html.j2" if is_htmx(request) else "error.html.j2")


def no_such_page(request: Request, said: Response) -> Response:
    """For an address that is none: a page where a browser asks, else what the service says."""
    return page_for_browser(request, said, "there is no such page")


def page_for_browser(request: Request, said: Response, detail: str) -> Response:
    """What was said before any route of ours was asked: a page where a browser asks."""
    of_programs = request.url.path.startswith("/v1/")
    asks = "text/html" in request.headers.get("accept", "") or is_htmx(request)
    if of_programs or not asks:
        said.headers["Vary"] = "Accept"
        return said
    _know(request)
    page = _page_of(said, detail, "error-part.html.j2" if is_htmx(request) else "error.html.j2")
    page.headers.update({**HEADERS, "Vary": "Accept, HX-Request"})
    return page


def _know(request: Request) -> None:
    """Keep what the templates ask about the reader."""
    _signed_in.set(COOKIE in request.cookies)
    _may_write.set(getattr(request.state, "may_write", True))


def _page_of(said: Response, detail: str, template: str) -> Response:
    """A page instead of the response, with its status and headers."""
    status = HTTPStatus(said.status_code)
    title = _HEADINGS.get(status, status.phrase)
    page = render(template, said.status_code, title=title, detail=detail)
    own = {n: v for n, v in said.headers.items() if n not in ("content-length", "content-type")}
    page.headers.update(own)
    return page


def parse_day(text: str) -> date | None:
    """The day that a form's field names; None if it is empty. InputError otherwise."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InputError(f"'{text[:40]}' is no day: expected one such as 2024-03-05") from None


static_router = APIRouter(route_class=PageRoute)


@static_router.get("/static/{name}")
def static_file(name: str, v: str = "") -> Response:
    """A file that pages load; it never changes under the address that they give it.

    Under another it is not kept: while a new version is rolled out, its pages may meet a worker
    that still has the old file.
    """
    if name not in _static():
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file")
    content, version = _static()[name]
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    caching = "public, max-age=31536000, immutable" if v == version else "no-cache"
    return Response(content, media_type=kind, headers={"Cache-Control": caching})
