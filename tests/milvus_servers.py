"""Milvus servers as processes of their own: milvus-lite, and the real one of the package `milvus`.

milvus-lite listens on loopback. The real one has no setting for where it listens.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import pytest
from processes import free_port

# It unpacks a server, writes its settings, and says when it is healthy. Its etcd has port 2379.
_REAL = """
import sys, time, urllib.request
from milvus import MilvusServer
server = MilvusServer(data_dir=sys.argv[1], proxy_port=int(sys.argv[2]), wait_for_started=False)
server.start()
while server.server_proc.poll() is None:
    try:
        url = f"http://127.0.0.1:{server.webservice_port}/healthz"
        if b"OK" in urllib.request.urlopen(url, timeout=5).read():
            break
    except OSError:
        time.sleep(0.1)
print("started", flush=True)
sys.exit(server.server_proc.wait())
"""


class ServerProcess:
    """A server on a folder and a port of its own; `start` again after `kill` finds what it held."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self, patience_s: float = 120.0) -> None:
        """Raises RuntimeError with what it said if it ends instead."""
        with tempfile.TemporaryFile() as log:
            self._process = subprocess.Popen(
                self.command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
            end = time.monotonic() + patience_s
            while not self._is_ready(log):
                if self._process.poll() is not None or time.monotonic() > end:
                    self.kill()
                    log.seek(0)
                    said = log.read()[-500:].decode(errors="replace")
                    raise RuntimeError(f"it did not start: {said}")
                time.sleep(0.05)

    def _is_ready(self, log: IO[bytes]) -> bool:
        try:
            socket.create_connection(("127.0.0.1", int(self.port)), timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """As a power cut does: the process and what it started."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Have it stand still, so that it takes connections and does not answer."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)


class LiteServer(ServerProcess):
    """milvus-lite, which ranks by words too."""

    @property
    def command(self) -> list[str]:
        started = [sys.executable, "-m", "milvus_lite", "server", "--host", "127.0.0.1"]
        return [*started, "--port", self.port, "--data-dir", str(self.folder)]


class RealServer(ServerProcess):
    """Milvus 2.3.5, which ranks by vector only."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-c", _REAL, str(self.folder), self.port]

    def _is_ready(self, log: IO[bytes]) -> bool:
        log.seek(0)
        return b"started" in log.read()


def started(kind: type[ServerProcess], folder: Path) -> ServerProcess:
    """A running server; the test is skipped where it is not installed or cannot run."""
    pytest.importorskip("pymilvus", reason="pip install 'dateline[milvus]'")
    package = "milvus" if kind is RealServer else "milvus_lite"
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed")
    server = kind(folder)
    try:
        server.start()
    except RuntimeError as error:
        pytest.skip(f"{package} does not run here: {error}")
    return server
