"""What the service tells of itself: request ids, a log line and metrics for each request, stats."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import FakeEncoder, FakeReader, article
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from api.app import create_app
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.settings import Settings
from rag.store import Store

STORM = article(
    "The storm came. Of the storm the answer: Tuesday 3.5 is read.",
    "storm",
    published=date(2024, 3, 6),
    source="Wire",
    language="en",
)
SECRET = "When did the secret storm come?"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def client(dateline: Dateline) -> Iterator[TestClient]:
    """The service over the storm with the fakes; a crash is a reply, as for users."""
    list(dateline.ingest([STORM]))
    with TestClient(create_app(dateline), raise_server_exceptions=False) as opened:
        yield opened


def logged(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of each line that was logged for a request."""
    return [r.fields for r in caplog.records if hasattr(r, "fields")]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "dateline")
    return caplog


def scraped(client: TestClient) -> Samples:
    """(name, labels) -> value of everything at /metrics."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((f"dateline_{name}", frozenset(labels.items())), 0.0)


# --- request ids


def test_a_response_carries_the_id_it_was_given(client: TestClient) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": "edge-7.A_b"})
    assert response.headers["x-request-id"] == "edge-7.A_b"


@pytest.mark.parametrize("given", [None, "", "a b", 'x"y', "a" * 65, "ü".encode(), b"\x00"])
def test_without_a_sane_id_one_is_made(client: TestClient, given: str | bytes | None) -> None:
    headers = (
        {}
        if given is None
        else {b"X-Request-ID": given if isinstance(given, bytes) else given.encode()}
    )
    made = {client.get("/healthz", headers=headers).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(request_id) == 32 for request_id in made)


@pytest.mark.parametrize("path", ["/nope", "/v1/articles/nope", "/v1/articles?limit=0"])
def test_a_problem_names_the_id_that_the_log_has(
    client: TestClient, lines: pytest.LogCaptureFixture, path: str
) -> None:
    response = client.get(path, headers={"X-Request-ID": "r-9"})
    assert response.json()["request_id"] == response.headers["x-request-id"] == "r-9"


def test_what_is_refused_before_its_route_is_asked_is_observed_too(
    client: TestClient, lines: pytest.LogCaptureFixture
) -> None:
    response = client.post("/v1/articles", headers={"Content-Length": str(10**9)})
    assert response.status_code == 413
    assert response.headers["x-request-id"]
    (line,) = logged(lines)
    assert (line["route"], line["status"]) == ("(none)", 413)


# --- the log


def test_a_question_is_one_line_with_its_stages_and_without_its_words(
    client: TestClient, lines: pytest.LogCaptureFixture
) -> None:
    client.post("/v1/ask", json={"question": SECRET})
    (line,) = logged(lines)
    took = line.pop("duration_ms")
    stages = line.pop("stages_ms")
    expected = {"method": "POST", "route": "/v1/ask", "status": 200, "answered": True}
    assert line == expected
    assert stages.keys() == {"retrieve", "read", "answer"}
    assert took >= sum(stages.values()) - 0.5 >= 0
    assert "secret" not in lines.text


def test_the_words_of_a_question_are_logged_if_a_setting_says_so(
    dateline: Dateline, lines: pytest.LogCaptureFixture
) -> None:
    with TestClient(create_app(dateline, Settings(log_questions=True))) as client:
        client.post("/v1/ask", json={"question": SECRET})
    assert logged(lines)[0]["question"] == SECRET


def test_a_route_is_logged_as_its_template(
    client: TestClient, lines: pytest.LogCaptureFixture
) -> None:
    for method, path in (
        ("GET", "/v1/articles/storm"),
        ("HEAD", "/v1/articles/storm"),
        ("GET", "/v1/articles/no/such"),
        ("PUT", "/v1/articles/storm"),
        ("DELETE", "/v1/articles/storm"),
        ("BREW", "/v1/articles/storm"),
        ("GET", "/secret"),
    ):
        client.request(method, path)
    assert [(line["method"], line["route"], line["status"]) for line in logged(lines)] == [
        ("GET", "/v1/articles/{article_id}", 200),
        ("HEAD", "/v1/articles/{article_id}", 200),
        ("GET", "/v1/articles/{article_id}", 404),
        ("PUT", "/v1/articles/{article_id}", 405),
        ("DELETE", "/v1/articles/{article_id}", 204),
        ("OTHER", "/v1/articles/{article_id}", 405),
        ("GET", "(none)", 404),
    ]
    assert "secret" not in lines.text
    assert "BREW" not in lines.text


def test_probes_that_succeed_are_not_logged(
    client: TestClient, lines: pytest.LogCaptureFixture
) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path).status_code == 200
    assert logged(lines) == []
    client.post("/healthz")
    assert [line["status"] for line in logged(lines)] == [405]


class BrokenReader(FakeReader):
    def read(self, question: str, passages: object) -> Any:
        raise RuntimeError("inside")


def test_a_crash_is_logged_once_with_its_traceback_and_ends_in_the_observer(
    store: Store, index: EmbeddedIndex, lines: pytest.LogCaptureFixture
) -> None:
    engine = Dateline(store, index, FakeEncoder(), BrokenReader)
    list(engine.ingest([STORM]))
    # Raised on, it would be logged again by the server.
    with TestClient(create_app(engine)) as client:
        response = client.post("/v1/ask", json={"question": SECRET})
    assert response.status_code == 500
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert [r.getMessage() for r in lines.records if r.exc_info] == ["POST /v1/ask failed"]
    (line,) = logged(lines)
    assert line["status"] == 500


def test_a_response_that_breaks_off_is_raised_on_so_that_the_connection_is_closed(
    dateline: Dateline,
) -> None:
    app = create_app(dateline)

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("inside")

    @app.get("/half")
    def stream() -> StreamingResponse:
        return StreamingResponse(half())

    with pytest.raises(RuntimeError, match="inside"):
        TestClient(app).get("/half")


def test_a_client_that_leaves_before_there_is_a_status_is_logged_as_499(
    dateline: Dateline, lines: pytest.LogCaptureFixture
) -> None:
    app = create_app(dateline)

    @app.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(60)

    async def leave() -> None:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/slow",
            "headers": [],
            "query_string": b"",
        }
        request = asyncio.create_task(app(scope, asyncio.Event().wait, asyncio.sleep))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)

    asyncio.run(leave())
    (line,) = logged(lines)
    assert (line["route"], line["status"]) == ("/slow", 499)


# --- metrics


def test_requests_questions_and_stages_are_counted(client: TestClient) -> None:
    before = scraped(client)
    for _ in range(3):
        client.post("/v1/ask", json={"question": SECRET})
    client.delete("/v1/articles/storm")
    client.post("/v1/ask", json={"question": SECRET})
    after = scraped(client)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    ask = {"method": "POST", "route": "/v1/ask", "status": "200"}
    assert more("http_request_seconds_count", **ask) == 4
    assert more("questions_total", outcome="answered") == 3
    assert more("questions_total", outcome="abstained") == 1
    sums = {
        stage: more("ask_seconds_sum", stage=stage)
        for stage in ("retrieve", "read", "answer", "total")
    }
    assert all(more("ask_seconds_count", stage=stage) == 4 for stage in sums)
    assert sums["total"] == pytest.approx(sums["retrieve"] + sums["read"] + sums["answer"])


def test_the_collection_and_the_process_are_measured_at_each_scrape(client: TestClient) -> None:
    client.post("/v1/articles", json={"id": "vote", "text": "The council held a vote today."})
    samples = scraped(client)
    assert value(samples, "articles") == 2
    assert value(samples, "passages") == 2
    assert value(samples, "store_seq") == 2
    assert value(samples, "index_generation_seq") == 0
    assert value(samples, "index_lag") == 0
    assert value(samples, "http_requests_in_progress") == 1  # the scrape
    assert value(samples, "resident_memory_bytes") > 10_000_000


def test_what_another_process_wrote_is_lag_until_it_is_searched(
    client: TestClient, tmp_path: Path
) -> None:
    with Store.open(tmp_path / "data") as other:
        other.delete("storm")
    assert value(scraped(client), "index_lag") == 1
    client.post("/v1/search", json={"query": "storm"})
    assert value(scraped(client), "index_lag") == 0


def test_the_queue_is_as_long_as_was_last_told(client: TestClient) -> None:
    metrics.queued(7)
    assert value(scraped(client), "queue_depth") == 7
    client.post("/v1/search", json={"query": "storm"})
    assert value(scraped(client), "queue_depth") == 0


@pytest.mark.parametrize(
    ("share", "expected"), [(0.25, 1.0), (0.5, 1.5), (0.75, 2.0), (0.9, 3.2), (1.0, 4.0)]
)
def test_a_quantile_lies_evenly_within_its_bucket(share: float, expected: float) -> None:
    buckets = [(1.0, 5.0), (2.0, 15.0), (4.0, 20.0), (float("inf"), 20.0)]
    assert metrics.quantile(buckets, share) == pytest.approx(expected)


def test_a_quantile_beyond_the_last_bound_is_that_bound_and_of_nothing_none() -> None:
    assert metrics.quantile([(1.0, 1.0), (float("inf"), 4.0)], 0.5) == 1.0
    assert metrics.quantile([(1.0, 0.0), (float("inf"), 0.0)], 0.5) is None
    assert metrics.quantile([], 0.5) is None


WORKER = """
import os, sys
from api import metrics
metrics.queued(int(sys.argv[1]))
metrics.request_began()
metrics.request_ended("GET", "/x", 200, 0.1)
print(os.getpid(), flush=True)
sys.stdin.read()
"""
SCRAPE = """
from api import metrics
for family in metrics._recorded():
    for sample in family.samples:
        if sample.name in ("dateline_queue_depth", "dateline_http_request_seconds_count"):
            print(sample.name, sample.value)
print("workers", len([p for p in metrics._workers() if metrics._resident_bytes(p)]))
"""


def test_the_workers_are_added_up_and_the_dead_ones_wait_for_nothing(tmp_path: Path) -> None:
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, metrics.MULTIPROCESS: str(tmp_path), "PYTHONPATH": root}

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    workers = [start(WORKER, "2"), start(WORKER, "3")]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline()

    def scrape() -> dict[str, float]:
        out, _ = start(SCRAPE).communicate(timeout=60)
        return {name: float(number) for name, number in map(str.split, out.splitlines())}

    try:
        both = scrape()
        workers[0].kill()
        workers[0].communicate()
        one = scrape()
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    # The scraping process is one of them.
    assert both == {
        "dateline_queue_depth": 5,
        "dateline_http_request_seconds_count": 2,
        "workers": 3,
    }
    assert one == {
        "dateline_queue_depth": 3,
        "dateline_http_request_seconds_count": 2,
        "workers": 2,
    }


# --- statistics


def test_stats_tell_the_collection_and_the_service(client: TestClient) -> None:
    before = client.get("/v1/stats").json()["service"]["questions"]["asked"]
    client.post("/v1/ask", json={"question": SECRET})
    stats = client.get("/v1/stats").json()
    collection, service = stats["collection"], stats["service"]
    assert collection.pop("database_bytes") > 0
    assert collection == {
        "articles": 1,
        "passages": 1,
        "stories": 0,
        "outlets": 1,
        "first_published": "2024-03-06",
        "last_published": "2024-03-06",
        "undated": 0,
        "languages": {"en": 1},
        "index_bytes": 0,
    }
    assert service["models"] == {"encoder": "fake-encoder", "reader": "fake-reader"}
    assert service["index"] == {"generation_seq": 0, "lag": 0}
    assert service["uptime_seconds"] >= 0
    assert service["questions"]["asked"] == before + 1
    assert 0 < service["questions"]["answered_share"] <= 1
    assert 0 < service["questions"]["p50_ms"] <= service["questions"]["p95_ms"]


# --- OpenTelemetry

TRACED = """
import sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from fastapi.testclient import TestClient
from conftest import FakeEncoder, FakeReader
from api.app import create_app
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.settings import Settings
from rag.store import Store

received = []

class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Collector)
threading.Thread(target=server.serve_forever, daemon=True).start()
import os
if "--export" in sys.argv:
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
store = Store.create(Path(sys.argv[1]), "fake-encoder")
index = EmbeddedIndex(Path(sys.argv[1], "index"), store, FakeEncoder.dimension)
with TestClient(create_app(Dateline(store, index, FakeEncoder(), FakeReader))) as client:
    client.get("/healthz")
    client.post("/v1/ask", json={"question": "the secret question"})
spans = b"".join(body for path, body in received if path == "/v1/traces")
print(sorted({path for path, _ in received}))
print(b"POST /v1/ask" in spans, b"/healthz" in spans, any(b"secret" in b for _, b in received))
print("opentelemetry.sdk" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        ([], ["[]", "False False False", "False"]),
        (["--export"], ["['/v1/metrics', '/v1/traces']", "True False False", "True"]),
    ],
)
def test_traces_leave_the_machine_only_if_the_environment_says_where_to(
    tmp_path: Path, arguments: list[str], printed: list[str]
) -> None:
    root = Path(__file__).parent.parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-c", TRACED, str(tmp_path / "data"), *arguments],
        env={**environment, "PYTHONPATH": f"{root}:{root / 'tests'}", "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == printed
