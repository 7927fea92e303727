"""What is measured is what was done, and a run is read back and set beside another."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import FakeEncoder, FakeReader, article
from processes import ARTICLES, ROOT, command, environment, run

from eval.bench import (
    ask_times,
    imports,
    made_questions,
    newest_articles,
    spread,
    take_in,
    timed,
)
from eval.bench_record import ROWS, load_bench
from eval.plots import plot_stages
from eval.serving import Address, load, resident_mb
from eval.svg import standalone
from rag.engine import Dateline
from rag.errors import DatelineError, InputError
from rag.types import Article


def test_percentiles_say_of_how_many() -> None:
    assert spread([1.0, 2.0, 3.0]) == {"count": 3, "p50": 2.0, "p95": 2.9, "p99": 2.98}


def test_questions_are_made_of_sentences_as_long_as_questions_are() -> None:
    told = article(
        "It rained. The storm over Ellan took two roofs away. Why? " + "Word " * 40 + "."
    )
    assert made_questions([told, told]) == [
        "When was it that The storm over Ellan took two roofs away?"
    ]


def test_an_empty_collection_is_not_measured(dateline: Dateline) -> None:
    with pytest.raises(InputError, match="empty"):
        newest_articles(dateline)


# --- asking


def test_a_method_is_timed_while_it_is_watched_and_not_after() -> None:
    encoder = FakeEncoder()
    with timed(encoder, "encode_query") as taken:
        encoder.encode_query("storm")
        encoder.encode_query("vote")
    encoder.encode_query("match")
    assert len(taken) == 2
    assert min(taken) > 0


class SlowEncoder(FakeEncoder):
    """A question takes it 20 ms."""

    def encode_query(self, query: str) -> Any:
        time.sleep(0.02)
        return super().encode_query(query)


class SlowReader(FakeReader):
    """A question takes it 40 ms."""

    asked: list[str]

    def read(self, question: str, passages: Any) -> Any:
        self.asked.append(question)
        time.sleep(0.04)
        return super().read(question, passages)


def test_the_stages_are_told_apart_and_add_up(dateline: Dateline, store: Any, index: Any) -> None:
    SlowReader.asked = []
    slow = Dateline(store, index, SlowEncoder(), SlowReader)
    list(slow.ingest([article("The storm came. answer: Tuesday 3 it was.")]))
    questions = [f"When did storm {n} come?" for n in range(6)]
    times = ask_times(slow, questions, seconds=60)
    assert SlowReader.asked == questions  # each once
    assert len(times) == 3  # the first three warm it up
    for spent in times:
        assert spent["encode"] >= 20
        assert spent["read"] >= 40
        assert sum(spent[s] for s in ("encode", "search", "read", "rest")) == pytest.approx(
            spent["total"]
        )


def test_asking_ends_in_time(dateline: Dateline, store: Any, index: Any) -> None:
    SlowReader.asked = []
    slow = Dateline(store, index, FakeEncoder(), SlowReader)
    list(slow.ingest([article("The storm came. answer: Tuesday 3 it was.")]))
    times = ask_times(slow, [f"storm {n}?" for n in range(100)], seconds=0.1)
    assert 1 <= len(times) < 50


@contextmanager
def answering(statuses: list[int]) -> Iterator[tuple[Address, list[str]]]:
    """A server that answers with these, one after the other, then 200; and what it was asked."""
    asked: list[str] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                asked.append(body["question"])
                status = statuses.pop(0) if statuses else 200
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Address(server.server_address[1]), asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_clients_ask_every_question_once_and_refusals_are_counted() -> None:
    questions = [f"{n}?" for n in range(20)]
    with answering([429]) as (server, asked):
        got = load(server, questions, clients=4, seconds=60)
    assert sorted(asked) == sorted(questions)
    assert (got["questions"], got["refused"], got["clients"]) == (19, 1, 4)
    assert got["questions_per_second"] == pytest.approx(19 / got["seconds"])
    assert got["ms"]["count"] == 19


def test_a_server_that_refuses_the_key_is_an_error() -> None:
    with answering([401]) as (server, _), pytest.raises(DatelineError, match="401"):
        load(server, ["Who?"], clients=1, seconds=60)


def test_a_process_keeps_memory() -> None:
    mine = resident_mb(os.getpid())
    assert mine is None or mine > 10
    assert resident_mb(2**22 + 1) is None


# --- articles in


def test_what_was_taken_in_is_counted(dateline: Dateline) -> None:
    got = take_in(dateline, [article("storm"), article("vote", id="b")], seconds=60)
    assert (got["articles"], got["passages"]) == (2, 2)
    assert got["articles_per_second"] == pytest.approx(2 / got["seconds"])


def test_an_ingest_ends_in_time(dateline: Dateline) -> None:
    class Slow(list[Article]):
        def __iter__(self) -> Iterator[Article]:
            for n in range(1000):
                time.sleep(0.01)
                yield article("storm", id=f"a{n}")

    assert 1 <= take_in(dateline, Slow(), seconds=0.1)["articles"] < 100


# --- starting


def test_imports_are_read_from_what_python_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = imports(done.stderr)
    assert {"json", "json.decoder"} <= found.keys()
    assert all(own >= 0 for own in found.values())


# --- the whole


@pytest.mark.real
@pytest.mark.skipif(
    os.environ.get("DATELINE_SCALE") != "full", reason="takes a minute: DATELINE_SCALE=full"
)
def test_the_command_measures_a_collection_and_sets_it_beside_an_older_run(tmp_path: Path) -> None:
    run(tmp_path / "data", "ingest", ARTICLES)
    short = ["--questions", "3", "--seconds", "2", "--clients", "2"]
    files = ["--json", tmp_path / "a.json", "--plot", tmp_path / "a.svg"]

    def bench(*arguments: str | Path) -> str:
        done = subprocess.run(
            command("bench", *short, *arguments),
            env=environment(tmp_path / "data"),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )
        return done.stdout

    bench(*files)
    saved = load_bench(tmp_path / "a.json")
    assert saved["articles"] == len(list(ARTICLES.iterdir()))
    assert all((value := row.of(saved)) is not None and value > 0 for row in ROWS)
    assert saved["start_up"]["heavy"] == []
    assert (tmp_path / "a.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "new / old" in bench("--compare", tmp_path / "a.json")


def test_a_file_that_is_no_run_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="dateline bench --json"):
        load_bench(tmp_path / "other.json")


def test_a_drawing_of_its_own_has_its_colours() -> None:
    stages = {"encode": 1.0, "search": 2.0, "read": 3.0, "rest": 4.0, "total": 10.0}
    svg = standalone(plot_stages([stages, stages]))  # type: ignore[list-item]
    used = set(re.findall(r"var\((--\w+)\)", svg))
    assert used <= set(re.findall(r"(--\w+):", svg))
    assert "--accent" in used
