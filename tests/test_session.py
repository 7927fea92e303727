"""The session's commands, and questions one after another at a real terminal."""

import os
import select
import signal
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from conftest import article

from api.session import Scope, check_sources, obey
from rag.engine import Dateline
from rag.errors import InputError

pty = pytest.importorskip("pty")
ROOT = Path(__file__).parent.parent
STORM = article("The storm came. answer: Tuesday 3 it was.", published=date(2024, 3, 5))


@pytest.mark.parametrize(
    ("lines", "expected", "said"),
    [
        ([":since 2024-03-05"], Scope(since=date(2024, 3, 5)), "asking since 2024-03-05"),
        ([":as-of 2024-03-05", ":as-of"], Scope(), "asking all articles"),
        ([":until  2024-03-05 "], Scope(until=date(2024, 3, 5)), "asking until 2024-03-05"),
        (
            [":source Harbour Wire", ":source Ledger"],
            Scope(sources=("Harbour Wire", "Ledger")),
            "asking from Harbour Wire or Ledger",
        ),
        ([":source Ledger", ":source"], Scope(), "asking all articles"),
        ([":explain"], Scope(explain=True), "asking all articles, with what is read"),
        ([":explain", ":explain"], Scope(), "asking all articles"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_commands_change_what_is_asked_and_it_is_said(
    lines: list[str], expected: Scope, said: str
) -> None:
    scope = Scope()
    for line in lines:
        scope = obey(line, scope)
    assert scope == expected
    assert str(scope) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (":since Tuesday", "'Tuesday' is no day: write it as 2024-03-05"),
        (":sinse 2024-03-05", "no command :sinse: did you mean :since? :help shows them all"),
        (":xyzzy", "no command :xyzzy: :help shows them all"),
    ],
)
def test_what_is_no_command_says_what_to_write(line: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        obey(line, Scope())
    assert str(raised.value) == said


def test_the_scope_restricts_the_question(dateline: Dateline) -> None:
    list(dateline.ingest([STORM]))
    assert Scope().ask(dateline, "When did the storm come?").answered
    later = Scope(since=date(2024, 3, 6))
    assert not later.ask(dateline, "When did the storm come?").answers


def test_an_outlet_that_no_article_is_from_is_refused_with_the_nearest(dateline: Dateline) -> None:
    list(dateline.ingest([replace(STORM, source="Harbour Wire")]))
    check_sources(dateline, ())
    check_sources(dateline, ("harbour wire",))
    with pytest.raises(InputError, match="from 'Harbor': did you mean 'Harbour Wire'"):
        check_sources(dateline, ("Harbour Wire", "Harbor"))


class Typed:
    """A session of fakes at the other end of a pseudo-terminal."""

    program = """
import sys
from pathlib import Path
from conftest import FakeEncoder, FakeReader, article
from api.session import Scope, run_session
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store
store = Store.create(Path(sys.argv[1]), "fake-encoder")
index = EmbeddedIndex(Path(sys.argv[1], "index"), store, FakeEncoder.dimension)
with Dateline(store, index, FakeEncoder(), FakeReader) as engine:
    list(engine.ingest([article("The storm came. answer: Tuesday 3 it was.")]))
    run_session(engine, Scope())
"""

    def __init__(self, folder: Path) -> None:
        self._shown = ""  # and not yet waited for
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            # Tests that were begun in the background ignore it, and their children inherit that.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
            environment = os.environ | {"PYTHONPATH": path, "XDG_STATE_HOME": str(folder / "state")}
            arguments = [sys.executable, "-c", self.program, str(folder / "data")]
            os.execve(sys.executable, arguments, environment)
        self.wait_for("dateline> ")

    def wait_for(self, expected: str) -> None:
        """Read on until that is shown."""
        assert self._shows(expected, 60), self._shown

    def _shows(self, expected: str, seconds: float) -> bool:
        """Whether that is shown in that time; what stands before it is then forgotten."""
        until = time.monotonic() + seconds
        while expected not in self._shown:
            if time.monotonic() > until:
                return False
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    self._shown += os.read(self._terminal, 4096).decode()
                except OSError as error:  # Linux: the other end is closed
                    raise AssertionError(f"ended after {self._shown!r}") from error
        self._shown = self._shown.partition(expected)[2]
        return True

    def interrupt(self, typed: str) -> None:
        """Type something and press Ctrl-C, until there is a new line.

        What comes while readline takes in a key it keeps to itself until the next key: it is
        pressed once the keys are shown, and again if that was too soon.
        """
        self.type(typed)
        self.wait_for(typed)
        for _ in range(10):
            self.type("\x03")
            if self._shows("dateline> ", 2):
                return
        raise AssertionError(self._shown)

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def end(self, keys: str) -> int:
        """The exit code after these keys."""
        self.type(keys)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended
        os.close(self._terminal)


def test_a_session_answers_forgives_and_remembers(tmp_path: Path) -> None:
    session = Typed(tmp_path)
    try:
        session.type("help\n")
        session.wait_for("end, as Ctrl-D does")
        session.wait_for("dateline> ")
        session.type("When did the storm come?\n")
        session.wait_for("Tuesday")
        session.wait_for("dateline> ")
        session.interrupt("half a question")
        session.type(":sinse\n")
        session.wait_for("did you mean :since?")
        session.wait_for("dateline> ")
        assert session.end("\x04") == 0
    finally:
        session.kill()
    history = tmp_path / "state" / "dateline" / "history"
    assert history.read_text().splitlines() == [
        "help",
        "When did the storm come?",
        ":sinse",
    ]
    assert history.stat().st_mode & 0o077 == 0

    again = Typed(tmp_path)
    try:
        again.type("\x1b[A\x1b[A\n")
        again.wait_for("Tuesday")
        again.wait_for("dateline> ")
        assert again.end(":quit\n") == 0
    finally:
        again.kill()
