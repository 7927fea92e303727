"""Articles that carry markup, scripts, formulas and escape codes: to a reader they are words."""

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from lxml import html
from rich.console import Console
from runs import prediction, run

from api.app import create_app
from api.terminal import print_article, print_hits, print_reply
from eval.report import render
from rag.engine import Dateline
from rag.formats import read_articles
from rag.types import Article

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><iframe srcdoc='<script>alert(1)</script>'>",
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "JaVaScRiPt&colon;alert(1)",
    "data:text/html,<script>alert(1)</script>",
    '=HYPERLINK("http://evil.example","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "{{ 7 * 7 }}{% raw %}",
    "[link](javascript:alert(1))",
    "[bold red]markup of the terminal[/]",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\\x1b[2J",
    "\x9b31m\x07\x08",
    "\u202ereversed\u202c",
]
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters, which a terminal or the reader of a log obeys."""
MARKUP = ("script", "img", "iframe", "object", "link", "base", "form", "input")


def article_of(hostile: str) -> dict[str, str]:
    """The words in every field that an article has."""
    return {
        "id": "hostile",
        "title": f"Storm {hostile}",
        "source": f"Wire {hostile}",
        "byline": f"Ada {hostile}",
        "url": hostile,
        "text": f"The storm {hostile} came. The answer: Tuesday 3.5 is read {hostile}.",
    }


def test_over_http_they_are_json_and_stay_words(dateline: Dateline) -> None:
    with TestClient(create_app(dateline)) as client:
        for hostile in HOSTILE:
            client.post("/v1/articles", json=article_of(hostile)).raise_for_status()
            asked = client.post("/v1/ask", json={"question": f"When did the storm {hostile} come?"})
            stored = client.get("/v1/articles/hostile")
            others = [
                client.post("/v1/search", json={"query": f"storm {hostile}"}),
                client.get("/v1/articles"),
                client.get("/v1/articles/<script>"),
            ]
            for reply in (asked, stored, *others):
                kind = reply.headers["content-type"]
                assert re.fullmatch(r"application/(problem\+)?json", kind), kind
            (citation,) = asked.json()["answers"][0]["citations"]
            text = stored.json()["text"]
            assert text[citation["start"] : citation["end"]] == citation["quote"] == "Tuesday"
            assert not OBEYED.search(stored.json()["title"] + text)


def test_in_a_report_they_are_text() -> None:
    predictions = []
    for n, words in enumerate(HOSTILE):
        said = {"question": words, "prediction": words, "candidate": words, "kind": words}
        predictions += [
            prediction(f"missed {n}", 0.0, answers=[words], docs=[words], **said),
            prediction(f"failed {n}", 0.0, blame="error", error=words, latency_ms=None),
        ]
    named = {"gold": HOSTILE[1], "models": {"encoder": HOSTILE[2], "reader": HOSTILE[3]}}
    page = html.fromstring(render(run(*predictions, **named)))
    assert HOSTILE[0] in page.text_content()
    assert [node.tag for node in page.iter(*MARKUP) if node.get("class") != "filter"] == []
    for node in page.iter():
        assert not [name for name in node.attrib if name.lower().startswith("on")]
        assert node.get("href", "#").startswith("#")
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'")


def test_in_a_terminal_they_move_nothing(
    tmp_path: Path, dateline: Dateline, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [{**article_of(hostile), "id": f"{n}"} for n, hostile in enumerate(HOSTILE)]
    (tmp_path / "wire.jsonl").write_text("\n".join(map(json.dumps, lines)))
    articles = [found for found in read_articles([tmp_path]) if isinstance(found, Article)]
    assert len(articles) == len(HOSTILE)
    list(dateline.ingest(articles))
    console = Console(highlight=False)
    print_reply(dateline.ask("When did the storm come?"), console)
    print_hits(dateline.search("storm", 100), console)
    for found in articles:
        print_article(found, console)
    shown = capsys.readouterr().out
    assert "[bold red]markup of the terminal[/]" in shown
    assert not OBEYED.search(shown)
    print(f"row 22: {len(HOSTILE)} hostile texts are words over HTTP, in reports and terminals")
