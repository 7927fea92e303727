"""The command line in this process: exit codes, one line for an error, one document for --json."""

import io
import json
import logging
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import FakeEncoder

from api.cli import app, main
from rag.engine import Dateline
from rag.fields import article_from_mapping
from rag.settings import Settings
from rag.store import Store

ENVOYS = {
    "id": "envoys/named",
    "title": "Two envoys named for river talks",
    "published": "2024-03-06",
    "source": "Harbour Wire",
    "text": "Kelmara named Ingrid Håkansen as its mediator for the “river” talks on Tuesday. "
    "The talks open in the town of Vessen on 11 March.",
}
FERRY = {
    "id": "ferry",
    "title": "Ferry sinks in the sound",
    "published": "2024-05-01",
    "source": "Ledger",
    "text": "The ferry Skerry Dawn sank after a barge hit it in thick fog. "
    "Coastguard commander Marta Quill led the rescue of 143 passengers.",
}
QUESTION = "Who led the rescue?"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # where the environment forces it, as GitHub's does


@dataclass(frozen=True)
class Ran:
    """What a command left behind. `out` and `err` are its stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line on stderr, after nothing on stdout."""
        (line,) = self.complaints
        assert self.out == ""
        assert line.startswith("dateline: ")
        return line

    @property
    def complaints(self) -> list[str]:
        """The lines on stderr, without the empty one that a progress bar leaves."""
        assert "Traceback" not in self.err
        return [line for line in self.err.splitlines() if line]


Run = Callable[..., Ran]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `dateline ARGUMENTS` with the collection in `tmp_path / "data"`."""
    for name in ("ENCODER", "READER", "TOP_K", "THRESHOLD", "HOST", "PORT"):
        monkeypatch.delenv(f"DATELINE_{name}", raising=False)
    monkeypatch.setenv("DATELINE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")  # nothing is wrapped

    def dateline(*arguments: str | Path, stdin: str | bytes = "") -> Ran:
        given = io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin)
        out, err = io.BytesIO(), io.BytesIO()
        handlers = list(logging.getLogger("dateline").handlers)
        code = 0
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["dateline", *map(str, arguments)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(given, encoding="utf-8"))
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
            patch.setattr(
                sys,
                "stderr",
                io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True),
            )
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
            finally:
                logging.getLogger("dateline").handlers = handlers
            return Ran(code, *(COLOUR.sub("", s.getvalue().decode()) for s in (out, err)))

    return dateline


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the envoys and the ferry."""
    folder = tmp_path_factory.mktemp("ingested") / "data"
    engine = Dateline.open(Settings(data_dir=folder), create=True)
    fates = engine.ingest([article_from_mapping(ENVOYS), article_from_mapping(FERRY)])
    assert len(list(fates)) == 2
    engine.close()
    return folder


@pytest.fixture
def collection(ingested: Path, tmp_path: Path) -> Path:
    """The same in `tmp_path / "data"`, a test's own."""
    return Path(shutil.copytree(ingested, tmp_path / "data"))


# --- wrong usage: exit code 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fetch"],
        ["ask"],
        ["ask", "Who?", "--topk", "3"],
        ["ask", "Who?", "--top-k", "0"],
        ["ask", "Who?", "--top-k", "101"],
        ["ask", "Who?", "--top-k", "many"],
        ["ask", "Who?", "--as-of", "2024-02-30"],
        ["ask", "Who?", "--since", "last week"],
        ["ask", "Who?", "and", "why?"],
        ["ask", ""],
        ["ask", "  \n ", "--json"],
        ["search", " "],
        ["ask", "--json"],
        ["ask", "Who?", "--file", "questions.txt"],
        ["ingest"],
        ["search", "ferry", "--limit", "0"],
        ["articles"],
        ["articles", "list", "--offset", "-1"],
        ["articles", "show"],
        ["stories", "--limit", "0"],
        ["stories", "ferry", "envoys"],
        ["verify"],
        ["eval", "gold.jsonl", "--mode", "guess"],
        ["serve", "--port", "0"],
        ["serve", "--port", "65536"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_is_exit_code_2_and_told_with_the_way_to_help(
    run: Run, arguments: list[str]
) -> None:
    ran = run(*arguments)
    assert ran.code == 2
    assert "Usage: " in ran.out + ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ask", "Who?", "--as-of", "tomorrow"], "'tomorrow' is no day: write it as 2024-03-05"),
        (["ask", "Who?", "--until", "2024-02-30"], "'2024-02-30' is no day: write it as"),
        (["serve", "--port", "65536"], "'65536' is no port: give a number from 1 to 65535"),
        (["serve", "--port", "http"], "'http' is no port: give a number from 1 to 65535"),
        (["ask", ""], "question: it is empty"),
        (["search", " "], "query: it is empty"),
    ],
)
def test_wrong_usage_says_what_is_expected(run: Run, arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("ingest", "--data-dir --json"),
        ("ask", "--data-dir --json --top-k --as-of --since --until --source --explain --file"),
        ("search", "--data-dir --json --limit"),
        ("articles list", "--data-dir --json"),
        ("articles show", "--data-dir --json"),
        ("articles delete", "--data-dir --json"),
        ("stories", "--data-dir --json --limit"),
        ("verify", "--data-dir"),
        ("eval", "--data-dir --articles --mode --json --report --compare --without"),
        ("serve", "--data-dir --host --port --workers"),
        ("mcp", "--data-dir --http"),
    ],
)
def test_every_command_has_the_contract_s_options_in_its_help(
    run: Run, command: str, options: str
) -> None:
    ran = run(*command.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert set(options.split()) <= set(re.findall(r"--[a-z-]+", ran.out))


def commands(group: Any, name: str = "") -> Iterator[str]:
    """Every command, with the groups that it is in."""
    for command in group.commands.values():
        full = f"{name} {command.name}".strip()
        yield from commands(command, full) if hasattr(command, "commands") else [full]


@pytest.mark.parametrize("command", list(commands(typer.main.get_command(app))))
def test_every_command_s_help_has_an_example_that_names_it(run: Run, command: str) -> None:
    text = " ".join(run(*command.split(), "--help").out.split())
    examples = text.partition("Example")[2]
    assert f"dateline {command}" in examples


def test_the_version_is_told(run: Run) -> None:
    ran = run("--version")
    assert (ran.code, ran.out) == (0, f"dateline {version('dateline')}\n")


@pytest.mark.parametrize(("typed", "meant"), [(["aks"], "ask"), (["articles", "lst"], "list")])
def test_a_mistyped_command_is_told_what_may_be_meant(
    run: Run, typed: list[str], meant: str
) -> None:
    ran = run(*typed)
    assert ran.code == 2
    assert f"Did you mean '{meant}'?" in ran.err


@pytest.mark.real
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("dateline articles show f", ["ferry"]),
        ("dateline articles delete ", ["envoys/named", "ferry"]),
        ("dateline ask Who? --source L", ["Ledger"]),
        ("dateline stories e", ["envoys/named"]),
        ("dateline articles show --data-dir nowhere f", []),
    ],
)
def test_the_shell_completes_what_is_stored(
    run: Run,
    collection: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    offered: list[str],
) -> None:
    monkeypatch.setenv("_DATELINE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(typed.split(" ")) - 1))
    ran = run()
    assert ran.err == ""
    assert ran.out.split() == offered


# --- a user's errors: exit code 1 and one line, told before a model is loaded


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", QUESTION],
        ["search", "ferry"],
        ["articles", "list"],
        ["articles", "show", "ferry"],
        ["articles", "delete", "ferry"],
        ["stories"],
        ["stories", "ferry"],
    ],
    ids=" ".join,
)
def test_a_missing_data_folder_is_one_line_that_says_what_to_do(
    run: Run, tmp_path: Path, arguments: list[str]
) -> None:
    ran = run(*arguments)
    assert ran.code == 1
    assert str(tmp_path / "data") in ran.error
    assert "dateline ingest" in ran.error
    assert not (tmp_path / "data").exists()


def test_another_program_s_database_is_refused_and_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "dateline.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = path.read_bytes()
    ran = run("ask", QUESTION)
    assert ran.code == 1
    assert "not written by Dateline" in ran.error
    assert path.read_bytes() == before


def test_a_database_that_is_none_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dateline.sqlite3").write_text("no database " * 1000)
    ran = run("ask", QUESTION)
    assert ran.code == 1
    assert "cannot be read as a database" in ran.error


@pytest.mark.parametrize(
    ("name", "value"),
    [("TOP_K", "many"), ("TOP_K", "0"), ("TOP_K", "101"), ("THRESHOLD", "7")],
)
def test_a_bad_setting_is_named_with_its_value(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"DATELINE_{name}", value)
    ran = run("ask", QUESTION)
    assert ran.code == 1
    assert f"DATELINE_{name}={value!r}" in ran.error


CITATION = {"article_id": "ferry", "quote": "fog", "start": 1, "end": 4, "sha256": "x"}


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Marta Quill",
        "null",
        "3",
        "[3]",
        "[]",
        "{}",
        '{"answers": []}',
        '{"answers": null}',
        '{"answers": [3]}',
        '{"answers": [{}]}',
        '{"answers": {"citations": []}}',
        '{"answers": [{"citations": [{}]}]}',
        json.dumps({**CITATION, "start": -1}),
        json.dumps({**CITATION, "start": 2**63}),
        json.dumps({**CITATION, "start": float("nan")}),
        json.dumps({**CITATION, "quote": None}),
        '{"start": %s}' % ("9" * 5000),
        "[" * 100_000 + "]" * 100_000,
        b"\xff\xfe",
    ],
    ids=lambda given: repr(given[:40]),
)
def test_verify_of_what_is_no_citation_is_one_line(run: Run, given: str | bytes) -> None:
    ran = run("verify", "-", stdin=given)
    assert ran.code == 1
    assert ran.error


def test_verify_of_a_file_that_cannot_be_read_names_it(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        ran = run("verify", path)
        assert ran.code == 1
        assert str(path) in ran.error


def test_eval_of_gold_that_cannot_be_read_names_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": "1", "question": "Who?"')
    for name in ("nowhere.jsonl", "bad.jsonl"):
        ran = run("eval", tmp_path / name)
        assert ran.code == 1
        assert name in ran.error


def test_a_port_in_use_is_one_line_that_names_it(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = run("serve", "--port", str(port))
    assert ran.code == 1
    assert f"127.0.0.1:{port}" in ran.error
    assert "--port" in ran.error


def test_a_host_that_is_not_this_machine_is_one_line(run: Run) -> None:
    ran = run("serve", "--host", "192.0.2.1")
    assert ran.code == 1
    assert "192.0.2.1" in ran.error


# --- a user's errors that are found with the encoder at hand


@pytest.mark.real
def test_a_question_that_cannot_be_asked_is_one_line(run: Run, collection: Path) -> None:
    ran = run("ask", "why " * 501, "--json")
    assert ran.code == 1
    assert ran.error.startswith("dateline: the question ")


@pytest.mark.real
@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "Who \udcff?"],
        ["search", "\udcff"],
        ["articles", "show", "\udcff"],
        ["articles", "delete", "\udcff"],
    ],
    ids=lambda arguments: arguments[0] + " " + arguments[1].encode(errors="replace").decode(),
)
def test_an_argument_that_is_not_utf8_is_no_crash(
    run: Run, collection: Path, arguments: list[str]
) -> None:
    """As the shell hands it over where a file name or a pasted word is Latin-1."""
    ran = run(*arguments)
    assert ran.code in (0, 1, 3)
    assert ran.code != 1 or ran.error


@pytest.mark.real
def test_an_unknown_article_is_one_line(run: Run, collection: Path) -> None:
    for command in ("show", "delete"):
        ran = run("articles", command, "nope")
        assert ran.code == 1
        assert "'nope'" in ran.error
        assert "dateline articles list" in ran.error


@pytest.mark.real
@pytest.mark.parametrize("option", ["--limit", "--offset"])
def test_a_number_beyond_the_database_s_is_no_crash(
    run: Run, collection: Path, option: str
) -> None:
    assert run("articles", "list", option, str(2**63)).code in (0, 1, 2)


@pytest.mark.real
def test_ingest_into_a_foreign_folder_changes_nothing_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("All that I have written.")
    ran = run("ingest", tmp_path / "data" / "thesis.txt")
    assert ran.code == 1
    assert str(tmp_path / "data") in ran.error
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["thesis.txt"]


@pytest.mark.real
def test_a_data_folder_that_cannot_be_made_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    ran = run("ingest", tmp_path / "file", "--data-dir", tmp_path / "file" / "data")
    assert ran.code == 1
    assert str(tmp_path / "file") in ran.error


@pytest.mark.real
def test_a_collection_of_another_encoder_names_both(run: Run, tmp_path: Path) -> None:
    Store.create(tmp_path / "data", FakeEncoder.name).close()
    for command in (["ask", QUESTION], ["ingest", str(tmp_path)]):
        ran = run(*command)
        assert ran.code == 1
        assert "'fake-encoder'" in ran.error
        assert "all-MiniLM-L6-v2" in ran.error


@pytest.mark.real
@pytest.mark.parametrize("name", ["ENCODER", "READER"])
def test_a_model_that_is_not_there_is_one_line_that_names_it(
    run: Run,
    collection: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(f"DATELINE_{name}", str(tmp_path / "no-model"))
    ran = run("ask", QUESTION)
    assert ran.code == 1
    assert "no-model" in ran.error


# --- ingesting


def skipped(ran: Ran) -> list[str]:
    """The lines on stderr that tell what was skipped, each without "dateline: skipped "."""
    told = [line for line in ran.complaints if " no date: " not in line]
    assert all(line.startswith("dateline: skipped ") for line in told)
    return [line.removeprefix("dateline: skipped ") for line in told]


@pytest.mark.real
def test_ingesting_twice_adds_and_then_changes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ferry.txt").write_text(f"4 March 2024\n\n{FERRY['text']}")
    first = run("ingest", tmp_path / "ferry.txt", "--json")
    again = run("ingest", tmp_path / "ferry.txt", "--json")
    assert (first.code, again.code) == (0, 0)
    assert (first.complaints, again.complaints) == ([], [])
    assert first.document["articles"][0]["status"] == "added"
    assert again.document["articles"][0]["status"] == "unchanged"


@pytest.mark.real
def test_a_wrong_line_is_named_and_the_others_are_ingested(run: Run, tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(n), "text": f"On day {n} it rained."}) for n in range(1, 10)]
    lines[6] = lines[6][:-1]
    path = tmp_path / "wire.jsonl"
    path.write_text("\n".join(lines))
    ran = run("ingest", path, "--json")
    assert ran.code == 1
    assert (ran.document["added"], ran.document["skipped"]) == (8, 1)
    (reason,) = skipped(ran)
    assert reason.startswith(f"{path}:7: not JSON")
    assert len(run("articles", "list", "--json").document["articles"]) == 8


@pytest.mark.real
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_articles_in_other_languages_are_told_of(
    run: Run, tmp_path: Path, options: list[str]
) -> None:
    dated = {"published": "2024-03-05"}
    rows = [{**FERRY, "language": "en-GB"}, {"text": "Un pont.", "lang": "fr"}, {"text": "Eh."}]
    ran = run("ingest", "-", *options, stdin="\n".join(json.dumps(row | dated) for row in rows))
    assert ran.code == 0
    assert ran.complaints == [
        "dateline: 1 article is not in English (fr 1): the default models read English, "
        "answers from them are less sure"
    ]
    if options:
        assert [fate["language"] for fate in ran.document["articles"]] == ["en", "fr", None]


@pytest.mark.real
def test_articles_without_a_date_are_told_of_once(run: Run, tmp_path: Path) -> None:
    undated = json.dumps({"text": "The council voted on Monday.", "id": "vote"})
    ran = run("ingest", "-", stdin=f"{json.dumps(FERRY)}\n{undated}")
    (note,) = ran.complaints
    assert note.startswith("dateline: 1 of 2 articles has no date: ")
    assert run("ingest", "-", stdin=undated).complaints == []
    assert run("ingest", "-", stdin=json.dumps(ENVOYS)).complaints == []


@pytest.mark.real
def test_every_path_that_gives_no_article_is_one_line(run: Run, tmp_path: Path) -> None:
    good, empty, unknown = (tmp_path / name for name in ("good.txt", "empty.txt", "photo.jpeg"))
    good.write_text(ENVOYS["text"])
    empty.write_text(" \n\n ")
    unknown.write_bytes(b"\xff\xd8\xff")
    missing, pattern = tmp_path / "nowhere", tmp_path / "*.docm"
    ran = run("ingest", missing, pattern, unknown, empty, good)
    assert ran.code == 1
    assert ran.out == (
        "1 added, 0 updated, 0 unchanged, 4 skipped; the collection holds 1 article (1 passage)\n"
    )
    reasons = skipped(ran)
    assert [reason.split(": ")[0] for reason in reasons] == [
        str(path) for path in (missing, pattern, unknown, empty)
    ]
    assert "no such file" in reasons[0]
    assert "no file matches" in reasons[1]
    assert "unknown suffix '.jpeg'" in reasons[2]
    assert "no article text" in reasons[3]


@pytest.mark.real
def test_json_lines_come_in_on_stdin(run: Run) -> None:
    ran = run("ingest", "-", "--json", stdin=f"{json.dumps(ENVOYS)}\nnonsense\n{json.dumps(FERRY)}")
    assert ran.code == 1
    assert {fate["id"] for fate in ran.document["articles"]} == {"envoys/named", None, "ferry"}
    assert skipped(ran)[0].startswith("stdin:2: ")


# --- asking, searching, looking


@pytest.mark.real
def test_ask_prints_the_answer_its_source_and_its_place(run: Run, collection: Path) -> None:
    ran = run("ask", QUESTION)
    assert ran.code == 0
    assert ran.out.startswith("Marta Quill")
    start = FERRY["text"].index("Marta Quill")
    shown = " ".join(ran.out.split())
    assert "Ledger, 1 May 2024" in shown
    assert f"[ferry {start}:{start + len('Marta Quill')}]" in shown
    assert ran.err == ""


@pytest.mark.real
def test_no_evidence_is_exit_code_3(run: Run, collection: Path) -> None:
    ran = run("ask", QUESTION, "--since", "2099-01-01")
    assert ran.code == 3
    assert ran.out.startswith("No answer")
    assert ran.err == ""
    document = run("ask", QUESTION, "--since", "2099-01-01", "--json").document
    assert (document["answer"], document["confidence"], document["answers"]) == (None, 0.0, [])


@pytest.mark.real
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "No answer: the collection holds nothing about this.\n"),
        (["--since", "2099-01-01"], "No answer: no article since 2099-01-01 says anything"),
        (
            ["--until", "2020-01-01", "--source", "Ledger"],
            "No answer: no article until 2020-01-01, from Ledger says anything about this.\n",
        ),
    ],
)
def test_no_evidence_is_told_with_what_left_it_out(
    run: Run, collection: Path, options: list[str], said: str
) -> None:
    if not options:
        for article in ("ferry", "envoys/named"):
            assert run("articles", "delete", article).code == 0
    assert run("ask", QUESTION, *options).out.startswith(said)


@pytest.mark.real
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Legder", "did you mean 'Ledger'?"),
        ("Nobody's Mail", "'dateline articles list' shows outlets"),
    ],
)
def test_an_outlet_that_no_article_is_from_is_one_line(
    run: Run, collection: Path, source: str, said: str
) -> None:
    ran = run("ask", QUESTION, "--source", "Ledger", "--source", source)
    assert ran.code == 1
    assert ran.error == f"dateline: no article is from '{source}': {said}"


@pytest.mark.real
def test_an_unsure_answer_is_exit_code_3_with_its_candidates(run: Run, collection: Path) -> None:
    ran = run("ask", "What is the boiling point of ethanol?", "--json")
    assert ran.code == 3
    assert ran.document["answer"] is None
    assert ran.document["answers"]


@pytest.mark.real
@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--source", "ledger"], {"ferry"}),
        (["--source", "Harbour Wire"], {"envoys/named"}),
        (["--until", "2024-03-06"], {"envoys/named"}),
        (["--as-of", "2024-03-06"], {"envoys/named"}),
        (["--since", "2024-03-07"], {"ferry"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_ask_reads_only_the_evidence_it_may(
    run: Run, collection: Path, options: list[str], ids: set[str]
) -> None:
    answers = run("ask", QUESTION, *options, "--json").document["answers"]
    assert {c["article_id"] for answer in answers for c in answer["citations"]} == ids


@pytest.mark.real
@pytest.mark.parametrize(
    ("arguments", "code", "keys"),
    [
        (
            ["ask", QUESTION],
            0,
            {"question", "answer", "confidence", "answers", "timings_ms", "models"},
        ),
        (
            ["ask", QUESTION, "--explain"],
            0,
            {"question", "answer", "confidence", "answers", "timings_ms", "models"},
        ),
        (["search", "ferry"], 0, {"query", "hits"}),
        (["articles", "list"], 0, {"total", "articles"}),
        (
            ["articles", "show", "ferry"],
            0,
            {*FERRY, "published_from", "byline", "url", "language", "sha256", "removed"},
        ),
        (["articles", "delete", "ferry"], 0, {"deleted"}),
        (["ingest", "nowhere"], 1, {"added", "updated", "unchanged", "skipped", "articles"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_json_is_one_document_on_stdout_and_nothing_else(
    run: Run, collection: Path, arguments: list[str], code: int, keys: set[str]
) -> None:
    ran = run(*arguments, "--json")
    assert ran.code == code
    assert ran.document.keys() == keys
    assert ran.out.endswith("}\n")


@pytest.mark.real
def test_every_line_of_a_file_is_asked(run: Run, collection: Path, tmp_path: Path) -> None:
    path = tmp_path / "questions.txt"
    path.write_text(
        f"{QUESTION}\r\n\n  Who led the rescue of 143 passengers?  \n", encoding="utf-8-sig"
    )
    ran = run("ask", "--file", path, "--json")
    assert (ran.code, ran.err) == (0, "")
    asked = [json.loads(line)["question"] for line in ran.out.splitlines()]
    assert asked == [QUESTION, "Who led the rescue of 143 passengers?"]
    text = run("ask", "--file", "-", stdin=path.read_bytes()).out
    assert f"\n\n> {asked[1]}\n" in text
    assert [line for line in text.splitlines() if line.startswith("> ")] == [
        f"> {QUESTION}",
        "> Who led the rescue of 143 passengers?",
    ]


@pytest.mark.real
def test_a_file_with_a_question_that_has_no_answer_is_exit_code_3(
    run: Run, collection: Path
) -> None:
    ran = run("ask", "--file", "-", "--since", "2030-01-01", stdin=f"{QUESTION}\n{QUESTION}")
    assert ran.code == 3
    assert ran.out.count("No answer") == 2


@pytest.mark.real
@pytest.mark.parametrize(
    ("given", "said"),
    [
        (f"{QUESTION}\n{'why ' * 501}", "stdin:2: the question has 2003 characters"),
        (b"Who led \xff?", "stdin:1 is not UTF-8"),
    ],
    ids=["too long", "not UTF-8"],
)
def test_a_line_that_cannot_be_asked_is_named(
    run: Run, collection: Path, given: str | bytes, said: str
) -> None:
    ran = run("ask", "--file", "-", "--json", stdin=given)
    assert ran.code == 1
    (line,) = ran.complaints
    assert line.startswith(f"dateline: {said}")


@pytest.mark.real
@pytest.mark.parametrize("given", ["", "\n  \n"])
def test_a_file_without_a_question_is_one_line(run: Run, collection: Path, given: str) -> None:
    ran = run("ask", "--file", "-", stdin=given)
    assert ran.code == 1
    assert ran.error == "dateline: stdin holds no question: write one on each line"


def test_a_file_of_questions_that_cannot_be_read_is_named(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.txt", tmp_path):
        ran = run("ask", "--file", path)
        assert ran.code == 1
        assert f"cannot read {path}" in ran.error


@pytest.mark.real
def test_articles_are_listed_shown_and_deleted(run: Run, collection: Path) -> None:
    listed = run("articles", "list")
    assert listed.code == 0
    assert listed.out.index("ferry") < listed.out.index("envoys/named")
    assert "1 of 2 articles" in run("articles", "list", "--limit", "1").out

    shown = run("articles", "show", "envoys/named")
    assert shown.code == 0
    assert ENVOYS["text"] in shown.out

    assert run("articles", "delete", "envoys/named").code == 0
    assert run("articles", "list", "--json").document["total"] == 1
    assert run("articles", "show", "envoys/named").code == 1


@pytest.mark.real
def test_a_shown_article_is_the_stored_one(run: Run, collection: Path) -> None:
    document = run("articles", "show", "envoys/named", "--json").document
    assert {key: document[key] for key in ENVOYS} == ENVOYS


@pytest.mark.real
def test_search_shows_the_passage_and_its_place(run: Run, collection: Path) -> None:
    ran = run("search", "Skerry Dawn", "--limit", "1")
    assert ran.code == 0
    assert re.search(r"\[ferry\s+0:\d+\]", ran.out)
    assert "Skerry Dawn" in ran.out


@pytest.mark.real
def test_search_tells_apart_what_holds_no_word_of_the_query(run: Run, collection: Path) -> None:
    lines = run("search", "ferry in the fog").out.splitlines()
    (note,) = (n for n, line in enumerate(lines) if "holds a word of the query" in line)
    assert lines[note].startswith("No passage below holds")
    assert [line[:3] for line in lines if "[" in line] == [" 1.", " 2."]
    assert lines[0].startswith(" 1. Ferry sinks")
    assert lines[note + 1].startswith(" 2. Two envoys")
    assert run("search", "zeppelin").out.startswith("No passage holds a word of the query")
    assert "holds a word" not in run("search", "the ferry and the envoys").out


@pytest.mark.real
def test_data_dir_may_be_an_option_and_beats_the_environment(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "vote.txt").write_text("The council voted on Monday.")
    assert run("ingest", tmp_path / "vote.txt", "--data-dir", elsewhere).code == 0
    assert run("articles", "list", "--data-dir", elsewhere, "--json").document["total"] == 1
    assert run("articles", "list", "--json").document["total"] == 2


@pytest.mark.real
def test_stories_are_listed_and_shown_for_an_article(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    assert run("stories").out == "No two articles tell the same story.\n"
    copy = {**FERRY, "id": "copy", "source": "The Copy"}
    assert run("ingest", "-", stdin=json.dumps(copy)).code == 0
    ran = run("stories")
    assert (ran.code, ran.err) == (0, "")
    title, about, fullest, other, *_ = ran.out.splitlines()
    assert title == FERRY["title"]
    assert "2 articles" in about
    assert "The Copy" in about
    assert fullest.split()[0] == "fullest"
    assert other.split()[0] == "reprint"
    document = run("stories", "--json", "--limit", "1").document
    assert document["total"] == 1
    (story,) = document["stories"]
    assert {a["article_id"] for a in story["articles"]} == {"ferry", "copy"}
    assert run("stories", "copy", "--json").document == story
    assert "1 article" in run("stories", "envoys/named").out
    assert "'nope'" in run("stories", "nope").error


# --- verifying


@pytest.fixture
def reply(run: Run, collection: Path) -> dict[str, Any]:
    """What `ask --json` printed."""
    document: dict[str, Any] = run("ask", QUESTION, "--json").document
    return document


@pytest.mark.real
def test_a_reply_piped_into_verify_holds(run: Run, reply: dict[str, Any], tmp_path: Path) -> None:
    best = reply["answers"][0]["citations"][0]
    (tmp_path / "reply.json").write_text(json.dumps(reply), encoding="utf-8")
    for given in (reply, reply["answers"][0]["citations"], best):
        assert run("verify", "-", stdin=json.dumps(given)).code == 0
    ran = run("verify", tmp_path / "reply.json", "--json")
    assert ran.code == 0
    assert ran.document["valid"] is True
    cited = [c["article_id"] for answer in reply["answers"] for c in answer["citations"]]
    assert [result["article_id"] for result in ran.document["results"]] == cited


@pytest.mark.real
@pytest.mark.parametrize(
    "change",
    [
        {"quote": "Marta Quilt"},
        {"start": 0},
        {"end": 2**31 - 1},
        {"sha256": "0" * 64},
        {"article_id": "envoys/named"},
        {"article_id": "nope"},
    ],
    ids=lambda change: "".join(change),
)
def test_a_tampered_citation_is_exit_code_1_and_the_others_hold(
    run: Run, reply: dict[str, Any], change: dict[str, object]
) -> None:
    reply["answers"][0]["citations"][0].update(change)
    ran = run("verify", "-", stdin=json.dumps(reply))
    assert ran.code == 1
    first, *others = ran.out.splitlines()
    assert first.startswith("FAIL ")
    assert others
    assert all(line.startswith("ok ") for line in others)
    assert ran.complaints == []


# --- evaluating


@pytest.mark.real
def test_eval_prints_a_table_and_writes_the_figures(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    gold, figures = tmp_path / "gold.jsonl", tmp_path / "figures.json"
    line = {"id": "1", "question": QUESTION, "answers": ["Marta Quill"], "docs": ["ferry"]}
    gold.write_text(json.dumps(line))
    ran = run("eval", gold, "--json", figures)
    assert ran.code == 0
    assert "f1" in ran.out.lower()
    assert json.loads(figures.read_text())["answerable"]["exact_match"] == 1.0


@pytest.mark.real
def test_figures_that_cannot_be_written_are_one_line(
    run: Run, collection: Path, tmp_path: Path
) -> None:
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps({"id": "1", "question": QUESTION, "answers": [], "docs": []}))
    ran = run("eval", gold, "--json", tmp_path / "nowhere" / "figures.json")
    assert ran.code == 1
    assert len(ran.complaints) == 1
