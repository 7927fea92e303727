"""Long work with a progress bar on stderr."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from eval.gold import load_gold
from eval.run import Mode, evaluate
from rag.engine import Dateline
from rag.errors import InputError
from rag.formats import read_articles, total_articles
from rag.settings import Settings
from rag.types import Skipped


class _Rate(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self._unit}/s" if speed else "")


def _bar(unit: str) -> Progress:
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
    with _bar("articles") as progress:
        task = progress.add_task("Ingesting", total=total_articles(paths))
        try:
            for fate in engine.ingest(read_articles(paths)):
                fates.append(Fate.of(fate))
                progress.advance(task)
        except KeyboardInterrupt:
            return fates, True
    return fates, False


def evaluate_with_progress(
    settings: Settings, gold_path: Path, articles: Sequence[str], mode: Mode
) -> dict[str, Any]:
    """The figures of `eval.run.evaluate`.

    The collection asked is that of the settings, or a temporary one of `articles` or of the
    gold's own paragraphs.
    """
    gold = load_gold(gold_path)
    with tempfile.TemporaryDirectory() as folder, _bar("questions") as progress:
        if articles or gold.articles:
            settings = settings.model_copy(update={"data_dir": Path(folder)})
            engine = Dateline.open(settings, create=True)
            collection = [*gold.articles, *read_articles(articles)]
            # The reader alone reads the gold's own paragraphs; nothing needs to be found.
            if mode != "reader" or articles:
                task = progress.add_task("Ingesting", total=len(collection))
                for fate in engine.ingest(collection):
                    if isinstance(fate, Skipped):
                        raise InputError(f"{fate.where}: {fate.reason}")
                    progress.advance(task)
                progress.remove_task(task)
        else:
            engine = Dateline.open(settings)
        task = progress.add_task("Asking", total=len(gold.questions))
        try:
            if mode != "retrieval":
                engine.reader  # noqa: B018 - loaded here, not inside the first question's time
            return evaluate(
                engine, gold, mode, on_progress=lambda n, _total: progress.update(task, completed=n)
            )
        finally:
            engine.close()
