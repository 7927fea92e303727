"""The pages of the collection: its articles, one of them, its stories, and adding to it."""

from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile
from fastapi.responses import RedirectResponse

from api.jobs import AllJobs, Runner
from api.questions import Engine, in_turn
from api.web import views
from api.web.pages import PageRoute, is_htmx, render
from rag.citations import find_quote
from rag.cleaning import canonical
from rag.engine import check_question
from rag.errors import ConflictError, InputError
from rag.fields import article_from_mapping
from rag.job_inputs import MAX_ARTICLES, count_articles, file_inputs
from rag.types import Article, Hit, Ingested, Passage, Skipped, Span, Story
from rag.wrapping import unwrapped

_PAGE = 50
_FOUND = 30
_FATES = 200

Page = Annotated[int, Query(ge=1, le=10**6)]

router = APIRouter(route_class=PageRoute)


async def _found(request: Request, engine: Engine, q: str = "") -> list[Hit]:
    """The passages in which the words are found, best first."""
    if not q.strip():
        return []
    query = check_question(q)
    return await in_turn(request, lambda: engine.search(query, _FOUND), passages=1)


@router.get("/articles")
def list_articles(
    engine: Engine,
    hits: Annotated[list[Hit], Depends(_found)],
    q: str = "",
    page: Page = 1,
) -> Response:
    """The articles, newest first, or those in which words are found."""
    total, _ = engine.counts()
    found: dict[str, Hit] = {}
    for hit in hits:
        found.setdefault(hit.passage.article.id, hit)
    best = list(found.values())
    # After the last that holds a word of the query.
    far = next((n for n, hit in enumerate(reversed(best)) if hit.worded), len(best))
    listed = [] if q.strip() else engine.articles(_PAGE, (page - 1) * _PAGE)
    return render(
        "articles.html.j2",
        query=q.strip(),
        found=[hit.passage for hit in best[: len(best) - far]],
        far=[hit.passage for hit in best[len(best) - far :]],
        articles=listed,
        total=total,
        page=page,
        pages=-(-total // _PAGE),
    )


@router.get("/articles/{article_id:path}")
def show_article(
    engine: Engine,
    article_id: str,
    start: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
    end: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
) -> Response:
    """An article with the cited words marked, and the other tellings of its story beside it."""
    article = engine.article(article_id)
    quoted = None if start is None or end is None else (start, end)
    there = quoted is not None and quoted[0] < quoted[1] <= len(article.text)
    story = engine.story(article_id)
    return render(
        "article.html.j2",
        article=article,
        paragraphs=views.paragraphs(article, quoted if there else None),
        misplaced=quoted is not None and not there,
        others=_others(story, article, quoted if there else None),
    )


def _others(
    story: Story, article: Article, quoted: tuple[int, int] | None
) -> list[tuple[Article, str, tuple[int, int] | None]]:
    """The other tellings: each with what it is, and where it has the quoted words."""
    span = quoted and Span(Passage(article, *quoted), *quoted, score=0.0, relevance=0.0)
    return [
        (told.article, told.relation, find_quote(span, told.article) if span else None)
        for told in story.tellings
        if told.article.id != article.id
    ]


@router.get("/stories")
def list_stories(engine: Engine, page: Page = 1) -> Response:
    """What several articles tell."""
    total = engine.count_stories()
    return render(
        "stories.html.j2",
        stories=engine.stories(_PAGE, (page - 1) * _PAGE),
        total=total,
        page=page,
        pages=-(-total // _PAGE),
    )


@router.get("/add")
def add() -> Response:
    """The forms by which articles come in."""
    return render("add.html.j2")


@router.post("/add/files")
def add_files(
    jobs: AllJobs, runner: Runner, files: Annotated[list[UploadFile] | None, File()] = None
) -> Response:
    """Add uploaded files as a job; the next page shows how far it is."""
    given = [(file.filename, file.file.read()) for file in files or [] if file.filename]
    if not given:
        raise InputError("no file was chosen: choose one or more, then add them")
    inputs = file_inputs(given)
    job = jobs.submit(inputs, count_articles(inputs))
    runner.wake()
    return RedirectResponse(f"/add/{job.id}", HTTPStatus.SEE_OTHER)


@router.post("/add/text")
def add_text(
    engine: Engine,
    text: Annotated[str, Form()] = "",
    title: Annotated[str, Form()] = "",
    source: Annotated[str, Form()] = "",
    published: Annotated[str, Form()] = "",
    url: Annotated[str, Form()] = "",
) -> Response:
    """Add one article as it was pasted, and show it."""
    fields = {"title": title, "source": source, "published": published, "url": url}
    fields["text"] = unwrapped(canonical(text))
    article = article_from_mapping({k: v for k, v in fields.items() if k == "text" or v.strip()})
    for fate in engine.ingest([article]):
        assert not isinstance(fate, Skipped)
    return RedirectResponse(views.article_url(article.id), HTTPStatus.SEE_OTHER)


@router.get("/add/{job_id}")
def show_job(request: Request, jobs: AllJobs, job_id: str) -> Response:
    """How far a job is: what was done last, and all of it at the end."""
    job = jobs.get(job_id)
    first = 0 if job.finished else max(0, job.processed - _FATES)
    job, fates = jobs.fates(job_id, MAX_ARTICLES, first)
    part = is_htmx(request)
    return render(
        "job-part.html.j2" if part else "job.html.j2",
        part=part,
        job=job,
        stored=[fate for fate in fates if isinstance(fate, Ingested)][-_FATES:],
        skipped=[fate for fate in fates if isinstance(fate, Skipped)][-_FATES:],
    )


@router.post("/add/{job_id}/cancel")
def cancel_job(jobs: AllJobs, job_id: str) -> Response:
    """End a job early; what it has added stays."""
    with suppress(ConflictError):  # it has ended meanwhile, as its page says
        jobs.cancel(job_id)
    return RedirectResponse(f"/add/{job_id}", HTTPStatus.SEE_OTHER)


@router.post("/delete")
def delete(engine: Engine, article: Annotated[str, Form()]) -> Response:
    """Delete an article, as its page asked to confirm."""
    engine.delete(article)
    return RedirectResponse("/articles", HTTPStatus.SEE_OTHER)
