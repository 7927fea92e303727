"""How a reader shows a key in a browser: once, on a form, to have it kept in a cookie."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from api.questions import Engine
from api.security import COOKIE
from api.web.pages import PageRoute, render
from rag.keys import find

router = APIRouter(route_class=PageRoute)


@router.get("/login")
def login(next: str = "/") -> Response:
    """The form that takes a key."""
    return render("login.html.j2", target=local(next), wrong=False)


@router.post("/login")
def show_key(
    request: Request,
    engine: Engine,
    key: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=4000)] = "/",
) -> Response:
    """Keep the key, until the browser is closed, where no script reads it and no other site
    sends it; and go where the reader wanted to."""
    target, presented = local(next), key.strip()
    if find(engine.keys(), presented.encode()) is None:
        return render("login.html.j2", HTTPStatus.UNAUTHORIZED, target=target, wrong=True)
    response = RedirectResponse(target, HTTPStatus.SEE_OTHER)
    secure = request.url.scheme == "https"
    response.set_cookie(COOKIE, presented, httponly=True, samesite="strict", secure=secure)
    return response


@router.post("/logout")
def logout() -> Response:
    """Forget the key in this browser."""
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def local(target: str) -> str:
    """The address if it is one of ours, else the first page: no link leads through us elsewhere."""
    # Browsers read a backslash as a slash, and leave tabs and line ends out.
    ours = target.startswith("/") and not target.startswith("//") and target.isprintable()
    return target if ours and "\\" not in target else "/"
