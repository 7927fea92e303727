"""Texts of any script and of any intent: cited exactly, and never anything but text."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from conftest import FakeEncoder, FakeReader
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store

JSON = "application/json"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("text")
    store = Store.create(folder, FakeEncoder.name)
    index = EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
    with TestClient(create_app(Dateline(store, index, FakeEncoder(), FakeReader))) as opened:
        yield opened


SCRIPTS = st.text(
    st.sampled_from(
        "שלוםمرحباעבرא‏‎‮⁦⁩"  # right to left, and the marks that turn it round
        "😀👩‍👩‍👧‍👦🏳️‍🌈🇬🇧👍🏽"
        "éé̈ạ̀Å한글ᄒ"  # combining marks, and what NFC makes one of
        "ﬁßİıſ中文日本\u00a0\u3000x."
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60)
@given(before=SCRIPTS, word=SCRIPTS, after=SCRIPTS)
def test_a_quote_is_the_slice_of_its_article_in_every_script(
    client: TestClient, before: str, word: str, after: str
) -> None:
    # No letter of the question: what only repeats it is no answer.
    word = "q" + "".join(word.split()) + "q"
    text = f"{before} the storm answer: {word} 3.5 {after}"
    added = client.post("/v1/articles", json={"id": "a", "text": text})
    assert added.status_code == 200
    reply = client.post("/v1/ask", json={"question": f"storm {after}?"})
    assert reply.status_code == 200
    stored = client.get("/v1/articles/a").json()["text"]
    citations = [c for answer in reply.json()["answers"] for c in answer["citations"]]
    assert citations
    for cited in citations:
        assert stored[cited["start"] : cited["end"]] == cited["quote"]
    kept = ("article_id", "quote", "start", "end", "sha256")
    asked = [{name: cited[name] for name in kept} for cited in citations]
    assert client.post("/v1/verify", json=asked).json()["valid"] is True


@pytest.mark.parametrize("question", ["", " \n\t ", "storm " * 170_000, "\u3000\u00a0"])
def test_an_empty_or_huge_question_is_refused(client: TestClient, question: str) -> None:
    response = client.post("/v1/ask", json={"question": question})
    assert response.status_code == 422
    assert len(response.content) < 1000  # what was sent is not sent back


MARK = "inputthatisnotechoed"
TOO_MUCH = {
    "a wrong type": {"question": {MARK: MARK}},
    "an unknown value": {"question": "a", "top_k": MARK},
    "a wrong day": {"question": "a", "since": MARK},
    "a wrong list": {"question": "a", "sources": {"x": MARK}},
    "NUL": {"question": f"{MARK}\0"},
}


@pytest.mark.parametrize("asked", TOO_MUCH.values(), ids=TOO_MUCH.keys())
def test_a_refusal_does_not_say_back_what_was_sent(
    client: TestClient, asked: dict[str, object]
) -> None:
    response = client.post("/v1/ask", json=asked)
    assert (response.status_code, response.headers["content-type"]) == (
        422,
        "application/problem+json",
    )
    assert MARK not in response.text


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</title></textarea></script><script>alert(1)</script>",
    "\"><iframe srcdoc='<script>alert(1)</script>'>",
    "' autofocus onfocus=alert(1) x='",
    "{{ 7131 * 6173 }} {% raw %} ${7131*6173} <%= 7131*6173 %>",
    "<!--<script>-->",
    "<a href=javascript:alert(1)>x</a>",
    "<style>*{background:url(//evil.example)}</style>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    '=HYPERLINK("http://evil.example","x")',
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "\u202egnp.exe",
]
URLS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "data:text/html,<script>",
]


class Active(HTMLParser):
    """What in a page could do something that the page's own templates do not."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = dict(attributes)
        if tag == "script" and not str(names.get("src", "")).startswith("/static/"):
            self.found.append("script")
        if tag in ("iframe", "base", "style", "object", "embed", "img"):
            self.found.append(tag)
        if tag == "meta" and "http-equiv" in names:
            self.found.append("meta refresh")
        for name, value in attributes:
            if name.startswith("on"):
                self.found.append(name)
            target = (value or "").strip().lower()
            if name in ("href", "src", "action") and not target.startswith(
                ("/", "#", "http://", "https://")
            ):
                self.found.append(f"{name}={target}")


def active(page: str) -> list[str]:
    parser = Active()
    parser.feed(page)
    return parser.found


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_article_is_text_on_every_page_and_in_json(
    client: TestClient, hostile: str
) -> None:
    for n, url in enumerate(URLS):
        fields = {"id": f"bad/{n}", "title": hostile, "source": hostile, "byline": hostile}
        text = f"The storm {hostile} answer: <b>x</b> 3.5 {hostile} came by night."
        added = client.post("/v1/articles", json={**fields, "url": url, "text": text})
        assert added.status_code == 200
    pages = ["/", f"/?q={quote('storm ' + hostile)}", "/articles", f"/articles?q={quote(hostile)}"]
    pages += ["/stories", "/articles/bad/0", f"/articles/{quote(hostile, safe='')}"]
    for page in pages:
        response = client.get(page)
        assert response.status_code in (200, 404, 422)
        assert active(response.text) == [], page
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        assert "44019663" not in response.text
    reply = client.post("/v1/ask", json={"question": "When did the storm come?"})
    assert reply.headers["content-type"] == JSON
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert json.loads(reply.text)["answers"]
    print(f"row 22: {len(pages)} pages and the JSON of {hostile!a}: inert")


def test_the_check_of_pages_finds_what_it_looks_for() -> None:
    for hostile in HOSTILE[:5]:
        assert active(hostile)
    assert active("<a href=' JavaScript:x'>")
