"""The page: what it says, that articles are never markup, and that only it can post."""

import hashlib
import html
import re
import time
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from conftest import article
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from api.app import create_app
from api.web.pages import HEADERS
from api.web.suggestions import suggest
from api.web.views import age, certainty, outlets, paragraphs, web_address
from rag.engine import Dateline
from rag.feedback import Judgement
from rag.jobs import Jobs

OURS = {"Origin": "http://testserver"}
STATIC = Path(__file__).parent.parent / "api" / "web" / "static"

STORM = (
    "The storm reached Portmore at night. Of the storm the answer: Tuesday 3.5 is read.\n\n"
    "Nobody was hurt."
)
HOSTILE = "<script>alert(1)</script> {{ 7 * 7 }} the storm <b>answer: <i>x</i> 3.0 \"onload='"


@pytest.fixture
def client(dateline: Dateline) -> Iterator[TestClient]:
    with TestClient(create_app(dateline)) as opened:
        yield opened


@pytest.fixture
def filled(client: TestClient, dateline: Dateline) -> TestClient:
    """A storm of two outlets, one of them a reprint, and a vote."""
    add(
        dateline,
        article(STORM, "wire/1", title="Storm", source="Wire", published=date(2024, 3, 6)),
        article(STORM, "copy", title="Storm hits", source="Post", published=date(2024, 3, 7)),
        article("The vote's answer: Monday 0.5 it was.", "vote", source="Ledger"),
    )
    return client


def add(dateline: Dateline, *articles: object) -> None:
    list(dateline.ingest(articles))  # type: ignore[arg-type]


class Elements(HTMLParser):
    """Every element of a page, as (tag, attributes)."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def elements(response: httpx2.Response, tag: str) -> list[dict[str, str | None]]:
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return [attributes for name, attributes in Elements(response.text).found if name == tag]


def links(response: httpx2.Response) -> list[str]:
    return [link["href"] or "" for link in elements(response, "a")]


def words(response: httpx2.Response) -> str:
    """The text of a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", response.text)).split())


# --- asking


def test_an_answer_tells_its_confidence_day_sources_and_where_it_stands(filled: TestClient) -> None:
    page = filled.get("/", params={"q": "When did the storm come?"})
    said = words(page)
    assert "Tuesday" in said
    assert "12 March 2024" in said  # what "is read" on Tuesday is yet to come on 6 March
    assert "nearly certain 97%" in said
    assert "1 source" in said
    assert "Of the storm the answer: Tuesday 3.5 is read." in said
    assert re.search(r"Wire 6 March 2024 \d+ years? ago", said)
    assert "Also printed in Post" in said
    assert "<mark>Tuesday</mark>" in page.text


def test_a_citation_leads_to_its_very_words(filled: TestClient, dateline: Dateline) -> None:
    page = filled.get("/", params={"q": "When did the storm come?"})
    (link,) = {link for link in links(page) if link.startswith("/articles/wire%2F1?")}
    offsets = {name: int(value) for name, (value,) in parse_qs(urlsplit(link).query).items()}
    assert dateline.article("wire/1").text[offsets["start"] : offsets["end"]] == "Tuesday"
    assert urlsplit(link).fragment == "quote"
    shown = filled.get(link)
    assert '<mark id="quote">Tuesday</mark>' in shown.text
    assert '<span class="sentence">Of the storm the answer: </span>' in shown.text
    assert f"/articles/copy?start={offsets['start']}&end={offsets['end']}#quote" in links(shown)


def test_what_is_not_sure_is_not_an_answer(client: TestClient, dateline: Dateline) -> None:
    add(dateline, article("Of the match the answer: Ferris -2.0 is near."))
    said = words(client.get("/", params={"q": "Who won the match?"}))
    assert "I don’t know." in said
    assert "doubtful 12%" in said
    assert "Of the match the answer: Ferris -2.0 is near." in said


def test_an_abstention_says_which_name_was_found_nowhere(
    client: TestClient, dateline: Dateline
) -> None:
    add(dateline, article("Of the match the answer: Ferris -2.0 is near."))
    said = words(client.get("/", params={"q": "Who won the match in Norway?"}))
    assert "No article that was found mentions Norway." in said


def test_an_empty_collection_says_what_to_do(client: TestClient) -> None:
    for page in (client.get("/"), client.get("/", params={"q": "Who?"})):
        assert "There are no articles yet. Add some" in words(page)
        assert "/add" in links(page)


def test_rivals_stand_side_by_side_with_a_line_over_time(
    client: TestClient, dateline: Dateline
) -> None:
    add(
        dateline,
        article("The storm killed answer: 11 3.0 people.", "a", published=date(2024, 3, 4)),
        article("The storm has killed answer: 12 2.5 people.", "b", published=date(2024, 3, 8)),
    )
    page = client.get("/", params={"q": "How many did the storm kill?"})
    said = words(page)
    assert "Sources disagree 4 March 2024 11 8 March 2024 12 The newest first. 12" in said
    assert page.text.count('class="answer rival"') == 2


def test_filters_restrict_and_stay_in_the_form_and_the_link(filled: TestClient) -> None:
    asked = {"q": "When?", "since": "2024-03-07", "until": "", "source": ["Post", ""]}
    page = filled.get("/", params=asked)
    assert "/?q=When%3F&since=2024-03-07&source=Post" in links(page)
    assert not [link for link in links(page) if "wire" in link]
    inputs = elements(page, "input")
    assert {"name": "source", "value": "Post"}.items() <= next(
        i for i in inputs if "checked" in i
    ).items()
    assert next(i for i in inputs if i.get("name") == "since")["value"] == "2024-03-07"
    # Gold has no filters: under some, an answer may be right that is wrong without them.
    assert "Is that right?" not in words(page)


@pytest.mark.parametrize("day", ["yesterday", "2024-13-01", "<b>"])
def test_a_day_that_is_none_is_told_on_a_page(filled: TestClient, day: str) -> None:
    page = filled.get("/", params={"q": "When?", "since": day})
    assert page.status_code == 422
    assert "is no day: expected one such as 2024-03-05" in words(page)
    assert "<b>" not in page.text


def test_to_the_script_only_the_answer_is_sent(filled: TestClient) -> None:
    asked = {"q": "When did the storm come?", "until": ""}
    part = filled.get("/", params=asked, headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert part.headers["HX-Push-Url"] == "/?q=When+did+the+storm+come%3F"
    assert "Tuesday: nearly certain, 97%, 1 independent source." in part.text
    again = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    assert "<html" in filled.get("/", params=asked, headers=again).text
    assert part.headers["vary"] == "HX-Request"


def test_questions_to_begin_with_come_from_the_articles(
    client: TestClient, dateline: Dateline
) -> None:
    assert "To begin with" not in words(client.get("/"))
    add(dateline, article("“It sank,” said Ada Brook, a sailor of the <b>storm</b>."))
    page = client.get("/")
    assert "/?q=Who+is+Ada+Brook%3F" in [link.replace("%20", "+") for link in links(page)]


def test_suggestions_take_turns_and_each_is_there_once() -> None:
    told = article("“No,” said Ada Brook, a sailor. Later “yes,” Bo Crane said.")
    assert suggest([told, told]) == ["Who is Ada Brook?", "What did Ada Brook say?"]
    assert suggest([article("“Yes,” Bo Crane said.")]) == ["What did Bo Crane say?"]
    assert suggest([article("Nobody said anything.")]) == []
    assert len(suggest([article(f"“No,” said Ada B{'o' * i}k, a man.") for i in range(9)])) == 4


# --- articles are text, never markup


def test_hostile_articles_are_inert_on_every_page(client: TestClient, dateline: Dateline) -> None:
    hostile = article(
        HOSTILE,
        '"><img src=x onerror=alert(1)>',
        title="<script>alert(2)</script>",
        source="'\"><svg onload=alert(3)>",
        byline="<iframe src=//x>",
        url="javascript:alert(4)",
        removed=("<object>",),
    )
    add(dateline, hostile, article(HOSTILE, "copy", title="</title><script>", source="<style>"))
    pages = [
        client.get("/", params={"q": "<script>the storm</script>"}),
        client.get("/articles"),
        client.get("/articles", params={"q": "<script>storm"}),
        client.get("/stories"),
        client.get("/articles/%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E?start=0&end=9"),
    ]
    for page in pages:
        assert page.status_code == 200
        found = Elements(page.text).found
        scripts = [attributes["src"] for tag, attributes in found if tag == "script"]
        assert len(scripts) == 2
        assert all(source is not None and source.startswith("/static/") for source in scripts)
        assert not {tag for tag, _ in found} & {"img", "iframe", "object", "style", "i"}
        assert not [name for _, attributes in found for name in attributes if name[:2] == "on"]
        assert not [link for link in links(page) if link.startswith("javascript")]
        assert " 49 " not in page.text
    assert "javascript:alert(4)" not in pages[-1].text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/a", True),
        ("HTTP://example.org", True),
        ("javascript:alert(1)", False),
        (" javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("//example.org", False),
        ("http://[", False),
        (None, False),
    ],
)
def test_only_web_addresses_become_links(url: str | None, shown: bool) -> None:
    assert web_address(url) == (url if shown else None)


@given(st.text(alphabet="a.B \n\t۩é😀", max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_the_pieces_of_an_article_are_its_text(text: str, start: int, end: int) -> None:
    quoted = (start, end) if start < end <= len(text) else None
    shown = paragraphs(article(text), quoted)
    assert ["".join(p.text for p in line) for line in shown] == [
        line for line in text.split("\n") if line.strip()
    ]
    marked = "".join(p.text for line in shown for p in line if p.part == "quote")
    assert "".join(marked.split()) == "".join(text[slice(*quoted or (0, 0))].split())


# --- headers and posts


def test_every_page_has_the_policy_and_nothing_inline(filled: TestClient) -> None:
    for path in (
        "/",
        "/?q=When",
        "/articles",
        "/articles/vote",
        "/stories",
        "/add",
        "/articles/no",
    ):
        page = filled.get(path)
        assert {name: page.headers[name] for name in HEADERS} == HEADERS
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page.text)
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", page.text)
    assert "'unsafe" not in HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://testserver"}, 303),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, 303),
        ({}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "http://testserver.elsewhere.example"}, 403),
        ({"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://testserver", "Sec-Fetch-Site": "same-site"}, 403),
    ],
)
def test_only_our_own_forms_may_post(
    filled: TestClient, dateline: Dateline, headers: dict[str, str], status: int
) -> None:
    sent = filled.post("/delete", data={"article": "vote"}, headers=headers, follow_redirects=False)
    assert sent.status_code == status
    assert dateline.counts()[0] == (2 if status == 303 else 3)


def test_a_pasted_text_may_be_wrapped(client: TestClient, dateline: Dateline) -> None:
    wrapped = (
        "The storm reached the harbour of Portmore in the night\r\n"
        "and took the roofs of the houses, the mayor said early\r\non Tuesday."
    )
    client.post("/add/text", data={"text": wrapped, "title": "Storm"}, headers=OURS)
    (stored,) = dateline.articles()
    assert stored.text == wrapped.replace("\r\n", " ")


def test_every_post_of_the_page_asks_where_it_comes_from(filled: TestClient) -> None:
    for path in ("/delete", "/feedback", "/add/files", "/add/text"):
        assert filled.post(path).status_code == 403


def test_htmx_is_the_file_that_was_published() -> None:
    """npm's htmx.org 2.0.11, dist/htmx.min.js; Zero-Clause BSD."""
    content = (STATIC / "htmx-2.0.11.min.js").read_bytes()
    expected = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert hashlib.sha256(content).hexdigest() == expected
    assert (STATIC / "htmx-LICENSE.txt").read_text().startswith("Zero-Clause BSD")


def test_what_a_page_loads_is_there_and_may_be_kept_for_ever(client: TestClient) -> None:
    page = client.get("/")
    loaded = [s["src"] for s in elements(page, "script")]
    loaded += [link["href"] for link in elements(page, "link")]
    assert len(loaded) == 4
    for address in loaded:
        assert address is not None
        file = client.get(address)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        assert hashlib.sha256(file.content).hexdigest().startswith(address.partition("?v=")[2])
        # A page of another version, met while one is rolled out.
        for other in (address.partition("?")[0], f"{address}0"):
            assert client.get(other).headers["cache-control"] == "no-cache"
    assert client.get("/static/..%2Fpages.py").status_code == 404


def test_the_page_is_no_part_of_the_api(client: TestClient) -> None:
    paths = client.app.openapi()["paths"]  # type: ignore[attr-defined]
    assert all(p.startswith(("/v1/", "/healthz", "/readyz", "/metrics")) for p in paths)


# --- the collection


def test_an_article_is_pasted_shown_and_deleted(client: TestClient, dateline: Dateline) -> None:
    form = {"title": "Storm", "text": "It came.\r\n\r\nIt went.", "published": "2024-03-06"}
    shown = client.post("/add/text", data=form, headers=OURS)
    assert "Storm" in words(shown)
    (stored,) = dateline.articles()
    assert (stored.text, stored.published) == ("It came.\n\nIt went.", date(2024, 3, 6))
    listed = client.post("/delete", data={"article": stored.id}, headers=OURS)
    assert "0 articles" in words(listed)
    assert client.get(f"/articles/{stored.id}").status_code == 404


def test_what_cannot_be_added_is_told_on_a_page(client: TestClient) -> None:
    for form in ({"text": " "}, {"text": "It came.", "published": "soon"}):
        page = client.post("/add/text", data=form, headers=OURS)
        assert page.status_code == 422
        assert elements(page, "main")
    page = client.post("/add/files", headers=OURS)
    assert page.status_code == 422
    assert "No file was chosen" in words(page)
    page = client.post("/delete", data={"article": "gone"}, headers=OURS)
    assert page.status_code == 404


def upload(client: TestClient, *files: tuple[str, bytes]) -> httpx2.Response:
    """The last page of a job of files, once it has ended."""
    sent = [("files", file) for file in files]
    page = client.post("/add/files", files=sent, headers=OURS)
    assert page.status_code == 200, page.text
    for _ in range(200):
        part = client.get(page.url.path, headers={"HX-Request": "true"})
        if "hx-trigger" not in part.text:
            return part
        time.sleep(0.02)
    raise TimeoutError(part.text)


def test_files_are_added_with_what_became_of_each(client: TestClient, dateline: Dateline) -> None:
    lines = b'{"id": "x", "text": "One."}\n{"id": "y"}\n'
    page = upload(client, ("a.txt", b"It came."), ("b.jsonl", lines), ("c.xyz", b"?"))
    said = words(page)
    assert "2 added, 0 updated, 0 unchanged, 2 skipped." in said
    assert "c.xyz : unknown suffix '.xyz'" in said
    assert "/tmp" not in page.text
    assert {a.id for a in dateline.articles()} == {"a", "x"}


def test_a_file_of_a_known_name_replaces_what_the_earlier_one_held(
    client: TestClient, dateline: Dateline
) -> None:
    upload(client, ("a.txt", b"It came."))
    assert "1 unchanged" in words(upload(client, ("a.txt", b"It came.")))
    assert "1 updated" in words(upload(client, ("a.txt", b"It went.")))
    assert [a.text for a in dateline.articles()] == ["It went."]


def test_two_files_of_one_name_are_refused_together(client: TestClient) -> None:
    sent = [("files", ("a.txt", text)) for text in (b"It came.", b"It went.")]
    page = client.post("/add/files", files=sent, headers=OURS)
    assert page.status_code == 422
    assert "Two files named 'a.txt'" in words(page)


claim = Jobs.claim


@pytest.fixture
def no_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job is ever begun; to be asked for before the service that would begin it."""
    monkeypatch.setattr(Jobs, "claim", lambda *_: None)


def test_files_that_wait_for_others_say_so(
    dateline: Dateline, no_runner: None, client: TestClient
) -> None:
    page = client.post("/add/files", files=[("files", ("a.txt", b"It came."))], headers=OURS)
    assert "Waiting for its turn. 0 of about 1" in words(page)
    dateline.jobs.cancel(page.url.path.removeprefix("/add/"))
    assert "It was cancelled" in words(client.get(page.url.path))


def test_a_job_is_cancelled_from_its_page(no_runner: None, client: TestClient) -> None:
    page = client.post("/add/files", files=[("files", ("a.txt", b"It came."))], headers=OURS)
    address = f"{page.url.path}/cancel"
    assert f'action="{address}"' in page.text
    assert client.post(address).status_code == 403  # another site's form
    cancelled = client.post(address, headers=OURS)
    assert "It was cancelled" in words(cancelled)
    assert "/cancel" not in cancelled.text


def test_a_job_that_is_being_cancelled_says_so(
    dateline: Dateline, no_runner: None, client: TestClient
) -> None:
    page = client.post("/add/files", files=[("files", ("a.txt", b"It came."))], headers=OURS)
    assert claim(dateline.jobs, "here", 60) is not None  # it runs
    cancelling = client.post(f"{page.url.path}/cancel", headers=OURS)
    assert "Cancelling: it ends with the articles at hand" in words(cancelling)
    assert "/cancel" not in cancelling.text
    assert "Cancelling" in words(client.get(page.url.path, headers={"HX-Request": "true"}))


def test_a_job_s_last_part_brings_the_page_s_title(client: TestClient) -> None:
    part = upload(client, ("a.txt", b"It came."))
    assert part.text.startswith("<title>Added – Dateline</title>")
    assert client.get(part.url.path).text.count("<title>") == 1


def test_an_address_that_is_none_has_a_page_where_a_browser_asks(client: TestClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = client.get("/nothing", headers=browser)
    assert page.status_code == 404
    assert "There is no such page." in words(page)
    assert {name: page.headers[name] for name in HEADERS} == {
        **HEADERS,
        "Vary": "Accept, HX-Request",
    }
    for path, accept in (("/nothing", {}), ("/v1/nothing", browser)):
        assert client.get(path, headers=accept).json()["status"] == 404


def test_an_unknown_job_is_not_found(client: TestClient) -> None:
    page = client.get("/add/none")
    assert page.status_code == 404
    assert "Not found No job 'none'. Ask a question" in words(page)


def test_articles_are_listed_by_pages_and_found_by_words(
    client: TestClient, dateline: Dateline
) -> None:
    add(dateline, *(article(f"Text {i}.", f"n{i:02}", title=f"Title {i}") for i in range(60)))
    first = client.get("/articles")
    assert "Page 1 of 2" in words(first)
    assert len([link for link in links(first) if link.startswith("/articles/n")]) == 50
    second = client.get("/articles?page=2")
    assert len([link for link in links(second) if link.startswith("/articles/n")]) == 10
    assert client.get("/articles?page=0").status_code == 422
    add(dateline, article("The storm came.", "storm"))
    found = client.get("/articles", params={"q": "storm"})
    assert links(found).index("/articles/storm?start=0&end=15#quote") > 0


def test_articles_without_the_words_are_told_apart_from_those_that_are_found(
    filled: TestClient,
) -> None:
    page = words(filled.get("/articles", params={"q": "vote"}))
    found, far = page.split("Without these words, near in meaning at most")
    assert "1 article found, the best first." in found
    assert "The vote" in found
    assert "storm" in far
    nothing = words(filled.get("/articles", params={"q": "zeppelin"}))
    assert "No article holds these words." in nothing
    assert "found" not in nothing


def test_an_article_found_twice_stands_where_it_is_best(
    client: TestClient, dateline: Dateline
) -> None:
    long = article("The flood rose, a flood of floods. " * 9 + "Nobody ate bread. " * 60, "long")
    add(dateline, long, article("A flood of letters came in.", "short"), article("Calm.", "calm"))
    page = client.get("/articles", params={"q": "flood"}).text
    places = [page.index(f"/articles/{name}?") for name in ("long", "short", "calm")]
    assert places == sorted(places)
    assert places[1] < page.index("Without these words") < places[2]


def test_a_place_that_is_not_in_the_text_is_told(filled: TestClient) -> None:
    for place in ("start=5&end=99999", "start=9&end=3"):
        page = filled.get(f"/articles/vote?{place}")
        assert page.status_code == 200
        assert "The cited place is not in this text" in words(page)
        assert "<mark" not in page.text


def test_a_story_lists_its_tellings(filled: TestClient) -> None:
    page = filled.get("/stories")
    assert "1 story, the newest first." in words(page)
    assert {"/articles/wire%2F1", "/articles/copy"} <= set(links(page))


# --- feedback


def judge(client: TestClient, **form: object) -> httpx2.Response:
    return client.post("/feedback", data=form, headers=OURS)  # type: ignore[arg-type]


def test_a_thumb_is_kept_and_the_later_one_counts(filled: TestClient, dateline: Dateline) -> None:
    form = {"question": "When?", "answer": "Tuesday", "doc": ["wire/1", "copy", "gone"]}
    assert "Thank you" in words(judge(filled, right="false", **form))
    judge(filled, right="true", **form)
    assert dateline.judgements() == [Judgement("When?", "Tuesday", True, ("copy", "wire/1"))]
    dateline.delete("copy")
    assert dateline.judgements() == [Judgement("When?", "Tuesday", True, ("wire/1",))]
    dateline.delete("wire/1")
    assert dateline.judgements() == []


def test_that_nothing_answers_can_be_right_too(filled: TestClient, dateline: Dateline) -> None:
    judge(filled, question="Who won?", right="true")
    assert dateline.judgements() == [Judgement("Who won?", None, True)]


def test_an_answer_that_no_article_holds_is_not_kept(
    filled: TestClient, dateline: Dateline
) -> None:
    page = judge(filled, question="When?", answer="Nonsense", doc=["vote"], right="true")
    assert page.status_code == 422
    assert dateline.judgements() == []


def test_the_script_gets_a_part_for_a_thumb(filled: TestClient) -> None:
    sent = {"question": "Who won?", "right": "false"}
    part = filled.post("/feedback", data=sent, headers=OURS | {"HX-Request": "true"})
    assert words(part) == "Kept as wrong. Thank you."


# --- words


@pytest.mark.parametrize(
    ("published", "said"),
    [
        (date(2024, 3, 20), "today"),
        (date(2024, 3, 19), "yesterday"),
        (date(2024, 3, 7), "13 days ago"),
        (date(2024, 3, 6), "2 weeks ago"),
        (date(2024, 1, 20), "8 weeks ago"),
        (date(2024, 1, 19), "2 months ago"),
        (date(2023, 3, 20), "12 months ago"),
        (date(2022, 3, 20), "2 years ago"),
        (date(2024, 3, 21), "dated ahead of today"),
    ],
)
def test_age_is_told_as_one_would(published: date, said: str) -> None:
    assert age(published, date(2024, 3, 20)) == said


def test_certainty_has_a_word_for_every_probability() -> None:
    said = [certainty(p) for p in (1.0, 0.9, 0.75, 0.5, 0.3, 0.0)]
    assert said == ["nearly certain"] * 2 + ["very likely", "likely", "possible", "doubtful"]


def test_outlets_to_choose_from_hold_those_that_are_chosen() -> None:
    assert outlets({"a": 3, "b": 2, "c": 1}, ["z", "a"], limit=2) == ["a", "b", "z"]


def test_outlets_are_counted_whatever_their_case(filled: TestClient, dateline: Dateline) -> None:
    add(dateline, article("Other.", "d", source="WIRE"))
    assert list(dateline.sources().values()) == [2, 1, 1]
