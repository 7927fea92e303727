"""The guard of the HTTP service: who is let in, under which name, how often, and what is said."""

import asyncio
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from conftest import article
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from test_app import assert_problem

from api.app import create_app
from api.headers import HEADERS
from api.rates import RateLimits
from api.security import COOKIE, OPEN, Access, Guard, is_loopback, needed_scope
from api.web.login import local
from rag.engine import Dateline
from rag.errors import UnavailableError
from rag.keys import Key, Scope
from rag.store import Store

HERE = "http://127.0.0.1:8000"
QUESTION = {"question": "When did the storm come?"}
Open = Callable[..., TestClient]


@pytest.fixture
def serve(dateline: Dateline, tmp_path: Path) -> Iterator[Open]:
    """A guarded service as a caller at `address` sees it, who calls it by `url`."""

    def opened(address: str = "127.0.0.1", url: str = HERE, **access: object) -> TestClient:
        guard = Access(tmp_path / "rates", **access)  # type: ignore[arg-type]
        app = create_app(dateline, access=guard)
        client = TestClient(
            app, url, client=(address, 40000), raise_server_exceptions=False, follow_redirects=False
        )
        return clients.enter_context(client)

    with ExitStack() as clients:
        yield opened


def bearer(key: str | bytes) -> dict[str, bytes]:
    return {"Authorization": b"Bearer " + (key.encode() if isinstance(key, str) else key)}


# --- without keys


def test_without_keys_this_machine_is_answered(serve: Open) -> None:
    assert serve().post("/v1/ask", json=QUESTION).status_code == 200


@pytest.mark.parametrize("address", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "unknown"])
def test_without_keys_nobody_else_is(serve: Open, address: str) -> None:
    problem = assert_problem(serve(address).post("/v1/ask", json=QUESTION), 401)
    assert "dateline keys create" in problem["detail"]


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://[::1]", "http://127.0.0.9"])
def test_local_names_are_ours(serve: Open, url: str) -> None:
    assert serve(url=url).get("/readyz").status_code == 200


@pytest.mark.parametrize("url", ["http://evil.example", "http://localhost.evil.example"])
def test_a_name_that_was_made_to_point_here_is_not(serve: Open, url: str) -> None:
    assert_problem(serve(url=url).get("/readyz"), 421)


def test_a_name_that_was_allowed_is(serve: Open) -> None:
    named = serve(url="http://news.example", hosts=("news.example",))
    assert named.get("/readyz").status_code == 200


def test_with_allowed_names_a_key_does_not_open_another(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    client = serve(url="http://evil.example", hosts=("news.example",))
    assert_problem(client.get("/readyz", headers=bearer(secret)), 421)


@pytest.mark.parametrize("host", [b"[", b"a b", b"\xff", b"", b"@", b"127.0.0.1@evil.example"])
def test_what_is_no_host_is_refused_and_never_a_crash(serve: Open, host: bytes) -> None:
    assert_problem(serve().get("/readyz", headers={"Host": host}), 421)


# --- with keys


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("dateline_wrong"),
        bearer("schlüssel"),
        bearer(b"\xff\xfe\x80"),
        {"Authorization": b"Bearer"},
        {"Authorization": b"Basic ZGVzazo="},
        {"Authorization": b"\xe9"},
        {"X-API-Key": b"\xe9"},
        {"Cookie": f"{COOKIE}=x".encode()},
        {"Cookie": COOKIE.encode() + b"=\xe9\xff"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/articles", "/articles"])
def test_a_missing_or_wrong_key_is_401(
    serve: Open, store: Store, headers: dict[str, bytes], path: str
) -> None:
    store.create_key("desk", "admin")
    response = serve().get(path, headers=headers)
    problem = assert_problem(response, 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "wrong" not in problem["detail"]  # what was sent is not said back


def test_a_key_opens_in_either_header(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    client = serve("192.0.2.7", "http://news.example")
    assert client.get("/v1/articles", headers=bearer(secret)).status_code == 200
    assert client.get("/v1/articles", headers={"X-API-Key": secret}).status_code == 200
    lower = {"Authorization": f"bearer {secret}"}
    assert client.get("/v1/articles", headers=lower).status_code == 200


def test_a_revoked_key_stops_working_at_once_in_every_worker(serve: Open, store: Store) -> None:
    store.create_key("other", "read")
    secret = store.create_key("desk", "read")
    workers = [serve(), serve()]
    assert [w.get("/readyz", headers=bearer(secret)).status_code for w in workers] == [200, 200]
    store.revoke_key("desk")
    assert [w.get("/readyz", headers=bearer(secret)).status_code for w in workers] == [401, 401]


def test_revoking_the_last_key_opens_nothing_to_others(serve: Open, store: Store) -> None:
    store.create_key("desk", "read")
    store.revoke_key("desk")
    assert_problem(serve("192.0.2.7", "http://news.example").get("/v1/articles"), 401)


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "POST", "/v1/ask", 200),
        ("read", "GET", "/v1/articles", 200),
        ("read", "POST", "/v1/articles", 403),
        ("read", "DELETE", "/v1/articles/a", 403),
        ("read", "POST", "/delete", 403),
        ("read", "POST", "/v1/unknown", 403),
        ("write", "POST", "/v1/articles", 422),
        ("write", "DELETE", "/v1/articles/a", 404),
        ("write", "GET", "/metrics", 403),
        ("admin", "GET", "/metrics", 200),
    ],
)
def test_a_key_does_what_its_scope_allows(
    serve: Open, store: Store, scope: str, method: str, path: str, status: int
) -> None:
    secret = store.create_key("desk", scope)  # type: ignore[arg-type]
    asked = QUESTION if path == "/v1/ask" else None
    response = serve().request(method, path, json=asked, headers=bearer(secret))
    assert response.status_code == status
    if status == 403:
        assert scope in assert_problem(response, 403)["detail"]


def test_what_a_key_may_not_is_told_on_a_page_where_a_browser_asks(
    serve: Open, store: Store
) -> None:
    client = serve()
    browser = {"Accept": "text/html,*/*", **bearer(store.create_key("desk", "read"))}
    page = client.post("/delete", data={"article": "a"}, headers=browser)
    assert page.status_code == 403
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<h1>Not allowed</h1>" in page.text
    assert "The key may read; this needs one that may write." in page.text
    assert 'href="/add"' not in page.text
    assert "RateLimit" in page.headers
    part = client.post("/feedback", headers={**browser, "HX-Request": "true"})
    assert part.status_code == 403
    assert "<h1>" not in part.text
    assert "may write" in part.text
    assert_problem(client.delete("/v1/articles/a", headers=browser), 403)


def test_other_refusals_are_pages_too_where_a_browser_asks(serve: Open) -> None:
    browser = {"Accept": "text/html,*/*"}
    page = serve(url="http://evil.example").get("/", headers=browser)
    assert (page.status_code, "<h1>Another name</h1>" in page.text) == (421, True)
    page = serve("192.0.2.7").get("/", headers=browser)
    assert page.status_code == 401
    assert "dateline keys create" in page.text


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """(method, path) of every route there is, those that no document names included."""
    for route in app.routes:
        for context in iter_route_contexts([route]):
            path = context.path.replace("{article_id:path}", "a").replace("{name}", "x")
            for method in sorted(context.methods or ()):
                yield method, path


def test_no_route_is_open_but_those_that_are_meant_to_be(serve: Open, store: Store) -> None:
    store.create_key("desk", "admin")
    client = serve(address_rate=0)
    walked = list(routes(client.app))  # type: ignore[arg-type]
    assert {path for _, path in walked} > {"/v1/ask", "/", "/articles/a", "/docs", "/openapi.json"}
    opened, refused = [], 0
    for method, path in walked:
        for headers in ({}, bearer("wrong"), bearer(b"\xff\xe9")):
            response = client.request(method, path, headers=headers)
            assert response.status_code < 500
            refused += response.status_code == 401
            if response.status_code != 401:
                opened.append(path)
    assert set(opened) == {*OPEN, "/login", "/static/x"}
    print(f"row 24: {len(walked)} routes, {refused} requests refused with 401, none forgotten")


@pytest.mark.parametrize(
    "path", ["//v1/articles", "/V1/articles", "/healthz/", "/healthz/../v1/ask"]
)
def test_no_spelling_of_a_path_gets_past_the_guard(serve: Open, store: Store, path: str) -> None:
    store.create_key("desk", "read")
    assert_problem(serve().get(path), 401)


def test_what_nobody_thought_of_needs_a_key_that_may_write() -> None:
    assert needed_scope("POST", "/v9/new") == "write"
    assert needed_scope("BREW", "/") == "write"


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.1.2.3", True), ("::1", True), ("a.localhost", True), ("10.0.0.1", False), ("", False)],
)
def test_loopback_is_told_from_the_rest(host: str, ours: bool) -> None:
    assert is_loopback(host) is ours


# --- in a browser


HTML = {"Accept": "text/html,*/*"}
OURS = {"Origin": HERE}


def test_a_reader_is_led_to_the_form_and_back(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    client = serve()
    led = client.get("/articles?q=storm", headers=HTML)
    assert (led.status_code, led.headers["Location"]) == (
        303,
        "/login?next=%2Farticles%3Fq%3Dstorm",
    )
    form = client.get(led.headers["Location"])
    assert "/logout" not in form.text
    assert 'value="/articles?q=storm"' in form.text
    shown = client.post("/login", data={"key": secret, "next": "/articles?q=storm"}, headers=OURS)
    assert (shown.status_code, shown.headers["Location"]) == (303, "/articles?q=storm")
    cookie = shown.headers["Set-Cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=strict", "Path=/"))
    page = client.get("/articles")
    assert page.status_code == 200
    assert 'action="/logout"' in page.text
    assert client.get("/v1/articles").status_code == 401  # a cookie is for the pages only
    assert_problem(client.post("/delete", data={"article": "a"}, headers=OURS), 403)
    client.post("/logout", headers=OURS)
    assert client.get("/articles", headers=HTML).status_code == 303


@pytest.mark.parametrize(("scope", "offered"), [("read", False), ("write", True)])
def test_thumbs_are_offered_to_who_may_give_them(
    serve: Open, store: Store, dateline: Dateline, scope: Scope, offered: bool
) -> None:
    list(dateline.ingest([article("Of the storm the answer: Tuesday 3.5 is read.", "a")]))
    secret = store.create_key("desk", scope)
    page = serve().get("/", params={"q": QUESTION["question"]}, headers=bearer(secret))
    assert "Tuesday" in page.text
    assert ('action="/feedback"' in page.text) is offered


def test_a_wrong_key_is_told_and_not_shown_again(serve: Open, store: Store) -> None:
    store.create_key("desk", "read")
    response = serve().post("/login", data={"key": "nonsense-typed"}, headers=OURS)
    assert response.status_code == 401
    assert "not known" in response.text
    assert "nonsense-typed" not in response.text
    assert "Set-Cookie" not in response.headers


def test_another_site_cannot_sign_a_reader_in(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    response = serve().post(
        "/login", data={"key": secret}, headers={"Origin": "http://evil.example"}
    )
    assert response.status_code == 403


def test_over_https_the_cookie_stays_there(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    url = "https://news.example"
    response = serve(url=url).post("/login", data={"key": secret}, headers={"Origin": url})
    assert "Secure" in response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:1",
    ],
)
def test_no_link_leads_through_the_form_elsewhere(target: str) -> None:
    assert local(target) == "/"


def test_a_part_of_a_page_sends_its_page_to_the_form(serve: Open, store: Store) -> None:
    store.create_key("desk", "read")
    response = serve().get("/?q=a", headers={"HX-Request": "true"})
    assert (response.status_code, response.headers["HX-Redirect"]) == (401, "/login")


# --- how often


def test_a_key_is_limited_in_all_workers_together(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    other = store.create_key("other", "read")
    workers = [serve(key_rate=4), serve(key_rate=4)]
    answers = [workers[n % 2].get("/readyz", headers=bearer(secret)) for n in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 200, 429]
    assert answers[0].headers["RateLimit-Policy"] == '"minute";q=4;w=60'
    assert answers[0].headers["RateLimit"].startswith('"minute";r=3;')
    assert_problem(answers[4], 429)
    assert 1 <= int(answers[4].headers["Retry-After"]) <= 15
    assert workers[0].get("/readyz", headers=bearer(other)).status_code == 200


def test_guessing_is_limited_by_address_and_hurts_no_key(serve: Open, store: Store) -> None:
    secret = store.create_key("desk", "read")
    client = serve("192.0.2.7", address_rate=3)
    guesses = [client.get("/readyz", headers=bearer(f"guess {n}")).status_code for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert client.get("/readyz", headers=bearer(secret)).status_code == 200
    assert serve("192.0.2.8", address_rate=3).get("/readyz").status_code == 401


def test_one_customer_of_a_provider_is_one_address(serve: Open, store: Store) -> None:
    store.create_key("desk", "read")
    callers = [serve(f"2001:db8:1:2::{n}", address_rate=2) for n in (1, 2, 3)]
    assert [caller.get("/readyz").status_code for caller in callers] == [401, 401, 429]
    assert serve("2001:db8:1:3::1", address_rate=2).get("/readyz").status_code == 401


def test_health_is_never_limited(serve: Open, store: Store) -> None:
    store.create_key("desk", "read")
    client = serve("192.0.2.7", address_rate=1)
    assert {client.get("/healthz").status_code for _ in range(5)} == {200}


# --- headers, other origins, the document


@pytest.mark.parametrize("path", ["/healthz", "/v1/articles", "/nothing", "/openapi.json"])
def test_every_response_of_the_api_forbids_everything(serve: Open, path: str) -> None:
    headers = serve().get(path).headers
    assert {name: headers[name] for name in HEADERS} == HEADERS


def test_a_crash_and_a_refusal_have_the_headers_too(
    serve: Open, store: Store, dateline: Dateline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(dateline, "search", crash)
    crashed = serve().post("/v1/search", json={"query": "a"})
    assert crashed.status_code == 500
    store.create_key("desk", "read")
    refused = serve().get("/v1/articles")
    for response in (crashed, refused):
        assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_pages_keep_their_own_policy(serve: Open) -> None:
    headers = serve().get("/").headers
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def preflight(client: TestClient, origin: str, wanted: str = "authorization") -> httpx2.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": wanted,
    }
    return client.options("/v1/ask", headers=headers)


def test_other_origins_are_let_in_by_name_only(serve: Open, store: Store) -> None:
    closed, opened = serve(), serve(origins=("https://news.example",))
    ours, other = "https://news.example", "https://evil.example"
    allow = "Access-Control-Allow-Origin"
    assert allow not in preflight(closed, ours).headers
    assert allow not in preflight(opened, other).headers
    assert preflight(opened, ours).headers[allow] == ours
    store.create_key("desk", "read")
    refused = opened.get("/readyz", headers={"Origin": ours})
    assert (refused.status_code, refused.headers[allow]) == (401, ours)
    assert "Access-Control-Allow-Credentials" not in refused.headers


def test_another_origin_can_send_what_jobs_take_and_read_what_they_say(serve: Open) -> None:
    opened, ours = serve(origins=("https://news.example",)), "https://news.example"
    for wanted in ("content-type", "x-api-key", "idempotency-key", "last-event-id", "x-request-id"):
        assert preflight(opened, ours, wanted).status_code == 200, wanted
    assert preflight(opened, ours, "x-other").status_code == 400
    shown = opened.get("/healthz", headers={"Origin": ours}).headers[
        "Access-Control-Expose-Headers"
    ]
    assert {"Location", "Retry-After", "X-Request-ID"} <= set(shown.split(", "))


def test_what_a_key_opens_is_kept_by_no_cache(serve: Open) -> None:
    client = serve()
    assert client.get("/v1/articles").headers["Cache-Control"] == "no-store"
    assert client.get("/articles").headers["Cache-Control"] == "private, no-cache"


def test_the_document_says_how_a_key_is_shown(serve: Open) -> None:
    document = serve().get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert "security" not in document["paths"]["/healthz"]["get"]
    others = [
        operation
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if path not in OPEN
    ]
    assert others
    assert all(operation["security"] == [{"key": []}] for operation in others)
    assert all({"401", "403", "429"} <= operation["responses"].keys() for operation in others)


# --- rates


def test_what_is_used_up_comes_back_evenly(tmp_path: Path) -> None:
    now = [1000.0]
    rates = RateLimits(tmp_path / "rates", lambda: now[0])

    def taken() -> list[bool]:
        decisions = [rates.take("desk", 6) for _ in range(8)]
        return [decision.allowed for decision in decisions if decision is not None]

    assert taken() == [True] * 6 + [False] * 2
    now[0] += 10  # six a minute are one in ten seconds
    assert taken() == [True] + [False] * 7
    now[0] += 600
    assert taken() == [True] * 6 + [False] * 2
    now[0] -= 5000  # a clock that was set back locks nobody out for more than a minute
    assert taken() == [False] * 8
    now[0] += 60
    assert taken() == [True] * 6 + [False] * 2


TAKING = """
import sys
from pathlib import Path
from api.rates import RateLimits
rates = RateLimits(Path(sys.argv[1]), lambda: 1000.0)
print(sum(rates.take("desk", 500).allowed for _ in range(400)))
"""


def test_processes_count_together_and_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TAKING, str(tmp_path / "rates")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    assert sum(int(process.communicate()[0]) for process in running) == 500


def test_a_file_that_was_cut_short_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "rates").write_bytes(b"x" * 100)
    decision = RateLimits(tmp_path / "rates").take("desk", 2)
    assert decision is not None
    assert (decision.allowed, decision.remaining) == (True, 1)


# --- what must not be in the code


def test_nothing_is_unpickled() -> None:
    root = Path(__file__).parent.parent
    sources = [
        p
        for package in ("api", "rag", "embeddings", "eval")
        for p in (root / package).rglob("*.py")
    ]
    assert len(sources) > 50
    forbidden = re.compile(
        r"\bpickle\b|\bjoblib\b|\bdill\b|\bshelve\b|\bmarshal\b|yaml\.unsafe_load\(|yaml\.load\((?!.*BaseLoader)|"
        r"allow_pickle=True|weights_only=False|(?<![.\w])(?:eval|exec)\("
    )
    found = {
        f"{path.relative_to(root)}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line)
    }
    assert found == set()
    assert all(
        "weights_only=True" in line
        for path in sources
        for line in path.read_text(encoding="utf-8").splitlines()
        if "torch.load(" in line
    )


def test_two_keys_may_use_the_same_idempotency_key(serve: Open, store: Store) -> None:
    one, two = store.create_key("one", "write"), store.create_key("two", "write")
    client = serve()
    made = [
        client.post("/v1/jobs", json=[], headers=bearer(key) | {"Idempotency-Key": b"k"})
        for key in (one, two, one)
    ]
    first, second, again = (response.json()["id"] for response in made)
    assert first == again != second


# --- a database that hangs


class HangingDatabase:
    """As the guard sees one on a server, which does not answer until it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()

    def written(self) -> None:
        return None

    def keys(self) -> list[Key]:
        self.asked += 1
        self.go_on.wait()
        return []


def guard_of(database: object, rates_file: Path) -> Guard:
    async def nothing(*_: object) -> None:
        pass

    return Guard(nothing, database, Access(rates_file), lambda _request, refusal, _: refusal)  # type: ignore[arg-type]


def test_a_database_that_hangs_holds_few_threads_and_is_asked_again_once_it_answers(
    tmp_path: Path,
) -> None:
    database = HangingDatabase()
    guard = guard_of(database, tmp_path / "rates")

    async def ask() -> None:
        for _ in range(2):
            asked = [guard._keys(patience_s=0.1) for _ in range(10)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(answer, UnavailableError) for answer in answers)
        assert database.asked == 4
        database.go_on.set()
        assert await asyncio.gather(*(guard._keys(patience_s=10) for _ in range(10))) == [[]] * 10

    asyncio.run(ask())


def test_a_database_that_hangs_does_not_hold_up_the_end_of_the_process(tmp_path: Path) -> None:
    program = f"""
import asyncio
from pathlib import Path
from test_security import HangingDatabase, UnavailableError, guard_of
guard = guard_of(HangingDatabase(), Path({str(tmp_path / "rates")!r}))
try:
    asyncio.run(guard._keys(patience_s=0.1))
except UnavailableError:
    print("refused")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert done.stdout == "refused\n"
