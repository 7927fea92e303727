"""The command line and the server as processes of their own."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import httpx2

ROOT = Path(__file__).parent.parent
ARTICLES = ROOT / "eval" / "sample" / "articles"
GOLD = ROOT / "eval" / "sample" / "gold.jsonl"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "api.cli", *map(str, arguments)]


def environment(data: Path) -> dict[str, str]:
    """Ours, without its settings of Dateline but for the cache of the models."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("DATELINE_")}
    cache = {k: v for k, v in os.environ.items() if k == "DATELINE_CACHE_DIR"}
    return {**kept, **cache, "DATELINE_DATA_DIR": str(data), "PYTHONUTF8": "1"}


def run(data: Path, *arguments: str | Path, code: int = 0, seconds: float = 120) -> Any:
    """The JSON document that the command printed; it must end with that exit code."""
    done = subprocess.run(
        command(*arguments, "--json"),
        env=environment(data),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@contextmanager
def serving(
    data: Path, *options: str, seconds: float = 60
) -> Iterator[tuple[httpx2.Client, subprocess.Popen[str]]]:
    """A client of `dateline serve` once it is ready, and the process."""
    port = free_port()
    # A pipe that nobody reads would be full in the end, and the server wait at its next log line.
    log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed below
    process = subprocess.Popen(
        command("serve", "--port", port, *options),
        env=environment(data),
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=log,
        text=True,
    )
    process.stderr = log
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx2.Client(base_url=url, timeout=60, trust_env=False) as client:
            wait_until_ready(client, process, log, seconds)
            yield client, process
    finally:
        process.kill()
        process.wait()
        log.close()


def wait_until_ready(
    client: httpx2.Client, process: subprocess.Popen[str], log: IO[str], seconds: float
) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            log.seek(0)
            raise AssertionError(log.read())
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx2.ConnectError:
            time.sleep(0.1)
    raise TimeoutError(f"the server was not ready after {seconds} s")
