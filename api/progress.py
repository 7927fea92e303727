"""Long work with a progress bar on stderr."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from api.schemas import Fate
from rag.engine import Dateline
from rag.formats import read_articles, total_articles


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "")


def progress_bar(unit: str) -> Progress:
    """A bar on stderr that counts `unit`, leaves no trace, and is silent off a terminal."""
    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(unit),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def ingest_with_progress(engine: Dateline, paths: Sequence[str]) -> tuple[list[Fate], bool]:
    """(what became of each article, whether Ctrl-C ended it)."""
    fates: list[Fate] = []
    with progress_bar("articles") as progress:
        task = progress.add_task("Ingesting", total=total_articles(paths))
        try:
            for fate in engine.ingest(read_articles(paths)):
                fates.append(Fate.of(fate))
                progress.advance(task)
        except KeyboardInterrupt:
            return fates, True
    return fates, False
