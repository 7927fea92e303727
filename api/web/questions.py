"""The pages on which a question is asked, and what readers say of its answers."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from api import observe
from api.questions import Engine, in_turn
from api.web import views
from api.web.pages import PageRoute, is_htmx, parse_day, render
from api.web.suggestions import suggest
from rag.answers import runners_up, shown, timeline
from rag.engine import check_question
from rag.types import Reply

_RECENT = 30
"""Articles that the questions to begin with are taken from."""

router = APIRouter(route_class=PageRoute)


async def _asked(
    q: str = "",
    since: str = "",
    until: str = "",
    source: Annotated[list[str] | None, Query()] = None,
) -> views.Asked:
    """The question in the address. InputError for a day that is none."""
    sources = tuple(dict.fromkeys(name for name in source or [] if name.strip()))
    return views.Asked(q.strip(), parse_day(since), parse_day(until), sources)


Asked = Annotated[views.Asked, Depends(_asked)]


async def _reply(request: Request, engine: Engine, asked: Asked) -> Reply | None:
    """What is answered, once the question has had its turn: no thread of the pages waits for it."""
    if not asked.question:
        return None
    question = check_question(asked.question)
    reply = await in_turn(
        request,
        lambda: engine.ask(question, since=asked.since, until=asked.until, sources=asked.sources),
        passages=engine.top_k,
    )
    observe.asked(reply)
    return reply


@router.get("/")
def ask(
    request: Request,
    engine: Engine,
    asked: Asked,
    reply: Annotated[Reply | None, Depends(_reply)],
) -> Response:
    """The question's box, and below it the answer to the question in the address."""
    values: dict[str, object] = {"asked": asked, "reply": reply}
    if reply is not None:
        values |= {
            "shown": shown(reply),
            "runners_up": runners_up(reply),
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
