"""The service's log: what a line holds, in which form, and what it never holds."""

import io
import json
import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from api import logs
from api.logs import JsonFormatter, TextFormatter, log_config


def record(message: str, *args: object, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord("dateline", logging.INFO, "file.py", 1, message, args, None)
    made.created = 1_709_726_400.25  # noon of 6 March 2024, UTC
    made.__dict__.update(extra)
    return made


def failed() -> logging.LogRecord:
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        return record("it failed", exc_info=sys.exc_info())


@pytest.fixture
def in_request() -> Iterator[str]:
    token = logs.request_id.set("r-1")
    yield "r-1"
    logs.request_id.reset(token)


def test_a_json_line_has_the_time_in_utc_and_the_fields() -> None:
    line = JsonFormatter().format(record("GET %s", "/x", fields={"status": 200}))
    assert json.loads(line) == {
        "time": "2024-03-06T12:00:00.250+00:00",
        "level": "info",
        "logger": "dateline",
        "message": "GET /x",
        "status": 200,
    }


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_every_line_of_a_request_has_its_id(formatter: logging.Formatter, in_request: str) -> None:
    assert in_request in formatter.format(record("the index is damaged"))


def test_json_is_one_line_of_ascii_whatever_is_logged() -> None:
    for odd in (record("a\nb\u2028 “ü” \x1b[31m \ud800"), failed()):
        line = JsonFormatter().format(odd)
        assert line.isascii()
        assert len(line.splitlines()) == 1
        json.loads(line)
    assert "ValueError: broken" in json.loads(line)["exception"]


def test_no_control_character_of_a_message_reaches_the_terminal() -> None:
    line = TextFormatter().format(
        record("was %s", "\x1b[2J\nfake line", fields={"question": "\x07?"})
    )
    assert line.isprintable()
    assert "was \\x1b[2J\\x0afake line" in line


def test_a_text_line_tells_the_fields_that_its_message_does_not() -> None:
    fields = {"method": "GET", "route": "/x", "status": 200, "duration_ms": 1.5}
    line = TextFormatter().format(record("GET /x 200", fields=fields))
    assert line.endswith("info GET /x 200 duration_ms=1.5")


def test_a_traceback_follows_a_text_line() -> None:
    first, *rest = TextFormatter().format(failed()).splitlines()
    assert first.endswith("it failed")
    assert rest[0].startswith("Traceback")


@pytest.mark.parametrize(
    ("log_format", "terminal", "formatter"),
    [
        ("auto", False, "JsonFormatter"),
        ("auto", True, "TextFormatter"),
        ("json", True, "JsonFormatter"),
        ("text", False, "TextFormatter"),
    ],
)
def test_the_form_fits_where_the_log_goes(
    monkeypatch: pytest.MonkeyPatch, log_format: Any, terminal: bool, formatter: str
) -> None:
    stderr = io.StringIO()
    stderr.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stderr)
    assert log_config(log_format)["formatters"]["line"]["()"] == f"api.logs.{formatter}"


def test_what_uvicorn_and_libraries_say_has_the_same_form(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["", "dateline", "uvicorn", "uvicorn.error", "uvicorn.access"]
    before = {n: (logging.getLogger(n).level, logging.getLogger(n).handlers[:]) for n in names}
    propagated = logging.getLogger("dateline").propagate
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    try:
        logging.config.dictConfig(log_config("json"))
        logging.getLogger("uvicorn.error").info("Started server process")
        logging.getLogger("fastapi").warning("telemetry failed")
        logs.log(logging.INFO, "GET /x 200", status=200)
        logging.getLogger("httpx").info("nobody asked")
    finally:
        for name, (level, handlers) in before.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).handlers = handlers
        logging.getLogger("dateline").propagate = propagated
    lines = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["uvicorn.error", "fastapi", "dateline"]
