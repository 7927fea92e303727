"""The `bench` command: a collection in; its speed as a table, as JSON and as a plot out."""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from api.evaluation import check_writable, write_whole
from api.progress import progress_bar, say
from eval.bench import (
    ask_times,
    machine,
    made_questions,
    newest_articles,
    spread,
    start_up,
    take_in,
)
from eval.bench_record import ROWS, STAGES, Bench, load_bench
from eval.gold import load_gold
from eval.serving import Address, environment, load, resident_mb, serving
from rag.engine import Dateline
from rag.errors import InputError
from rag.settings import Settings

_COLD_ROUNDS = 5


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for; `seconds` is the most that each part may take."""

    gold: Path | None = None
    questions: int = 100
    clients: int = 16
    seconds: float = 20.0
    key: str | None = None
    json_file: Path | None = None
    plot: Path | None = None
    compare: Path | None = None


def run_bench(settings: Settings, wanted: Wanted) -> None:
    """Print the table on stdout; write what else is wanted, and say on stderr what was written."""
    for path in (wanted.json_file, wanted.plot):
        if path is not None:
            check_writable(path)
    old = None if wanted.compare is None else load_bench(wanted.compare)
    bench = _measure(settings, wanted)
    written = []
    if wanted.json_file is not None:
        write_whole(wanted.json_file, json.dumps(bench, indent=1, ensure_ascii=False) + "\n")
        written.append(str(wanted.json_file))
    if wanted.plot is not None:
        from eval.plots import plot_stages  # matplotlib takes a second, and only this needs it
        from eval.svg import standalone

        write_whole(wanted.plot, standalone(plot_stages(bench["asked"])))
        written.append(str(wanted.plot))
    if written:
        say(f"wrote {' and '.join(written)}")
    if bench["load"]["refused"]:
        say(f"the server was too busy {bench['load']['refused']} times: fewer --clients show more")
    if bench["start_up"]["heavy"]:
        say(f"a question is answered with {', '.join(bench['start_up']['heavy'])} imported")
    Console(highlight=False).print(_table(bench, old))


def _measure(settings: Settings, wanted: Wanted) -> Bench:
    with Dateline.open(settings) as engine, progress_bar("done") as progress:
        if engine.keys() and wanted.key is None:
            raise InputError("keys guard this collection's server: give one with --key")
        articles = newest_articles(engine)
        if wanted.gold is None:
            questions = made_questions(articles)
        else:
            questions = [question.question for question in load_gold(wanted.gold).questions]
        if len(questions) < 2:
            raise InputError("too few questions to measure by: give a file of gold questions")
        report = _Reporter(progress, "Loading the models", 0)
        models = {"encoder": engine.encoder_name, "reader": engine.reader.name}
        report = _Reporter(progress, "Asking", min(wanted.questions, len(questions)))
        asked = ask_times(engine, questions[: wanted.questions + 3], wanted.seconds, report)
        report = _Reporter(progress, "Ingesting", len(articles))
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            empty = settings.model_copy(update={"data_dir": Path(folder)})
            with Dateline.open(empty, create=True) as copy:
                ingested = take_in(copy, articles, wanted.seconds, report)
        held = engine.counts()
        _Reporter(progress, f"{wanted.clients} clients", None)
        with serving(settings) as (process, port):
            address = Address(port, wanted.key)
            loaded = load(address, questions, wanted.clients, wanted.seconds)
            resident = resident_mb(process.pid)
        _Reporter(progress, "Starting", None)
        ask = ["-m", "api.cli", "ask", questions[0], "--json"]
        started = start_up(
            [sys.executable, *ask],
            [sys.executable, "-X", "importtime", *ask],
            environment(settings),
            _COLD_ROUNDS,
        )
    return {
        "machine": machine(),
        "models": models,
        "articles": held[0],
        "passages": held[1],
        "gold": None if wanted.gold is None else wanted.gold.name,
        # A stage is one of the keys, which a checker cannot see in a loop.
        "ask_ms": {
            stage: spread([times[stage] for times in asked])  # type: ignore[literal-required]
            for stage in (*STAGES, "total")
        },
        "asked": asked,
        "load": loaded,
        "resident_mb": resident,
        "ingest": ingested,
        "start_up": started,
    }


class _Reporter:
    """The bar's next part; called with how much of it is done."""

    def __init__(self, progress: Progress, name: str, total: int | None) -> None:
        for task in progress.task_ids:
            progress.remove_task(task)
        self._progress, self._task = progress, progress.add_task(name, total=total)

    def __call__(self, done: int) -> None:
        self._progress.update(self._task, completed=done)


def _table(bench: Bench, old: Bench | None) -> Table:
    machine, asked = bench["machine"], len(bench["asked"])
    table = Table(
        title=f"{bench['articles']:,} articles, {bench['passages']:,} passages, {asked} questions",
        caption=f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f}",
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    if old is not None:
        table.add_column("old", justify="right")
        table.add_column("new / old", justify="right")
    for row in ROWS:
        value = row.of(bench)
        cells = [row.name, _shown(value), row.unit]
        if old is not None:
            before = row.of(old)
            ratio = "–" if not value or not before else f"{value / before:.2f}"
            cells += [_shown(before), ratio]
        table.add_row(*cells)
    return table


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"
