"""The pages on which a question is asked, and what readers say of its answers."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response

from api import observe
from api.questions import Engine
from api.web import views
from api.web.pages import Models, PageRoute, is_htmx, parse_day, render
from api.web.suggestions import suggest
from rag.answers import timeline

_RECENT = 30
"""Articles that the questions to begin with are taken from."""

router = APIRouter(route_class=PageRoute)


@router.get("/")
def ask(
    request: Request,
    engine: Engine,
    models: Models,
    q: str = "",
    since: str = "",
    until: str = "",
    source: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """The question's box, and below it the answer to the question in the address."""
    sources = tuple(dict.fromkeys(name for name in source or [] if name.strip()))
    asked = views.Asked(q.strip(), parse_day(since), parse_day(until), sources)
    values: dict[str, object] = {"asked": asked, "reply": None}
    if asked.question:
        work = partial(
            engine.ask,
            asked.question,
            since=asked.since,
            until=asked.until,
            sources=asked.sources,
        )
        reply = models.submit(work, engine.top_k).result()
        observe.asked(reply)
        values |= {
            "reply": reply,
            "shown": views.shown(reply),
            "runners_up": views.runners_up(reply),
            "timeline": timeline(reply.answers) if reply.answered else [],
            "summary": views.summary(reply),
        }
    articles, _ = engine.counts()
    values["articles"] = articles
    if is_htmx(request):
        answer = render("answer.html.j2", **values)
        answer.headers["HX-Push-Url"] = asked.link if asked.question else "/"
        return answer
    return render(
        "ask.html.j2",
        **values,
        examples=[] if asked.question else suggest(engine.articles(_RECENT)),
        outlets=views.outlets(engine.sources(), asked.sources),
    )


@router.post("/feedback")
def judge(
    request: Request,
    engine: Engine,
    question: Annotated[str, Form(max_length=2000)],
    right: Annotated[bool, Form()],
    answer: Annotated[str, Form(max_length=2000)] = "",
    doc: Annotated[list[str] | None, Form(max_length=100)] = None,
) -> Response:
    """Keep a thumb up or down; without an answer it judges that there is none."""
    engine.judge(question, answer or None, right, doc or [])
    asked = views.Asked(question)
    name = "judged-part.html.j2" if is_htmx(request) else "judged.html.j2"
    return render(name, asked=asked, right=right)
