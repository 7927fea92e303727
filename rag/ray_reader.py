"""The reader on Ray Serve: replicas all over a cluster read, this machine keeps all else.

    front (uvicorn, any number of workers; it knows nothing of Ray)
      -> RayReader                   a question and its passages, as a line of JSON
      -> a socket in a folder of ours
      -> rag/ray_serving.py          a child process, the one that is connected to Ray
      -> a replica on some node      one question at a time, on one CPU

The child stands between them because Ray ends a process when it loses the cluster: the front
then goes on, refuses questions for the time being, and has the child started again until there
is a cluster. Nothing else listens: Serve's own HTTP proxies are off.

Each worker of a front has one question read at a time, so more replicas need as many workers.
A passage reads the same on any replica, as here: the answers are the same.
"""

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from rag.confidence import Calibration
from rag.errors import UnavailableError
from rag.reader import Reader, read_so_far
from rag.types import Article, Passage, Span

logger = logging.getLogger("dateline")

ENVIRONMENT = "DATELINE_RAY_READER"
"""Where the workers of a front find what `RayReader.from_environment` takes."""
_RESTART_S = 2.0
_READY_S = 300.0
_END_S = 15.0
_RETRY_AFTER_S = 5
# A replica reads a passage in some 20 ms; one that has just been started may load for seconds.
_PATIENCE_S = 5.0
_PATIENCE_A_PASSAGE_S = 0.2


def patience_s(passages: int) -> float:
    """Seconds after which nobody waits any longer for so many passages to be read."""
    return _PATIENCE_S + _PATIENCE_A_PASSAGE_S * passages


@dataclass(frozen=True)
class RayReader:
    """A `rag.reader.Reader` whose replicas are behind the socket at `path`."""

    path: str
    name: str
    calibration: Calibration

    @classmethod
    def from_environment(cls) -> Self | None:
        """The one that the parent process has started; None without one."""
        told = os.environ.get(ENVIRONMENT)
        if told is None:
            return None
        fields = json.loads(told)
        return cls(**{**fields, "calibration": Calibration(**fields["calibration"])})

    def to_environment(self) -> None:
        """Tell it to the processes that this one starts."""
        os.environ[ENVIRONMENT] = json.dumps(asdict(self))

    def read(self, question: str, passages: Sequence[Passage]) -> list[Span]:
        """As `Reader.read`; UnavailableError if no replica has read them in time."""
        request = json.dumps(
            {"question": question, "passages": [(p.article.id, p.start, p.text) for p in passages]}
        )
        try:
            reply = json.loads(self._exchange(request, patience_s(len(passages))))
        except (OSError, ValueError) as error:  # also half a line of a child that died
            raise UnavailableError(
                "the connection to Ray is being made again: ask again", _RETRY_AFTER_S
            ) from error
        if "busy" in reply:
            raise UnavailableError(reply["busy"], _RETRY_AFTER_S)
        if "failed" in reply:
            raise RuntimeError(reply["failed"])
        read_so_far.passages += reply["read"]
        return [
            Span(passages[n], start, end, score, relevance)
            for n, start, end, score, relevance in reply["spans"]
        ]

    def check(self) -> None:
        """Raise UnavailableError unless a replica answers; it is given nothing to read."""
        self.read("", [])

    def _exchange(self, request: str, seconds: float) -> bytes:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(seconds + _PATIENCE_S)
            connection.connect(self.path)
            connection.sendall(request.encode() + b"\n")
            with connection.makefile("rb") as answer:
                return answer.readline()


def read_here(reader: Reader, request: dict[str, Any]) -> dict[str, Any]:
    """What a replica answers to a `RayReader`."""
    # Blank but for the passage: its article's offsets stay what they are.
    passages = [
        Passage(Article(article, " " * start + text), start, start + len(text), id=n)
        for n, (article, start, text) in enumerate(request["passages"])
    ]
    before = read_so_far.passages
    spans = reader.read(request["question"], passages)
    return {
        "spans": [(s.passage.id, s.start, s.end, s.score, s.relevance) for s in spans],
        "read": read_so_far.passages - before,
    }


@contextmanager
def reading_on_ray(
    reader: Reader, name: str, quantize: bool | None, replicas: int, address: str | None
) -> Iterator[RayReader]:
    """Replicas of `reader`, which `load_reader(name, quantize)` gives, until the end.

    Raises UnavailableError if the cluster cannot be had now; later it is tried again for as long
    as need be.
    """
    folder = tempfile.mkdtemp(prefix="dateline-ray-")
    socket_path = str(Path(folder) / "reader")
    options = {
        "socket": socket_path,
        "expected": reader.name,
        "reader": os.path.abspath(name) if os.path.isdir(name) else name,
        "quantize": quantize,
        "replicas": replicas,
        "address": address,
        "app": Path(folder).name,
    }
    child = _Child(options)
    try:
        child.start()
        yield RayReader(socket_path, reader.name, reader.calibration)
    finally:
        child.stop()
        shutil.rmtree(folder, ignore_errors=True)


class _Child:
    """The process that is connected to Ray, started again whenever it ends."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._stopping = threading.Event()
        self._launching = threading.Lock()
        self._process = self._launch()
        self._thread = threading.Thread(target=self._watch, name="dateline-ray", daemon=True)

    def _launch(self) -> "subprocess.Popen[bytes]":
        main = "from rag.ray_serving import main; main()"
        # -P: in this folder, whose files are not ours, no module is looked for.
        return subprocess.Popen(
            [sys.executable, "-P", "-c", main, json.dumps(self._options)],
            stdin=subprocess.PIPE,  # its end tells the child that we have gone
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))},
            start_new_session=True,  # Ctrl-C is ours to act on: questions are answered first
        )

    def start(self) -> None:
        """Returns when a replica is there; UnavailableError if none will be."""
        timer = threading.Timer(_READY_S, self._process.kill)
        timer.start()
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        timer.cancel()
        if told != b"ready\n":
            raise UnavailableError(
                told.decode().strip()
                or f"no reader on Ray after {_READY_S:.0f} s: has the "
                f"cluster {self._options['replicas']} CPUs that are free?",
                _RETRY_AFTER_S,
            )
        self._thread.start()

    def _watch(self) -> None:
        while True:
            self._process.wait()
            if not self._stopping.is_set():
                logger.warning("the connection to Ray ended: it is being made again")
            if self._stopping.wait(_RESTART_S):
                return
            with self._launching:
                if self._stopping.is_set():
                    return
                _close(self._process)
                self._process = self._launch()

    def stop(self) -> None:
        """End it and what it has started."""
        with self._launching:
            self._stopping.set()
        process = self._process
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _close(process)


def _close(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
