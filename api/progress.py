"""What long work says on stderr: a bar in a terminal, and lines."""

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from api.schemas import Fate
from rag.engine import Dateline
from rag.formats import total_articles
from rag.sandbox import read_safely
from rag.store import Embedded
from rag.types import Article, Skipped

Read = Callable[[Sequence[str]], Iterable[Article | Embedded | Skipped]]

EVERY_SECONDS = 30.0  # between lines where no terminal shows a bar


def say(message: str) -> None:
    """One line of ours on stderr."""
    print(f"dateline: {message}", file=sys.stderr, flush=True)


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "")


class _Lines(Progress):
    """The same off a terminal, such as in a log: a line every half a minute."""

    def __init__(self, unit: str) -> None:
        super().__init__(console=Console(stderr=True), disable=True)
        self._unit = unit
        self._said = time.monotonic()

    def update(self, task_id: TaskID, **changes: Any) -> None:
        super().update(task_id, **changes)
        self._say_now_and_then(task_id)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        self._say_now_and_then(task_id)

    def _say_now_and_then(self, task_id: TaskID) -> None:
        now = time.monotonic()
        if now - self._said >= EVERY_SECONDS:
            task = next(task for task in self.tasks if task.id == task_id)
            total = "" if task.total is None else f" of {task.total:,.0f}"
            say(f"{task.description}: {task.completed:,.0f}{total} {self._unit}{_pace(task)}")
            self._said = now


def _pace(task: Task) -> str:
    """How fast it goes and how long it still will, once that is known."""
    if not task.speed:
        return ""
    left = task.time_remaining
    return f", {task.speed:.1f}/s" + ("" if left is None else f", {timedelta(seconds=left)} left")


def progress_bar(unit: str) -> Progress:
    """A bar on stderr that counts `unit` and leaves no trace; lines where there is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return _Lines(unit)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
    )


def ingest_with_progress(
    engine: Dateline, paths: Sequence[str], read: Read = read_safely
) -> tuple[list[Fate], bool]:
    """(what became of each article that `read` finds, whether Ctrl-C ended it)."""
    fates: list[Fate] = []
    with progress_bar("articles") as progress:
        task = progress.add_task("Ingesting", total=total_articles(paths))
        try:
            for fate in engine.ingest(read(paths)):
                fates.append(Fate.of(fate))
                progress.advance(task)
        except KeyboardInterrupt:
            return fates, True
    return fates, False
