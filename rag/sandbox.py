"""Files that may be bombs, read in a child process that has so much memory and time and no more.

A few kilobytes of PDF, Word or gzip can unfold to any size, and a page of HTML can be nested until
the parser runs out of stack. The child reads such files one after the other and writes what it
finds as JSON lines; if it breaks, that file is skipped and another child goes on with the next.
Text, JSON lines and CSV grow no larger than they are, and are read in this process.
"""

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from rag.files import STDIN, find_files
from rag.formats import is_risky, read_articles, read_file
from rag.types import Article, Skipped


@dataclass(frozen=True)
class Limits:
    """What reading a file may take; the seconds are those up to its next article."""

    memory: int = 2 << 30
    seconds: int = 60
    article: int = 64 << 20
    """Bytes of one article as JSON."""


LIMITS = Limits()


def read_safely(
    paths: Iterable[str | Path], limits: Limits = LIMITS
) -> Iterator[Article | Skipped]:
    """As `rag.formats.read_articles`, and no file among them takes this process down."""
    yield from read_found(find_files(paths), limits)


def read_found(
    found: Iterable[Path | Skipped], limits: Limits = LIMITS
) -> Iterator[Article | Skipped]:
    """The same for what `rag.files.find_files` gives."""
    reader = _Child(limits)
    try:
        for item in found:
            if isinstance(item, Skipped):
                yield item
            elif item is STDIN:
                yield from read_articles([STDIN])
            elif is_risky(item) and item.is_file():
                yield from reader.read(item)
            else:
                yield from read_file(item)
    finally:
        reader.close()


class _Child:
    """The child process, started for the first file and again after each that broke it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, path: Path) -> Iterator[Article | Skipped]:
        process = self._process = self._process or _start(self._limits)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(_line(str(path)))
            for line in self._lines(process.stdout):
                if line == b"null\n":  # the end of this file
                    return
                yield from_json(json.loads(line))
        except (BrokenPipeError, EOFError):
            yield Skipped(str(path), self._why(process))
        except _TooLongError:
            yield Skipped(str(path), f"an article of over {self._limits.article >> 20} MB")
        except TimeoutError:
            yield Skipped(str(path), self._too_slow())
        self.close()  # broken, or not read to its end

    def _lines(self, stream: IO[bytes]) -> Iterator[bytes]:
        pieces: list[bytes] = []
        size, deadline = 0, time.monotonic() + self._limits.seconds
        while True:
            ready, _, _ = select.select([stream], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            block = os.read(stream.fileno(), 1 << 16)
            if not block:
                raise EOFError
            *ended, rest = block.split(b"\n")
            for end in ended:
                yield b"".join([*pieces, end, b"\n"])
                # What the caller does with an article is not the file's fault.
                pieces, size, deadline = [], 0, time.monotonic() + self._limits.seconds
            pieces.append(rest)
            size += len(rest)
            if size > self._limits.article:
                raise _TooLongError

    def _why(self, process: "subprocess.Popen[bytes]") -> str:
        process.kill()
        code = process.wait()
        if code == -signal.SIGXCPU:
            return self._too_slow()
        if code == _NO_MEMORY:
            return f"reading it takes more than {self._limits.memory >> 20} MB of memory"
        return "reading it broke the program that reads it"

    def _too_slow(self) -> str:
        return f"reading it takes longer than {self._limits.seconds} seconds"

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class _TooLongError(Exception):
    """An article that would fill this process's memory."""


def _start(limits: Limits) -> "subprocess.Popen[bytes]":
    # -P: in this folder, whose files are not ours, no module is looked for.
    command = [sys.executable, "-P", "-m", "rag.sandbox", str(limits.memory), str(limits.seconds)]
    return subprocess.Popen(
        command,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Each thread of a numeric library reserves memory that it never uses.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"} | _import_path(),
        # Ctrl-C is ours to act on: what was read is stored first.
        start_new_session=True,
    )


def _import_path() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in sys.path)}


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def as_json(item: Article | Skipped) -> dict[str, Any]:
    """What it holds, in values that JSON knows."""
    fields = asdict(item)
    if isinstance(item, Article):
        fields["published"] = item.published and item.published.isoformat()
    return fields


def from_json(fields: Mapping[str, Any]) -> Article | Skipped:
    """What `as_json` was given."""
    if "where" in fields:
        return Skipped(**fields)
    day = fields["published"]
    published = None if day is None else date.fromisoformat(day)
    return Article(**{**fields, "published": published, "removed": tuple(fields["removed"])})


# --- in the child --------------------------------------------------------------------------------

_NO_MEMORY = 77  # exit code


def _serve(memory: int, seconds: int) -> None:
    """Read the paths on stdin, each a JSON string on a line, until there are no more."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    for line in sys.stdin.buffer:
        try:
            _allow(seconds)
            for item in read_file(Path(json.loads(line))):
                sys.stdout.buffer.write(_line(as_json(item)))
                sys.stdout.buffer.flush()
                _allow(seconds)
        except MemoryError:
            os._exit(_NO_MEMORY)
        sys.stdout.buffer.write(_line(None))
        sys.stdout.buffer.flush()


def _allow(seconds: int) -> None:
    """Let this process compute for so many seconds from now; then the system ends it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds + 1, hard))


if __name__ == "__main__":
    _serve(int(sys.argv[1]), int(sys.argv[2]))
