"""The service's log on stderr: JSON lines for programs, plain lines on a terminal.

{"time": "2024-03-06T12:00:00.123+00:00", "level": "info", "logger": "dateline",
 "message": "POST /v1/ask 200", "request_id": "6f0c...", "method": "POST", "route": "/v1/ask",
 "status": 200, "duration_ms": 48.2, "stages_ms": {"retrieve": 3.1, "read": 41.0, ...}, ...}

12:00:00 info POST /v1/ask 200 duration_ms=48.2 stages_ms={"retrieve": 3.1, ...} [6f0c...]
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["auto", "json", "text"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request that is being answered; it is on every line that is logged meanwhile."""


def log(level: int, message: str, **fields: Any) -> None:
    """A line of the service's own log; `fields` become members of the JSON object."""
    logging.getLogger("dateline").log(level, message, extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """One JSON object a line, all of it ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A line for a person; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        # A message may quote what came from outside: no escape sequence reaches the terminal.
        message = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in record.getMessage())
        # The message of a request's line holds these already.
        told = {"method", "route", "status"}
        parts = [
            f"{datetime.fromtimestamp(record.created):%H:%M:%S}",
            record.levelname.lower(),
            message,
            *(f"{key}={json.dumps(value)}" for key, value in fields.items() if key not in told),
        ]
        if (current := request_id.get()) is not None:
            parts.append(f"[{current}]")
        line = " ".join(parts)
        return line + "\n" + self.formatException(record.exc_info) if record.exc_info else line


def log_config(log_format: LogFormat) -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for uvicorn, which applies it in every worker.

    `auto` is text if stderr is a terminal. What uvicorn says of its own start and end is left
    out there.
    """
    text = sys.stderr.isatty() if log_format == "auto" else log_format == "text"
    formatter = TextFormatter if text else JsonFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__qualname__}"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "line",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "dateline": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            "uvicorn": {"level": "WARNING" if text else "INFO"},
        },
    }
