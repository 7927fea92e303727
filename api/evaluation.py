"""The `eval` command: gold or a saved run in; a table, figures and a comparison out."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from api.progress import progress_bar, say
from eval.compare import compare, require_pairs
from eval.gold import Gold, parse_gold, read_text
from eval.records import Mode, Run, load_run, parse_run
from eval.run import evaluate, require_articles
from eval.table import format_table
from rag.abilities import Abilities
from rag.engine import Dateline
from rag.errors import InputError
from rag.formats import read_articles
from rag.settings import Settings
from rag.types import Skipped


@dataclass(frozen=True)
class Wanted:
    """What the command line asked for. `mode` None: end-to-end, or that of the saved run.

    `without` are the abilities to be switched off.
    """

    gold: Path
    articles: Sequence[str] = ()
    mode: Mode | None = None
    json_file: Path | None = None
    compare: Path | None = None
    report: Path | None = None
    without: Sequence[str] = ()


def run_evaluation(settings: Settings, wanted: Wanted) -> None:
    """Print the table on stdout; write what else is wanted, and say on stderr what was written.

    Whatever can be wrong with the arguments is told before minutes of asking. Ctrl-C ends it with
    one line that says what is there; half a run is never written, since a question without a
    prediction would count as wrong.
    """
    written: list[str] = []
    try:
        _evaluate(settings, wanted, written)
    except KeyboardInterrupt:
        kept = " and ".join(written) or "nothing"
        say(f"interrupted; {kept} was written")
        raise
    if written:
        say(f"wrote {' and '.join(written)}")


def _evaluate(settings: Settings, wanted: Wanted, written: list[str]) -> None:
    if wanted.json_file is not None:
        check_writable(wanted.json_file)
    if wanted.report is not None:
        _check_folder(wanted.report)
    abilities = Abilities().without(wanted.without)
    old = None if wanted.compare is None else load_run(wanted.compare)
    text = read_text(wanted.gold)
    run = parse_run(text, str(wanted.gold))
    if run is not None:
        _refuse_asking(wanted, run)
    else:
        gold = parse_gold(text, str(wanted.gold))
        if old is not None:
            asked = [(question.id, question.question) for question in gold.questions]
            require_pairs(old, asked, str(wanted.compare))
        mode = wanted.mode or "end-to-end"
        run = ask_with_progress(settings, gold, wanted.articles, mode, abilities)
        run["gold"] = wanted.gold.name
        if wanted.without:
            run["without"] = list(wanted.without)
    if old is not None:
        run["comparison"] = compare(old, run, str(wanted.compare))
    if wanted.json_file is not None:
        write_whole(wanted.json_file, json.dumps(run, indent=1, ensure_ascii=False) + "\n")
        written.append(str(wanted.json_file))
    if wanted.report is not None:
        from eval.report import render  # matplotlib takes a second, and only the report needs it

        page = wanted.report / "index.html"
        write_whole(page, render(run))
        written.append(str(page))
    # Last: whoever reads the table may stop listening, as `head` does.
    Console(highlight=False).print(format_table(run))


def ask_with_progress(
    settings: Settings, gold: Gold, articles: Sequence[str], mode: Mode, abilities: Abilities
) -> Run:
    """The figures of `eval.run.evaluate`.

    The collection asked is that of the settings, or a temporary one of `articles` or of the
    gold's own paragraphs.
    """
    if not articles and not gold.articles:
        with Dateline.open(settings, abilities=abilities) as engine:
            require_articles(engine, gold)
            return _ask(engine, gold, mode)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        settings = settings.apart(Path(folder))
        with Dateline.open(settings, create=True, abilities=abilities) as engine:
            # The reader alone reads the gold's own paragraphs; nothing needs to be found.
            if mode != "reader" or articles:
                ingest_gold(engine, gold, articles)
            return _ask(engine, gold, mode)


def ingest_gold(engine: Dateline, gold: Gold, articles: Sequence[str]) -> None:
    """The gold's own articles and those under the paths.

    Raises InputError for what cannot be read, and if the gold means none of them.
    """
    collection = [*gold.articles, *read_articles(articles)]
    with progress_bar("articles") as progress:
        task = progress.add_task("Ingesting", total=len(collection))
        for fate in engine.ingest(collection):
            if isinstance(fate, Skipped):
                raise InputError(f"{fate.where}: {fate.reason}")
            progress.advance(task)
    require_articles(engine, gold)


def _ask(engine: Dateline, gold: Gold, mode: Mode) -> Run:
    total = len(gold.questions)
    with progress_bar("questions") as progress:
        task = progress.add_task("Loading the models", total=total)

        def asked(done: int) -> None:
            stage = "Asking" if done < total else "Reckoning"
            progress.update(task, completed=done, description=stage)

        if mode != "retrieval":
            engine.reader  # noqa: B018 - loaded here, not inside the first question's time
        progress.update(task, description="Asking")
        return evaluate(engine, gold, mode, on_progress=asked)


def _refuse_asking(wanted: Wanted, run: Run) -> None:
    """A saved run is shown and compared; nothing is asked, so that nothing can be set for it."""
    for option, given in (("--articles", wanted.articles), ("--without", wanted.without)):
        if given:
            raise InputError(
                f"{wanted.gold} is a saved run, of which no question is asked again: leave out"
                f" {option}, or give gold questions"
            )
    if wanted.mode is not None and wanted.mode != run["mode"]:
        raise InputError(
            f"{wanted.gold} is a saved run in mode {run['mode']}, not {wanted.mode}: leave out"
            " --mode, or give gold questions"
        )


def check_writable(path: Path) -> None:
    """Told before an evaluation of minutes, not after it; leaves no empty file behind."""
    is_new = not path.exists() and not path.is_symlink()
    try:
        path.open("a").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error


def _check_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {path}: {error.strerror or error}; --report takes a folder"
        ) from error
    check_writable(path / "index.html")


def write_whole(path: Path, text: str) -> None:
    """The whole text or nothing: a run before it stays whole until the new one is."""
    if path.exists() and not path.is_file():  # a device such as /dev/stdout
        path.write_text(text, encoding="utf-8")
        return
    path = path.resolve()
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
