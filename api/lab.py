"""The commands of who measures Dateline and makes it better: eval, bench, train, calibrate."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from api.options import DataDir, read_settings
from rag.errors import InputError

app = typer.Typer()


@app.command(
    "eval",
    epilog="Examples:\n\n"
    "dateline eval gold.jsonl --articles articles/ --json new.json --report page/\n\n"
    "dateline eval squad.json.gz --mode reader\n\n"
    "dateline eval gold.jsonl --compare old.json\n\n"
    "dateline eval gold.jsonl --without stories --without merging\n\n"
    "dateline eval new.json --compare old.json  (nothing is asked again)",
)
def evaluate(
    gold: Annotated[
        Path,
        typer.Argument(metavar="GOLD", help="Gold JSON lines, SQuAD JSON, or a saved run."),
    ],
    articles: Annotated[
        list[str] | None,
        typer.Option(help="Articles to ask, in place of the collection in --data-dir."),
    ] = None,
    mode: Annotated[
        Literal["end-to-end", "reader", "retrieval"] | None,
        typer.Option(
            help="The whole, the reader alone, or the retrieval alone.", show_default="end-to-end"
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a page with plots: DIR/index.html.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="An older run (--json) to compare with, paired by id."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ABILITY",
            help="Switch off, to see what it is worth: stories, merging, conflict, dates, names,"
            " questions or stopping.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Measure answers, retrieval and citations against gold questions, and say who missed."""
    from api.evaluation import Wanted, run_evaluation

    wanted = Wanted(gold, articles or [], mode, json_file, compare, report, without or [])
    run_evaluation(read_settings(data_dir), wanted)


@app.command(
    epilog="Examples:\n\n"
    "dateline bench --json bench.json --plot bench.svg\n\n"
    "dateline bench gold.jsonl --data-dir news/ --clients 32\n\n"
    "dateline bench --compare bench.json"
)
def bench(
    gold: Annotated[
        Path | None,
        typer.Argument(
            metavar="[GOLD]",
            help="Gold questions to ask; without, questions made of the articles' own sentences.",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    questions: Annotated[int, typer.Option(min=1, help="Questions to time, one by one.")] = 100,
    clients: Annotated[int, typer.Option(min=1, help="Clients that ask at once.")] = 16,
    seconds: Annotated[
        float, typer.Option(min=1.0, help="The most that each of the three parts may take.")
    ] = 20.0,
    key: Annotated[
        str | None,
        typer.Option(envvar="DATELINE_KEY", help="A key, if keys guard the collection's server."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw there, as SVG, where the time of a question goes."),
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="RUN", help="An older run (--json) to set beside it.")
    ] = None,
) -> None:
    """Measure how fast the collection answers, serves, takes in articles and starts.

    Stages of a question, one by one; many clients of a server; an ingest of its newest articles
    into a temporary collection; a process that starts and asks. The collection stays as it is.
    """
    from api.bench import Wanted, run_bench

    wanted = Wanted(gold, questions, clients, seconds, key, json_file, plot, compare)
    run_bench(read_settings(data_dir), wanted)


@app.command(
    epilog="Examples:\n\n"
    "dateline train squad.json.gz --dev dev.json.gz --out run/\n\n"
    "dateline train ours.jsonl --articles articles/ --out run/ --epochs 3 --learning-rate 3e-5"
)
def train(
    gold: Annotated[
        list[Path], typer.Argument(metavar="GOLD...", help="SQuAD JSON, or gold JSON lines.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; the same command goes on with it.")],
    articles: Annotated[
        list[str] | None, typer.Option(help="The articles that gold names, if not in --data-dir.")
    ] = None,
    dev: Annotated[
        list[Path] | None, typer.Option(help="Gold to measure on meanwhile, never to learn.")
    ] = None,
    base: Annotated[
        str, typer.Option(help="Reader or encoder to begin with: a name or a folder.")
    ] = "dateline-reader",
    epochs: Annotated[float, typer.Option(min=0.001, help="Times through all questions.")] = 2.0,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="At its highest.")] = 1e-4,
    batch_tokens: Annotated[
        int, typer.Option(min=256, help="Tokens in a batch, padding counted.")
    ] = 4096,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches in an update.")] = 1,
    negatives: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of questions with a hard negative.")
    ] = 0.3,
    twins: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share to be asked changed, without answer.")
    ] = 0.2,
    seed: Annotated[int, typer.Option(help="The same seed gives the same reader.")] = 0,
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="Where to train.")
    ] = "auto",
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Between checkpoints, each with dev figures.")
    ] = 5.0,
    data_dir: DataDir = None,
) -> None:
    """Fine-tune the reader on questions with answers. Ctrl-C loses nothing."""
    from api.training import Wanted, run_training
    from rag.training.loop import Recipe

    recipe = Recipe(
        base=base,
        seed=seed,
        epochs=epochs,
        learning_rate=learning_rate,
        batch_tokens=batch_tokens,
        accumulate=accumulate,
        checkpoint_minutes=minutes,
    )
    run_training(
        read_settings(data_dir),
        Wanted(gold, out, articles or [], dev or [], negatives, twins, device, recipe),
    )


@app.command(
    epilog="Example: dateline calibrate ours.jsonl --articles articles/ --reader run/reader"
)
def calibrate(
    gold: Annotated[
        list[Path], typer.Argument(metavar="GOLD...", help="SQuAD JSON, or gold JSON lines.")
    ],
    articles: Annotated[
        list[str] | None,
        typer.Option(help="Articles to ask, in place of the collection in --data-dir."),
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(
            envvar="DATELINE_READER",
            help="The reader's folder; 'dateline-reader' changes the installed one.",
        ),
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="Questions to read of each file, chosen evenly.")
    ] = 1000,
    data_dir: DataDir = None,
) -> None:
    """Fit how sure the reader's answers are, and from where on it answers; kept beside it.

    Some 50 questions with an answer are the least; each is read up to three times.
    """
    from api.calibration import run_calibration

    if reader is None:
        raise InputError(
            "which reader? Give --reader FOLDER, as 'dateline train' writes it, or --reader "
            "dateline-reader to change the one that is installed"
        )
    settings = read_settings(data_dir).model_copy(update={"reader": reader})
    run_calibration(settings, gold, articles or [], most)
