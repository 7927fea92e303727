"""The page: what a reader sees in a browser. Its routes translate, as those of the API do."""

from fastapi import FastAPI

from api.web import articles, login, questions, reference
from api.web.pages import no_such_page, page_for_browser, static_router

__all__ = ["install", "no_such_page", "page_for_browser"]


def install(app: FastAPI) -> None:
    """Add the page to the service; it finds the collection in `app.state.engine`, the jobs' runner
    in `app.state.job_runner`."""
    for router in (
        questions.router,
        articles.router,
        login.router,
        reference.router,
        static_router,
    ):
        app.include_router(router, include_in_schema=False)
