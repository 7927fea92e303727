"""The packaged models behind a real command line and a real server, on the sample collection."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from processes import ARTICLES, GOLD, ROOT, command, environment, free_port, run, serving

from rag.types import text_hash

pytestmark = pytest.mark.real

# Questions of the gold that the reader answers with a confidence of 0.99 and more.
SURE = ("ferry-petrel", "irvash-opposition", "ferry-lawyer")
NOWHERE = "What is the boiling point of ethanol?"


def gold() -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
    return {line["id"]: line for line in lines}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the sample collection."""
    folder = tmp_path_factory.mktemp("real") / "data"
    result = run(folder, "ingest", ARTICLES)
    assert result["added"] == len(list(ARTICLES.iterdir()))
    assert result["skipped"] == 0
    return folder


def test_ingesting_the_same_folder_again_changes_nothing(data: Path) -> None:
    result = run(data, "ingest", ARTICLES)
    assert {fate["status"] for fate in result["articles"]} == {"unchanged"}
    assert result["unchanged"] == len(list(ARTICLES.iterdir()))


@pytest.mark.parametrize("question_id", SURE)
def test_a_sure_question_is_answered_from_the_right_place(data: Path, question_id: str) -> None:
    question = gold()[question_id]
    reply = run(data, "ask", question["question"])
    assert reply["answer"] in question["answers"]
    assert reply["answers"][0]["text"] == reply["answer"]
    best = reply["answers"][0]["citations"][0]
    assert best["article_id"] in question["docs"]
    shown = run(data, "articles", "show", best["article_id"])
    assert shown["text"][best["start"] : best["end"]] == best["quote"] == reply["answer"]
    assert best["quote"] in best["context"]
    assert best["sha256"] == shown["sha256"] == text_hash(shown["text"])


def test_what_no_article_says_is_not_answered(data: Path) -> None:
    reply = run(data, "ask", NOWHERE, code=3)
    assert reply["answer"] is None
    assert reply["confidence"] < 0.5


def test_eval_writes_figures_that_are_sane(data: Path, tmp_path: Path) -> None:
    """On every sixth question of the sample. The floors are far below what is reached."""
    questions = list(gold().values())[::6]
    answerable = [question for question in questions if question["answers"]]
    (tmp_path / "gold.jsonl").write_text("\n".join(map(json.dumps, questions)))
    subprocess.run(
        command("eval", tmp_path / "gold.jsonl", "--json", tmp_path / "figures.json"),
        env=environment(data),
        cwd=ROOT,
        capture_output=True,
        timeout=300,
        check=True,
    )
    figures = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))

    assert figures.keys() >= {
        "mode",
        "questions",
        "exact_match",
        "f1",
        "answerable",
        "unanswerable",
        "forced",
        "retrieval",
        "citations",
        "when",
        "calibration",
        "blame",
        "latency_ms",
        "intervals_95",
        "predictions",
    }
    assert figures["mode"] == "end-to-end"
    assert figures["questions"] == len(questions) == len(figures["predictions"])
    assert figures["answerable"]["questions"] == len(answerable)
    assert figures["unanswerable"]["questions"] == len(questions) - len(answerable)
    assert figures["exact_match"] <= figures["f1"] <= 1.0
    assert figures["forced"]["f1"] >= max(0.6, figures["answerable"]["f1"])
    retrieval = figures["retrieval"]
    assert retrieval["recall@1"] <= retrieval["recall@5"] <= retrieval["recall@10"] <= 1.0
    assert retrieval["recall@5"] >= 0.9
    assert figures["blame"].get("error", 0) == 0
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p95"]


def test_the_server_answers_as_the_command_line_does(data: Path) -> None:
    question = gold()[SURE[0]]["question"]
    with serving(data) as (client, _):
        over_http = client.post("/v1/ask", json={"question": question}).json()
    printed = run(data, "ask", question)
    assert over_http.pop("timings_ms").keys() == printed.pop("timings_ms").keys()
    assert over_http == printed


def test_a_posted_article_is_asked_at_once_and_sigterm_ends_the_server(tmp_path: Path) -> None:
    """What was posted is on disk: the command line finds it once the server has gone."""
    question = "Who opened the lighthouse of Tarn Head?"
    posted = {
        "id": "lighthouse/2024",
        "published": "2024-07-02",
        "text": "Harbour master Ylva Brandt opened the restored lighthouse of Tarn Head on Monday.",
    }
    with serving(tmp_path / "data") as (client, process):
        assert client.post("/v1/ask", json={"question": question}).json()["answers"] == []
        assert client.post("/v1/articles", json=posted).json()["added"] == 1
        reply = client.post("/v1/ask", json={"question": question}).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) in (0, -signal.SIGTERM)
    assert "Ylva Brandt" in reply["answers"][0]["text"]
    assert reply["answers"][0]["citations"][0]["article_id"] == "lighthouse/2024"
    assert run(tmp_path / "data", "articles", "show", "lighthouse/2024")["text"] == posted["text"]


def test_all_that_a_server_off_a_terminal_logs_is_json_lines(data: Path) -> None:
    with serving(data) as (client, process):
        client.post("/v1/ask", json={"question": "Who?"}, headers={"X-Request-ID": "r-1"})
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        assert process.stderr is not None
        process.stderr.seek(0)
        written = process.stderr.read()
    lines = [json.loads(line) for line in written.splitlines()]
    assert {line["logger"] for line in lines} >= {"dateline", "uvicorn.error"}
    assert [line["route"] for line in lines if line.get("request_id") == "r-1"] == ["/v1/ask"]


def test_a_server_whose_reader_is_missing_ends_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        command("serve", "--port", free_port()),
        env={**environment(tmp_path / "data"), "DATELINE_READER": str(tmp_path / "no-reader")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("dateline: ")
    assert "no-reader" in line


ASK_AND_LIST_MODULES = """
import json, sys
from pathlib import Path
from rag.engine import Dateline
from rag.settings import Settings
reply = Dateline.open(Settings()).ask(sys.argv[1])
print(json.dumps([reply.answered, sorted(name.split(".")[0] for name in sys.modules)]))
"""


def test_answering_a_question_imports_no_torch(data: Path) -> None:
    # Once before, so that the models are exported, which does need it.
    question = gold()[SURE[0]]["question"]
    run(data, "ask", question)
    done = subprocess.run(
        [sys.executable, "-c", ASK_AND_LIST_MODULES, question],
        env=environment(data),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    answered, modules = json.loads(done.stdout)
    assert answered is True
    heavy = {"torch", "transformers", "sentence_transformers", "trafilatura"}
    assert not heavy.intersection(modules)
