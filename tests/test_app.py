"""The HTTP service: what each route does, and that no request brings it down."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from conftest import FakeEncoder, FakeReader
from fastapi.testclient import TestClient

from api.app import create_app
from api.limits import MAX_BODY_BYTES
from api.schemas import MOST_CITATIONS
from rag.engine import Dateline
from rag.errors import ModelError
from rag.index import EmbeddedIndex
from rag.store import Store
from rag.types import text_hash

JSON = {"content-type": "application/json"}

STORM = {
    "id": "storm",
    "title": "Storm reaches Portmore",
    "published": "2024-03-06",
    "source": "Harbour Wire",
    "text": "The storm reached Portmore at night. Of the storm the answer: Tuesday 3.5 is read.",
}
VOTE = {
    "id": "vote",
    "title": "Council votes",
    "published": "2024-05-01",
    "source": "Ledger",
    "text": "The council voted in the town hall. Of the vote the answer: Monday 2.5 is read.",
}
DOUBT = {"id": "doubt", "text": "Nobody knows who won the match, but answer: Ferris -2.0 is near."}


@pytest.fixture
def client(dateline: Dateline) -> Iterator[TestClient]:
    """The service over an empty collection with the fakes; a crash is a reply, as for users."""
    with TestClient(create_app(dateline), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def filled(client: TestClient) -> TestClient:
    """The service with the storm and the vote."""
    assert add(client, [STORM, VOTE])["added"] == 2
    return client


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The service with the storm and the vote, shared by the tests that must not change it."""
    folder = tmp_path_factory.mktemp("untouched")
    store = Store.create(folder, FakeEncoder.name)
    index = EmbeddedIndex(folder / "index", store, FakeEncoder.dimension)
    engine = Dateline(store, index, FakeEncoder(), FakeReader)
    with TestClient(create_app(engine), raise_server_exceptions=False) as opened:
        assert add(opened, [STORM, VOTE])["added"] == 2
        yield opened


def add(client: TestClient, articles: object) -> dict[str, Any]:
    response = client.post("/v1/articles", json=articles)
    assert response.status_code == 200, response.text
    result: dict[str, Any] = response.json()
    return result


def ask(client: TestClient, **asked: object) -> dict[str, Any]:
    response = client.post("/v1/ask", json={"question": "When did the storm come?", **asked})
    assert response.status_code == 200, response.text
    reply: dict[str, Any] = response.json()
    return reply


def path_of(article_id: str) -> str:
    return f"/v1/articles/{quote(article_id, safe='')}"


def assert_problem(response: httpx2.Response, status: int) -> dict[str, Any]:
    """RFC 9457: the media type, the members, and a status that is the response's own."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail"} <= problem.keys()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    return problem


# --- methods


@pytest.mark.parametrize("path", ["/healthz", "/v1/articles/storm", "/v1/jobs", "/", "/articles"])
def test_head_says_what_get_would_without_its_body(untouched: TestClient, path: str) -> None:
    got, headed = untouched.get(path), untouched.head(path)
    assert headed.status_code == got.status_code == 200
    assert headed.content == b""
    differs = {"x-request-id"}
    for name in got.headers.keys() - differs:
        assert headed.headers[name] == got.headers[name], name


def test_head_of_events_does_not_wait_for_them(client: TestClient) -> None:
    job = client.post("/v1/jobs", json=[STORM]).headers["location"]
    headed = client.head(f"{job}/events")
    assert headed.headers["content-type"].startswith("text/event-stream")
    assert headed.content == b""


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/articles/storm", "GET, HEAD, DELETE"),
        ("PUT", "/v1/articles", "GET, HEAD, POST"),
        ("HEAD", "/v1/ask", "POST"),
        ("GET", "/v1/ask", "POST"),
        ("PUT", "/login", "GET, HEAD, POST"),
        ("DELETE", "/v1/jobs", "GET, HEAD, POST"),
    ],
)
def test_a_method_that_is_none_of_a_path_is_told_which_are(
    untouched: TestClient, method: str, path: str, allowed: str
) -> None:
    response = untouched.request(method, path)
    assert response.status_code == 405
    assert response.headers["allow"] == allowed


# --- asking


def test_ask_gives_the_answer_with_a_citation_of_the_stored_text(untouched: TestClient) -> None:
    reply = ask(untouched)
    assert reply["answer"] == "Tuesday"
    assert [answer["text"] for answer in reply["answers"]] == ["Tuesday", "Monday"]
    (citation,) = reply["answers"][0]["citations"]
    stored = untouched.get(path_of(citation["article_id"])).json()
    assert citation["article_id"] == "storm"
    assert stored["text"][citation["start"] : citation["end"]] == citation["quote"] == "Tuesday"
    assert citation["sha256"] == stored["sha256"] == text_hash(stored["text"])
    assert reply["models"] == {"encoder": "fake-encoder", "reader": "fake-reader"}


def test_ask_abstains_with_null_and_shows_the_candidates(client: TestClient) -> None:
    add(client, DOUBT)
    reply = ask(client, question="Who won the match?")
    assert reply["answer"] is None
    assert [answer["text"] for answer in reply["answers"]] == ["Ferris"]
    assert reply["confidence"] == reply["answers"][0]["confidence"] < 0.5


def test_ask_of_an_empty_collection_is_no_error(client: TestClient) -> None:
    reply = ask(client)
    assert (reply["answer"], reply["confidence"], reply["answers"]) == (None, 0.0, [])


@pytest.mark.parametrize(
    ("restriction", "answers"),
    [
        ({"as_of": "2024-03-06"}, ["Tuesday"]),
        ({"until": "2024-04-30"}, ["Tuesday"]),
        ({"since": "2024-03-07"}, ["Monday"]),
        ({"since": "2024-03-06", "until": "2024-05-01"}, ["Tuesday", "Monday"]),
        ({"since": "2024-05-01", "until": "2024-03-06"}, []),
        ({"sources": ["ledger"]}, ["Monday"]),
        ({"sources": ["Ledger", "Harbour Wire"]}, ["Tuesday", "Monday"]),
        ({"sources": ["No Such Paper"]}, []),
        ({"top_k": 1}, ["Tuesday"]),
    ],
)
def test_ask_reads_only_the_evidence_it_may(
    untouched: TestClient, restriction: dict[str, object], answers: list[str]
) -> None:
    assert [answer["text"] for answer in ask(untouched, **restriction)["answers"]] == answers


def test_search_gives_passages_that_are_slices_of_their_articles(untouched: TestClient) -> None:
    response = untouched.post("/v1/search", json={"query": "storm", "limit": 1})
    (hit,) = response.json()["hits"]
    stored = untouched.get(path_of(hit["article_id"])).json()
    assert (hit["article_id"], hit["published"]) == ("storm", "2024-03-06")
    assert hit["text"] == stored["text"][hit["start"] : hit["end"]]
    assert response.json()["query"] == "storm"


# --- articles


def test_one_article_is_added_and_can_be_asked_at_once(client: TestClient) -> None:
    result = add(client, STORM)
    assert result["articles"] == [
        {"id": "storm", "status": "added", "language": None, "where": None, "reason": None}
    ]
    assert ask(client)["answer"] == "Tuesday"


@pytest.mark.parametrize(
    "bad",
    [
        {"id": "bad", "text": "  "},
        {"id": "bad", "text": 3},
        {"id": "bad"},
        {"id": "bad", "text": VOTE["text"], "published": "soon"},
        {"id": "", "text": VOTE["text"]},
        {"id": "x" * 201, "text": VOTE["text"]},
        {},
    ],
)
def test_a_bad_article_among_many_has_its_own_status(client: TestClient, bad: object) -> None:
    result = add(client, [STORM, bad, VOTE])
    counts = {key: result[key] for key in ("added", "updated", "unchanged", "skipped")}
    assert counts == {"added": 2, "updated": 0, "unchanged": 0, "skipped": 1}
    (skipped,) = [fate for fate in result["articles"] if fate["status"] == "skipped"]
    assert "1" in skipped["where"]
    assert skipped["reason"]
    assert client.get("/v1/articles").json()["total"] == 2


def test_a_lone_bad_article_is_refused(client: TestClient) -> None:
    problem = assert_problem(client.post("/v1/articles", json={"text": " "}), 422)
    assert "no article text" in problem["detail"]


def test_adding_the_same_article_again_changes_nothing(filled: TestClient) -> None:
    assert add(filled, STORM)["unchanged"] == 1
    assert add(filled, [STORM, VOTE])["unchanged"] == 2
    assert filled.get("/v1/articles").json()["total"] == 2


def test_a_known_id_is_replaced_in_the_text_and_in_the_answers(filled: TestClient) -> None:
    text = "It came late to Portmore. Of the storm the answer: Friday 4.5 is read."
    assert add(filled, {**STORM, "text": text})["updated"] == 1
    assert filled.get(path_of("storm")).json()["text"] == text
    assert [answer["text"] for answer in ask(filled)["answers"]] == ["Friday", "Monday"]


def test_an_article_without_id_is_known_by_its_url_or_its_text(client: TestClient) -> None:
    unnamed = {"text": STORM["text"]}
    linked = {**unnamed, "url": "https://wire.example/storm"}
    first, second = add(client, [unnamed, linked])["articles"]
    assert first["id"] != second["id"]
    assert [fate["status"] for fate in add(client, [unnamed, linked])["articles"]] == [
        "unchanged",
        "unchanged",
    ]
    changed = add(client, {**linked, "text": VOTE["text"]})["articles"]
    assert changed == [{**second, "status": "updated"}]


def test_no_articles_are_no_error(client: TestClient) -> None:
    assert add(client, [])["articles"] == []


def test_the_list_is_paged_newest_first_with_undated_articles_last(filled: TestClient) -> None:
    add(filled, DOUBT)
    pages = [
        filled.get("/v1/articles", params={"limit": 2, "offset": offset}).json()
        for offset in (0, 2, 4)
    ]
    assert [page["total"] for page in pages] == [3, 3, 3]
    assert [[article["id"] for article in page["articles"]] for page in pages] == [
        ["vote", "storm"],
        ["doubt"],
        [],
    ]


def test_an_article_comes_back_whole(untouched: TestClient) -> None:
    stored = untouched.get(path_of("storm")).json()
    assert stored == {
        **STORM,
        "published_from": "metadata",
        "byline": None,
        "url": None,
        "language": None,
        "sha256": text_hash(STORM["text"]),
        "removed": [],
    }


def test_a_deleted_article_is_gone_from_the_next_answer(filled: TestClient) -> None:
    response = filled.delete(path_of("storm"))
    assert (response.status_code, response.content) == (204, b"")
    assert [answer["text"] for answer in ask(filled)["answers"]] == ["Monday"]
    assert_problem(filled.get(path_of("storm")), 404)
    assert_problem(filled.delete(path_of("storm")), 404)
    assert filled.get("/v1/articles").json()["total"] == 1


@pytest.mark.parametrize(
    "article_id",
    ["2024/03/storm", "a//b", "/lead", "trail/", "a b", "žluťoučký/城市-🌊", "a?b#c&d=e", "x;y=z"],
)
def test_any_id_can_be_fetched_asked_about_and_deleted(client: TestClient, article_id: str) -> None:
    assert add(client, {**STORM, "id": article_id})["articles"][0]["id"] == article_id
    assert client.get(path_of(article_id)).json()["id"] == article_id
    assert ask(client)["answers"][0]["citations"][0]["article_id"] == article_id
    assert client.delete(path_of(article_id)).status_code == 204
    assert_problem(client.get(path_of(article_id)), 404)


# --- verifying


def test_the_citations_of_a_reply_hold_as_they_stand(untouched: TestClient) -> None:
    citations = [c for answer in ask(untouched)["answers"] for c in answer["citations"]]
    one = untouched.post("/v1/verify", json=citations[0]).json()
    many = untouched.post("/v1/verify", json=citations).json()
    assert one["valid"] is True
    assert [result["article_id"] for result in many["results"]] == ["storm", "vote"]
    assert many["valid"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "Wednesday"},
        {"start": 0},
        {"end": 2**31 - 1},
        {"sha256": text_hash("another text")},
        {"article_id": "another"},
    ],
)
def test_one_altered_citation_fails_by_itself(
    untouched: TestClient, change: dict[str, object]
) -> None:
    storm, vote = (answer["citations"][0] for answer in ask(untouched)["answers"])
    verdict = untouched.post("/v1/verify", json=[{**storm, **change}, vote]).json()
    assert verdict["valid"] is False
    assert [result["valid"] for result in verdict["results"]] == [False, True]


def test_a_citation_fails_once_the_article_has_another_text(filled: TestClient) -> None:
    citation = ask(filled)["answers"][0]["citations"][0]
    add(filled, {**STORM, "text": STORM["text"] + " A correction was added."})
    assert filled.post("/v1/verify", json=citation).json()["valid"] is False


def test_so_many_citations_are_checked_at_once_and_no_more(untouched: TestClient) -> None:
    citation = ask(untouched)["answers"][0]["citations"][0]
    assert untouched.post("/v1/verify", json=[citation] * MOST_CITATIONS).json()["valid"] is True
    response = untouched.post("/v1/verify", json=[citation] * (MOST_CITATIONS + 1))
    assert "1000 items" in assert_problem(response, 422)["detail"]


# --- stories

COPY = {**STORM, "id": "copy", "published": "2024-03-07", "source": "Post"}


def test_a_story_is_listed_with_what_its_articles_are_to_each_other(filled: TestClient) -> None:
    assert filled.get("/v1/stories").json() == {"total": 0, "stories": []}
    add(filled, COPY)
    listed = filled.get("/v1/stories").json()
    (story,) = listed["stories"]
    assert listed["total"] == 1
    assert story == {
        "title": "Storm reaches Portmore",
        "first_published": "2024-03-06",
        "last_published": "2024-03-07",
        "sources": ["Harbour Wire", "Post"],
        "articles": [
            {
                "article_id": "storm",
                "title": "Storm reaches Portmore",
                "published": "2024-03-06",
                "source": "Harbour Wire",
                "relation": "fullest",
            },
            {
                "article_id": "copy",
                "title": "Storm reaches Portmore",
                "published": "2024-03-07",
                "source": "Post",
                "relation": "reprint",
            },
        ],
    }
    assert filled.get("/v1/stories/copy").json() == story
    assert filled.get("/v1/stories", params={"offset": 1}).json() == {"total": 1, "stories": []}
    assert_problem(filled.get("/v1/stories", params={"limit": 0}), 422)


def test_an_article_that_nobody_repeats_is_a_story_of_its_own(untouched: TestClient) -> None:
    story = untouched.get("/v1/stories/vote").json()
    assert [a["article_id"] for a in story["articles"]] == ["vote"]
    assert_problem(untouched.get("/v1/stories/nobody"), 404)


def test_a_story_is_read_once_and_counts_once(filled: TestClient) -> None:
    add(filled, COPY)
    found = filled.post("/v1/search", json={"query": "storm"}).json()["hits"]
    assert [hit["article_id"] for hit in found] == ["storm", "vote"]
    best = ask(filled)["answers"][0]
    assert best["independent_sources"] == 1
    (citation,) = best["citations"]
    assert citation["article_id"] == "storm"
    assert [r["article_id"] for r in citation["reprints"]] == ["copy"]


# --- the service itself


def test_healthz_says_that_the_process_is_alive(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_readyz_names_the_models(untouched: TestClient) -> None:
    assert untouched.get("/readyz").json() == {
        "status": "ready",
        "models": {"encoder": "fake-encoder", "reader": "fake-reader"},
    }


class BrokenReader(FakeReader):
    def read(self, question: str, passages: object) -> Any:
        raise RuntimeError("the secret inside")


def test_a_crash_is_logged_and_says_nothing_about_the_inside(
    store: Store, index: EmbeddedIndex, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Dateline(store, index, FakeEncoder(), BrokenReader)
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:
        add(client, STORM)
        with caplog.at_level(logging.ERROR):
            problem = assert_problem(client.post("/v1/ask", json={"question": "When?"}), 500)
    assert "secret" not in json.dumps(problem)
    assert "the secret inside" in caplog.text


def test_a_model_that_cannot_be_had_is_503(store: Store, index: EmbeddedIndex) -> None:
    def no_reader() -> FakeReader:
        raise ModelError("no reader 'x': name a folder")

    engine = Dateline(store, index, FakeEncoder(), no_reader)
    with TestClient(create_app(engine)) as client:
        for response in (client.post("/v1/ask", json={"question": "?"}), client.get("/readyz")):
            assert int(response.headers["Retry-After"]) > 0
            assert assert_problem(response, 503)["detail"] == "no reader 'x': name a folder"
        assert client.get("/healthz").status_code == 200


# --- what is refused


def body(path: str, raw: str | bytes) -> tuple[str, str, bytes]:
    return "POST", path, raw.encode() if isinstance(raw, str) else raw


CITATION = '{"article_id": "storm", "quote": "T", "start": %s, "end": %s, "sha256": "x"}'
REFUSED = {
    "no question": (422, *body("/v1/ask", "{}")),
    "empty question": (422, *body("/v1/ask", '{"question": " \\n "}')),
    "question is null": (422, *body("/v1/ask", '{"question": null}')),
    "question is a number": (422, *body("/v1/ask", '{"question": 3}')),
    "question too long": (422, *body("/v1/ask", json.dumps({"question": "x" * 2001}))),
    "unknown field": (422, *body("/v1/ask", '{"question": "a", "topk": 3}')),
    "a list for a body": (422, *body("/v1/ask", "[]")),
    "no body": (422, *body("/v1/ask", b"")),
    "broken JSON": (422, *body("/v1/ask", '{"question": "a"')),
    "not JSON": (422, *body("/v1/ask", "question=a")),
    "not UTF-8": (400, *body("/v1/ask", b'{"question": "\xe9"}')),
    "top_k 0": (422, *body("/v1/ask", '{"question": "a", "top_k": 0}')),
    "top_k 101": (422, *body("/v1/ask", '{"question": "a", "top_k": 101}')),
    "top_k 2**63": (422, *body("/v1/ask", '{"question": "a", "top_k": 9223372036854775808}')),
    "top_k of 5000 digits": (
        400,
        *body("/v1/ask", '{"question": "a", "top_k": %s}' % ("9" * 5000)),
    ),
    "top_k NaN": (422, *body("/v1/ask", '{"question": "a", "top_k": NaN}')),
    "top_k Infinity": (422, *body("/v1/ask", '{"question": "a", "top_k": Infinity}')),
    "no such day": (422, *body("/v1/ask", '{"question": "a", "as_of": "2024-02-30"}')),
    "no day at all": (422, *body("/v1/ask", '{"question": "a", "since": "last week"}')),
    "sources no list": (422, *body("/v1/ask", '{"question": "a", "sources": "Ledger"}')),
    "deep question": (400, *body("/v1/ask", '{"question":' * 50_000 + "1" + "}" * 50_000)),
    "empty query": (422, *body("/v1/search", '{"query": ""}')),
    "limit 0 of search": (422, *body("/v1/search", '{"query": "a", "limit": 0}')),
    "deep articles": (400, *body("/v1/articles", "[" * 100_000 + "]" * 100_000)),
    "article null": (422, *body("/v1/articles", "null")),
    "article without text": (422, *body("/v1/articles", '{"id": "a"}')),
    "text NaN": (422, *body("/v1/articles", '{"text": NaN}')),
    "surrogate in the id": (422, *body("/v1/articles", '{"id": "\\ud800", "text": "A storm."}')),
    "NUL in a question": (422, *body("/v1/ask", '{"question": "a \\u0000 storm"}')),
    "NUL in a text": (422, *body("/v1/articles", '{"text": "A \\u0000 storm."}')),
    "surrogate in a text": (422, *body("/v1/articles", '{"text": "A storm \\ud800 came by."}')),
    "wrong date": (422, *body("/v1/articles", '{"text": "A storm.", "published": "soon"}')),
    "offset 2**63 of verify": (422, *body("/v1/verify", CITATION % (2**63, 2**63))),
    "offset -1 of verify": (422, *body("/v1/verify", CITATION % (-1, 1))),
    "offset NaN of verify": (422, *body("/v1/verify", CITATION % ("NaN", "NaN"))),
    "citation without quote": (422, *body("/v1/verify", '{"article_id": "storm"}')),
    "offset 2**63": (422, "GET", f"/v1/articles?offset={2**63}", b""),
    "offset -1": (422, "GET", "/v1/articles?offset=-1", b""),
    "limit 0": (422, "GET", "/v1/articles?limit=0", b""),
    "limit 501": (422, "GET", "/v1/articles?limit=501", b""),
    "unknown article": (404, "GET", "/v1/articles/nope", b""),
    "unknown article deleted": (404, "DELETE", "/v1/articles/nope", b""),
    "article of no name": (404, "GET", "/v1/articles/", b""),
    "article NUL": (404, "GET", "/v1/articles/%00", b""),
    "article not UTF-8": (404, "GET", "/v1/articles/%ff%ed%a0%80", b""),
    "unknown path": (404, "GET", "/v2/ask", b""),
    "GET of ask": (405, "GET", "/v1/ask", b""),
    "PUT of an article": (405, "PUT", "/v1/articles/storm", b"{}"),
    "DELETE of all articles": (405, "DELETE", "/v1/articles", b""),
}


@pytest.mark.parametrize(
    ("status", "method", "path", "content"), REFUSED.values(), ids=REFUSED.keys()
)
def test_what_cannot_be_done_is_a_problem(
    untouched: TestClient, status: int, method: str, path: str, content: bytes
) -> None:
    assert_problem(untouched.request(method, path, content=content, headers=JSON), status)
    assert untouched.get("/v1/articles").json()["total"] == 2


ODD = {
    "surrogate in a question": body("/v1/ask", '{"question": "a storm \\ud800"}'),
    "surrogate in a source": body("/v1/ask", '{"question": "a", "sources": ["\\ud800"]}'),
    "surrogate in a query": body("/v1/search", '{"query": "a storm \\udfff"}'),
    "surrogate in a title": body("/v1/articles", '{"title": "\\ud800", "text": "A storm."}'),
    "surrogate in a list": body("/v1/articles", '[{"text": "A storm \\ud800 came by."}]'),
    "surrogate in a citation": body("/v1/verify", (CITATION % (0, 1)).replace("storm", "\\ud800")),
    "surrogate in a quote": body("/v1/verify", (CITATION % (0, 1)).replace('"T"', '"\\ud800"')),
    "query syntax": body("/v1/search", '{"query": "storm AND (title:^ \\"vote~ [a TO *"}'),
    "only punctuation": body("/v1/ask", '{"question": "?!"}'),
    "NaN in a list of articles": body("/v1/articles", '[{"text": NaN}]'),
    "deep text in a list": body("/v1/articles", '[{"text": %s}]' % ("[" * 900 + "]" * 900)),
    "first day there is": body("/v1/ask", '{"question": "a", "since": "0001-01-01"}'),
    "last day there is": body("/v1/ask", '{"question": "a", "until": "9999-12-31"}'),
}


@pytest.mark.parametrize(("method", "path", "content"), ODD.values(), ids=ODD.keys())
def test_odd_input_is_answered_or_refused_and_never_a_crash(
    filled: TestClient, method: str, path: str, content: bytes
) -> None:
    response = filled.request(method, path, content=content, headers=JSON)
    if response.status_code == 200:
        assert response.json()
    else:
        assert_problem(response, 422)
    assert filled.get("/v1/articles").status_code == 200


@pytest.mark.parametrize(
    ("content", "headers", "said"),
    [
        (b"{nope", {"Content-Type": "application/json"}, "body: no JSON at character 1: "),
        (
            b'{"question": "When?"}',
            {"Content-Type": "application/x-www-form-urlencoded"},
            "body: expected JSON: send it with 'Content-Type: application/json'",
        ),
    ],
)
def test_a_body_that_is_no_json_is_told_in_words(
    client: TestClient, content: bytes, headers: dict[str, str], said: str
) -> None:
    problem = assert_problem(client.post("/v1/ask", content=content, headers=headers), 422)
    assert problem["detail"].startswith(said)


def test_a_refusal_names_each_field_and_what_is_wrong_with_it(client: TestClient) -> None:
    response = client.post("/v1/ask", json={"top_k": 0, "as_of": "soon"})
    problem = assert_problem(response, 422)
    named = {error["field"]: error["message"] for error in problem["errors"]}
    assert named.keys() == {"body.question", "body.top_k", "body.as_of"}
    assert all(named.values())


def test_a_wrong_method_is_told_the_right_ones(client: TestClient) -> None:
    assert client.get("/v1/ask").headers["allow"] == "POST"


def long_body() -> bytes:
    return b'{"text": "' + b"x" * MAX_BODY_BYTES + b'"}'


def test_a_body_that_says_it_is_over_the_limit_is_refused(client: TestClient) -> None:
    assert_problem(client.post("/v1/articles", content=long_body(), headers=JSON), 413)


def test_a_body_that_hides_its_length_is_a_problem_too(client: TestClient) -> None:
    whole = long_body()
    chunks = (whole[at : at + 2**20] for at in range(0, len(whole), 2**20))
    assert_problem(client.post("/v1/articles", content=chunks, headers=JSON), 413)


# --- the API's page


def operations(client: TestClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path, operation), in the order of the page."""
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_document_names_every_route(client: TestClient) -> None:
    assert {(method, path) for method, path, _ in operations(client)} == {
        ("post", "/v1/ask"),
        ("post", "/v1/search"),
        ("post", "/v1/verify"),
        ("post", "/v1/articles"),
        ("get", "/v1/articles"),
        ("get", "/v1/articles/{article_id}"),
        ("delete", "/v1/articles/{article_id}"),
        ("get", "/v1/stories"),
        ("get", "/v1/stories/{article_id}"),
        ("post", "/v1/jobs"),
        ("get", "/v1/jobs"),
        ("get", "/v1/jobs/{job_id}"),
        ("delete", "/v1/jobs/{job_id}"),
        ("get", "/v1/jobs/{job_id}/events"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
        ("get", "/v1/stats"),
    }


def test_every_reference_of_the_document_leads_somewhere(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    def references(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            yield from ([node["$ref"]] if "$ref" in node else [])
            for inner in node.values():
                yield from references(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from references(inner)

    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert document["openapi"].startswith("3.1")
    assert set(references(document)) == named


def test_the_document_says_in_what_media_type_errors_come(client: TestClient) -> None:
    declared = [
        response["content"]
        for _, _, operation in operations(client)
        for status, response in operation["responses"].items()
        if status[0] in "45"
    ]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert declared
    assert all(content == problem for content in declared)


def test_every_example_runs_against_a_fresh_service_in_the_order_of_the_page(
    client: TestClient,
) -> None:
    ran = []
    for method, path, operation in operations(client):
        if "requestBody" not in operation:
            continue
        for name, example in operation["requestBody"]["content"]["application/json"][
            "examples"
        ].items():
            response = client.request(method, path, json=example["value"])
            assert response.status_code in (200, 202), f"{path} {name}: {response.text}"
            ran.append(path)
    assert set(ran) == {"/v1/ask", "/v1/search", "/v1/verify", "/v1/articles", "/v1/jobs"}


def test_the_examples_fit_each_other(client: TestClient) -> None:
    """Once the example articles are there, the example search finds one and the citation holds."""
    examples = {
        path: list(operation["requestBody"]["content"]["application/json"]["examples"].values())
        for method, path, operation in operations(client)
        if method == "post"
    }
    one, many = (example["value"] for example in examples["/v1/articles"])
    assert add(client, one)["added"] == 1
    assert {fate["status"] for fate in add(client, many)["articles"]} == {"unchanged", "added"}
    (searched,) = examples["/v1/search"]
    hits = client.post("/v1/search", json=searched["value"]).json()["hits"]
    assert hits[0]["article_id"] == one["id"]
    (cited,) = examples["/v1/verify"]
    assert client.post("/v1/verify", json=cited["value"]).json()["valid"] is True
