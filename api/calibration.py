"""The `calibrate` command: gold questions in, a confidence beside the reader out."""

import os
import random
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from api.evaluation import ingest_gold
from api.progress import progress_bar, say
from eval.calibrate import Case, Fit, fit, read_cases
from eval.gold import Gold, load_gold
from eval.run import require_articles
from rag.checkpoint import config_path
from rag.counted import counted
from rag.engine import Dateline
from rag.errors import InputError
from rag.reader import ReaderConfig
from rag.settings import Settings


def run_calibration(
    settings: Settings, files: Sequence[Path], articles: Sequence[str], most: int
) -> None:
    """Fit the confidence of the settings' reader and write it beside that.

    At most `most` questions of each file are read, the same each time.
    """
    golds = [load_gold(file) for file in files]
    path = config_path(settings.reader)
    config = ReaderConfig.load(path)
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"cannot write {path}; calibrate a reader of your own: --reader FOLDER")
    cases: list[Case] = []
    for gold in golds:
        cases += _cases(settings, gold, articles, most)
    fitted = fit(cases, config.calibration)
    replace(config, calibration=fitted.calibration).save(path)
    Console(highlight=False).print(_table(fitted))
    say(f"wrote {path}")


def _cases(settings: Settings, gold: Gold, articles: Sequence[str], most: int) -> list[Case]:
    questions = list(gold.questions)
    random.Random(0).shuffle(questions)
    asked = Gold(tuple(questions[:most]), gold.articles)
    with ExitStack() as stack:
        if articles or gold.articles:
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            settings = settings.apart(Path(folder))
            engine = stack.enter_context(Dateline.open(settings, create=True))
            ingest_gold(engine, gold, articles)
        else:
            engine = stack.enter_context(Dateline.open(settings))
            require_articles(engine, gold)
        progress = stack.enter_context(progress_bar("questions"))
        task = progress.add_task("Reading", total=len(asked.questions))
        return read_cases(engine, asked, lambda done: progress.update(task, completed=done))


def _table(fitted: Fit) -> Table:
    table = Table(title=f"fitted on {counted(fitted.readings, 'reading')}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_row("forced F1, answerable", f"{fitted.forced_f1:.3f}")
    table.add_row("calibration error, questions left out", f"{fitted.ece:.3f}")
    if fitted.auroc is not None:
        table.add_row("AUROC of answerable against not, left out", f"{fitted.auroc:.3f}")
    table.add_row("answer from a confidence of", f"{fitted.calibration.threshold:.2f}")
    return table
