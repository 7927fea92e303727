"""Questions one after another at a terminal: the models stay loaded, the lines are remembered."""

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from api.options import parse_day
from rag.counted import counted
from rag.errors import DatelineError, InputError

if TYPE_CHECKING:
    from rag.engine import Dateline
    from rag.types import Reply

_REMEMBERED = 1000
_COMMANDS = {
    ":help": "show this",
    ":explain": "show the passages that are read, or no longer",
    ":as-of": "DAY: only what was known on that day; without a day: all of it",
    ":since": "DAY: only what was published from that day on",
    ":until": "DAY: only what was published up to that day",
    ":source": "NAME: only that outlet, and those named before; without a name: all",
    ":quit": "end, as Ctrl-D does",
}


@dataclass(frozen=True)
class Scope:
    """What of the collection a question is asked of, and whether what was read is shown."""

    top_k: int | None = None
    as_of: date | None = None
    since: date | None = None
    until: date | None = None
    sources: tuple[str, ...] = ()
    explain: bool = False

    def ask(self, engine: "Dateline", question: str) -> "Reply":
        return engine.ask(
            question,
            top_k=self.top_k,
            as_of=self.as_of,
            since=self.since,
            until=self.until,
            sources=self.sources,
        )

    @property
    def filters(self) -> str:
        """Which articles are asked, in words; "" for all of them."""
        days = (("as of", self.as_of), ("since", self.since), ("until", self.until))
        said = [f"{word} {day}" for word, day in days if day]
        said += ["from " + " or ".join(self.sources)] if self.sources else []
        return ", ".join(said)

    def __str__(self) -> str:
        explained = ", with what is read" if self.explain else ""
        return f"asking {self.filters or 'all articles'}{explained}"


def check_sources(engine: "Dateline", sources: Sequence[str]) -> None:
    """InputError for an outlet that no article is from."""
    if not sources:
        return
    known = {outlet.casefold(): outlet for outlet in engine.sources()}
    for source in sources:
        if source.casefold() not in known:
            near = difflib.get_close_matches(source.casefold(), known, n=3, cutoff=0.5)
            named = " or ".join(f"'{known[key]}'" for key in near)
            meant = f"did you mean {named}?" if near else "'dateline articles list' shows outlets"
            raise InputError(f"no article is from '{source}': {meant}")


def obey(line: str, scope: Scope) -> Scope:
    """The scope after a command of the session; InputError for what is none."""
    name, _, rest = line.partition(" ")
    given = rest.strip()
    match name:
        case ":explain":
            return replace(scope, explain=not scope.explain)
        case ":as-of":
            return replace(scope, as_of=parse_day(given) if given else None)
        case ":since":
            return replace(scope, since=parse_day(given) if given else None)
        case ":until":
            return replace(scope, until=parse_day(given) if given else None)
        case ":source":
            return replace(scope, sources=(*scope.sources, given) if given else ())
    near = difflib.get_close_matches(name, _COMMANDS, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise InputError(f"no command {name}: {meant}:help shows them all")


def run_session(engine: "Dateline", scope: Scope) -> None:
    """Ask until Ctrl-D or `:quit`; Ctrl-C drops the line, or the question that is being read."""
    from api.terminal import output, print_explanation, print_reply

    console = output()
    articles, _ = engine.counts()
    engine.reader  # noqa: B018 - loaded before the first question, not in it
    print(f"{counted(articles, 'article')}. Ask, or :help; Ctrl-D ends.")
    with _remembering():
        while True:
            try:
                line = input("dateline> ").strip()
                if line in (":quit", ":q", "quit", "exit"):
                    return
                if line in (":help", "help"):
                    width = max(map(len, _COMMANDS))
                    print("\n".join(f"{n:{width}}  {what}" for n, what in _COMMANDS.items()))
                elif line.startswith(":"):
                    changed = obey(line, scope)
                    check_sources(engine, changed.sources)
                    scope = changed
                    print(scope)
                elif line:
                    reply = scope.ask(engine, line)
                    print_reply(reply, console, scope.filters)
                    if scope.explain:
                        print_explanation(reply, console)
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print()
            except DatelineError as error:
                print(f"dateline: {error}", file=sys.stderr)


@contextmanager
def _remembering() -> Iterator[None]:
    """Lines can be edited and come back with the arrow keys, from earlier sessions too.

    Questions tell what somebody works on: their file is for its owner's eyes only.
    """
    try:
        import readline
    except ImportError:  # Windows edits lines by itself, and forgets them
        yield
        return
    import platformdirs

    path = platformdirs.user_state_path("dateline") / "history"
    readline.set_history_length(_REMEMBERED)
    readline.set_completer_delims(" ")
    readline.set_completer(_complete)
    readline.parse_and_bind("tab: complete")
    with suppress(OSError):
        readline.read_history_file(path)
    try:
        yield
    finally:
        # A folder that cannot be written is no reason to end with an error.
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
            readline.write_history_file(path)


def _complete(typed: str, state: int) -> str | None:
    """The command number `state` that begins with what was typed."""
    found = [name for name in _COMMANDS if typed.startswith(":") and name.startswith(typed)]
    return found[state] if state < len(found) else None
