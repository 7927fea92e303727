"""Row 26: after warm-up, memory no longer grows with the requests that were answered."""

import gc
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import psutil
import pytest
from conftest import article
from fastapi.testclient import TestClient

from api.app import create_app
from rag.engine import Dateline
from rag.retriever import REMEMBERED

ROOT = Path(__file__).parent.parent.parent
FULL = os.environ.get("DATELINE_RELIABILITY") == "full"
MOST_OBJECTS_A_REQUEST = 1.0
"""A reply that is never freed has hundreds."""
MOST_BYTES_A_REQUEST = 5_000
"""For what Python does not count; memory comes in pieces of a megabyte, which so few feel."""
MINUTES = 5
MOST_BYTES_A_MINUTE = 2_000_000
"""Writing moves tens of megabytes in and out of the lexical index: the line is no straight one."""


def slope(points: list[tuple[float, int]]) -> float:
    """Growth of the second per unit of the first, of the straight line that fits best."""
    return float(np.polyfit(*zip(*points, strict=True), 1)[0])


def ask_in_every_way(post: Callable[[str, object], int], number: int) -> None:
    """Answered, abstained, refused, lost: each with words that were never seen before."""
    assert post("/v1/ask", {"question": f"When did the storm {number} come?"}) == 200
    assert post("/v1/ask", {"question": f"Who won {number}?", "until": "1999-01-01"}) == 200
    assert post("/v1/ask", {"question": f"When {number}?", "top_k": 0}) == 422
    assert post(f"/v1/unknown/{number}", {}) == 404


def test_asking_leaves_no_memory_behind(
    dateline: Dateline, caplog: pytest.LogCaptureFixture
) -> None:
    """On the fakes, in this process."""
    # pytest keeps every record; a test before this one may have begun to write a line a request.
    caplog.set_level(logging.WARNING, "dateline")
    storms = [f"The storm {n} came to town. answer: Tuesday 3.5 it was." for n in range(20)]
    list(dateline.ingest(article(text, f"storm-{n}") for n, text in enumerate(storms)))
    for number in range(REMEMBERED):  # so many vectors of questions are kept, and no more
        dateline.search(f"storm {number}")
    process = psutil.Process()
    objects: list[tuple[float, int]] = []
    memory: list[tuple[float, int]] = []
    each, samples = 10, 15
    with TestClient(create_app(dateline)) as client:

        def post(path: str, body: object) -> int:
            return client.post(path, json=body).status_code

        for number in range(each * samples):
            ask_in_every_way(post, number)
            if number % each == 0:
                gc.collect()
                objects.append((4.0 * number, sys.getallocatedblocks()))
                memory.append((4.0 * number, process.memory_info().rss))
    warm = slice(samples // 3, None)
    more_objects, more_bytes = slope(objects[warm]), slope(memory[warm])
    print(
        f"row 26: {4 * each * samples} requests on fakes, "
        f"{more_objects:+.2f} objects and {more_bytes:+.0f} bytes a request"
    )
    assert more_objects < MOST_OBJECTS_A_REQUEST
    assert more_bytes < MOST_BYTES_A_REQUEST


@contextmanager
def serving(data: Path) -> Iterator[tuple[httpx2.Client, psutil.Process]]:
    """A client of a real server over the sample collection, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dateline = [sys.executable, "-m", "api.cli"]
    environment = {**os.environ, "DATELINE_DATA_DIR": str(data)}
    ingest = [*dateline, "ingest", "eval/sample/articles"]
    subprocess.run(ingest, cwd=ROOT, env=environment, check=True, capture_output=True)
    server = subprocess.Popen(
        [*dateline, "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base = f"http://127.0.0.1:{port}"
        with httpx2.Client(base_url=base, timeout=60, trust_env=False) as client:
            until = time.monotonic() + 120
            while time.monotonic() < until:
                try:
                    if client.get("/readyz").status_code == 200:
                        break
                except httpx2.ConnectError:
                    time.sleep(0.1)
            yield client, psutil.Process(server.pid)
    finally:
        server.kill()
        server.wait()


@pytest.mark.real
@pytest.mark.skipif(not FULL, reason=f"takes {MINUTES} minutes: DATELINE_RELIABILITY=full")
def test_a_real_server_stays_as_large_as_it_is(tmp_path: Path) -> None:
    """Asking in every way, and every tenth time an article in and out again."""
    points: list[tuple[float, int]] = []
    with serving(tmp_path / "data") as (client, process):

        def post(path: str, body: object) -> int:
            return client.post(path, json=body).status_code

        began = time.monotonic()
        number = 0
        while (minutes := (time.monotonic() - began) / 60) < MINUTES:
            ask_in_every_way(post, number)
            if number % 10 == 0:
                text = f"The storm {number} reached the harbour of Portmore on Tuesday."
                assert post("/v1/articles", {"id": "soak", "text": text}) == 200
                assert client.delete("/v1/articles/soak").status_code == 204
            points.append((minutes, process.memory_info().rss))
            number += 1
    warm = [point for point in points if point[0] > MINUTES / 5]
    grown = slope(warm)
    megabytes = [resident / 1e6 for _, resident in warm]
    print(
        f"row 26: {4 * number} requests to a real server in {MINUTES} minutes, "
        f"{min(megabytes):.0f} to {max(megabytes):.0f} MB, {grown / 1e6:+.2f} MB a minute"
    )
    assert grown < MOST_BYTES_A_MINUTE
