"""A PostgreSQL server of the tests' own, and databases on it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import psutil
from processes import free_port

USER = "dateline"
PASSWORD = "tr/ul@y secret"


def programs() -> Path | None:
    """The folder of the server's programs: Debian keeps them off the path."""
    found = shutil.which("postgres")
    if found is not None:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    newest = max(versions, key=lambda path: int(path.parts[4]), default=None)
    return None if newest is None else newest.parent


class PostgresServer:
    """A server on a free port of this machine. Its locale orders words as a dictionary does."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        # It refuses to run as root.
        self._user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        secret = folder / "password"
        secret.write_text(PASSWORD)
        if self._user is not None:
            for path in (folder, secret):
                os.chown(path, self._user, -1)
        locale = ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]
        access = ["--username", USER, "--pwfile", str(secret), "--auth=scram-sha-256"]
        self._run("initdb", "-D", "data", "--no-sync", "--encoding=UTF8", *locale, *access).wait()

    def url(self, database: str = "postgres") -> str:
        address = f"127.0.0.1:{self.port}"
        return f"postgresql+psycopg://{USER}:{quote(PASSWORD, safe='')}@{address}/{database}"

    def start(self) -> None:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "shared_buffers": "32MB",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        self._process = self._run("postgres", "-D", "data", *options)
        until = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
                return
            except Exception:
                assert self._process.poll() is None, self.log()
                assert time.monotonic() < until, self.log()
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """By SIGINT connections are closed, by SIGQUIT the server falls over."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
            self._process = None

    @contextmanager
    def down(self, how: signal.Signals = signal.SIGINT) -> Iterator[None]:
        self.stop(how)
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def hung(self) -> Iterator[None]:
        """It stands still meanwhile, with everything that it has started."""
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        stopped = [main]
        try:
            main.suspend()  # starts nothing any more
            stopped += main.children(recursive=True)
            for process in stopped[1:]:
                process.suspend()
            yield
        finally:
            for process in reversed(stopped):
                process.resume()

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """The rows that a statement brings, which is its own transaction."""
        import psycopg

        address = self.url(database).replace("+psycopg", "")
        with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def dump(self, url: str, *options: str) -> str:
        """The statements that make the database again, or that part of it."""
        program = self._programs / "pg_dump"
        done = subprocess.run(
            [program, "--inserts", *options, url.replace("+psycopg", "")],
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        # Those that begin with a backslash are for psql, and differ from dump to dump.
        lines = done.stdout.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("\\"))

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database."""
        name = f"t{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            with suppress(Exception):
                self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _run(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [self._programs / name, *arguments],
                cwd=self.folder,
                user=self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@contextmanager
def running(programs: Path) -> Iterator[PostgresServer]:
    # Not in pytest's folder, which only the user who runs the tests can look into.
    with tempfile.TemporaryDirectory(prefix="dateline-postgres-") as folder:
        server = PostgresServer(Path(folder), programs)
        server.start()
        try:
            yield server
        finally:
            server.stop()
