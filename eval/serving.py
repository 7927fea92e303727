"""A real server in a process of its own: what many clients get of it, and its memory."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eval.bench import spread
from eval.bench_record import Load
from rag.errors import DatelineError
from rag.settings import Settings

_READY_SECONDS = 300  # a server may have to build its index again


@dataclass(frozen=True)
class Address:
    """Where a server answers, and the key that opens it."""

    port: int
    key: str | None = None
    host: str = "127.0.0.1"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=120)

    def ask(self, connection: http.client.HTTPConnection, question: str) -> int:
        """The status of the reply."""
        headers = {"Content-Type": "application/json"}
        if self.key is not None:
            headers["X-API-Key"] = self.key
        connection.request("POST", "/v1/ask", json.dumps({"question": question}), headers)
        reply = connection.getresponse()
        reply.read()
        return reply.status


def load(server: Address, questions: Sequence[str], clients: int, seconds: float) -> Load:
    """What so many clients get, each asking its next question when it has its answer.

    Ends after `seconds`, or once every question was asked. A refusal (429, 503) is counted, and
    the client waits for a second; any other status raises DatelineError.
    """
    waiting = iter(questions)
    lock = threading.Lock()
    times: list[float] = []
    refused: list[int] = []
    failed: list[int] = []
    began = time.monotonic()

    def next_question() -> str | None:
        with lock:
            return next(waiting, None) if time.monotonic() - began < seconds else None

    def ask_on() -> None:
        connection = server.connect()
        while not failed and (question := next_question()) is not None:
            sent = time.perf_counter()
            status = server.ask(connection, question)
            if status == 200:
                times.append(1000 * (time.perf_counter() - sent))
            elif status in (429, 503):
                refused.append(status)
                time.sleep(1)
            else:
                failed.append(status)
        connection.close()

    threads = [threading.Thread(target=ask_on, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    if failed or not times:
        raise DatelineError(f"the server answered {(failed or refused)[:1] or 'nothing'}")
    return {
        "clients": clients,
        "seconds": took,
        "questions": len(times),
        "refused": len(refused),
        "questions_per_second": len(times) / took,
        "ms": spread(times),
    }


def resident_mb(process: int) -> float | None:
    """Megabytes that a process keeps in memory; None where there is no /proc."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def environment(settings: Settings) -> dict[str, str]:
    """Ours for a child process, with the collection that is measured."""
    return {**os.environ, "DATELINE_DATA_DIR": str(settings.folder)}


@contextmanager
def serving(settings: Settings) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`dateline serve` in a process of its own, ready, without limits of rate; and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    unlimited = {"DATELINE_RATE_LIMIT": "0", "DATELINE_ADDRESS_RATE_LIMIT": "0"}
    command = [sys.executable, "-m", "api.cli", "serve", "--host", "127.0.0.1"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env=environment(settings) | unlimited,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            _wait_until_ready(process, Address(port))
            yield process, port
        except DatelineError as error:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines()[-1:]
            raise DatelineError(f"{error} ({said[0]})" if said else str(error)) from error
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], address: Address) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = address.connect()
        try:
            connection.request(
                "GET", "/readyz", headers={"X-API-Key": address.key} if address.key else {}
            )
            if connection.getresponse().status == 200:
                return
        except ConnectionError:
            pass  # it does not listen yet
        finally:
            connection.close()
        time.sleep(0.1)
    raise DatelineError("the server that was to be measured did not start")
