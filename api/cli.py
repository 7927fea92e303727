"""The command line. Commands only translate; what is heavy is imported where it is used."""

import logging
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from api.articles import app as articles_app
from api.ask import app as ask_app
from api.assistant import app as assistant_app
from api.feedback import app as feedback_app
from api.keys import app as keys_app
from api.lab import app as lab_app
from api.maintenance import app as maintenance_app
from api.options import (
    AsJson,
    DataDir,
    RayAddress,
    check_asked,
    input_name,
    open_collection,
    print_json,
    read_settings,
)
from api.stats import app as stats_app
from api.stories import app as stories_app
from rag.counted import counted
from rag.errors import DatelineError, InputError

if TYPE_CHECKING:
    from api.schemas import CitationIn

EXIT_USER_ERROR = 1
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="dateline",
    help="Ask news articles; get the exact words that answer, with citations you can check.",
    epilog="Start with: dateline ingest my-articles/   then: dateline ask 'Who visited Tehran?'",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(ask_app)
app.add_typer(articles_app)
app.add_typer(feedback_app, name="feedback")
app.add_typer(keys_app, name="keys")
app.add_typer(stories_app)
app.add_typer(assistant_app)
app.add_typer(stats_app)
app.add_typer(lab_app)
app.add_typer(maintenance_app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"dateline {version('dateline')}")
        raise typer.Exit


@app.callback()
def options(
    shows_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """What is asked of the program and of none of its commands."""


def main() -> None:
    """Run the command line; a DatelineError is one line on stderr and exit code 1."""
    logger = logging.getLogger("dateline")
    logger.addHandler(_StderrHandler())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        _check_arguments(sys.argv[1:])
        app(prog_name="dateline")
    except DatelineError as error:
        _fail(str(error))
    except BrokenPipeError:
        # The reader of our output has gone (as `head` does): nothing is left to say.
        sys.stderr.close()
        raise SystemExit(EXIT_USER_ERROR) from None


def _check_arguments(arguments: list[str]) -> None:
    """Bytes that are not UTF-8 reach Python as lone surrogates, which nothing can store."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise InputError(f"the argument {argument!a} is not UTF-8")


class _StderrHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(f"dateline: {record.getMessage()}", file=sys.stderr)


def _fail(message: str) -> NoReturn:
    print(f"dateline: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(EXIT_USER_ERROR)


@app.command(
    epilog="Examples: dateline ingest news/ 'more/*.html' wire.jsonl; on a Ray cluster: "
    "dateline ingest /shared/news/ --ray --ray-address 10.0.0.1:6379"
)
def ingest(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Files (.txt .md .html .jsonl .csv .parquet .pdf .docx .rss .atom .xml), folders, "
            "globs, or '-' for JSON lines.",
        ),
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    ray: Annotated[
        bool,
        typer.Option(
            "--ray",
            help="Read and embed on a Ray cluster, whose nodes find the files under the same "
            "paths; without an address on this machine. Needs dateline\\[ray].",
        ),
    ] = False,
    ray_address: RayAddress = None,
) -> None:
    """Add articles to the collection. Doing so twice changes nothing."""
    from api.progress import Read, ingest_with_progress
    from api.schemas import IngestOut
    from api.terminal import foreign_note, undated_note
    from rag.ray_ingest import read_on_ray
    from rag.sandbox import read_safely

    with open_collection(data_dir, create=True) as engine:
        undated_before = engine.overview().undated
        read: Read = read_safely
        if ray:
            settings = read_settings(data_dir)
            read = partial(
                read_on_ray,
                encoder=settings.encoder,
                encoder_name=engine.encoder_name,
                stored=engine.content_hashes(),
                address=settings.ray_address if ray_address is None else ray_address,
            )
        fates, interrupted = ingest_with_progress(engine, paths, read)
        overview = engine.overview()
    result = IngestOut.of(fates)
    if as_json:
        print_json(result.model_dump_json(indent=2))
    else:
        print(
            f"{result.added} added, {result.updated} updated, {result.unchanged} unchanged, "
            f"{result.skipped} skipped; the collection holds "
            f"{counted(overview.articles, 'article')} "
            f"({counted(overview.passages, 'passage')})"
        )
    if overview.undated > undated_before:
        print(f"dateline: {undated_note(overview.undated, overview.articles)}", file=sys.stderr)
    if note := foreign_note(fate.language for fate in fates):
        print(f"dateline: {note}", file=sys.stderr)
    for fate in fates:
        if fate.status == "skipped":
            where = " ".join(str(fate.where).split())
            print(f"dateline: skipped {where}: {fate.reason}", file=sys.stderr)
    if interrupted:
        print(
            "dateline: interrupted; what is counted here is kept, the same command goes on",
            file=sys.stderr,
        )
        raise typer.Exit(EXIT_INTERRUPTED)
    if result.skipped:
        raise typer.Exit(EXIT_USER_ERROR)


@app.command(epilog="Example: dateline search 'water treaty' --limit 5")
def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Passages to show.")] = 10,
) -> None:
    """Show the passages that fit a query best, without reading them."""
    from api.schemas import HitOut, SearchResponse
    from api.terminal import output, print_hits

    check_asked(query, "query")
    with open_collection(data_dir) as engine:
        hits = engine.search(query, limit)
    if as_json:
        response = SearchResponse(query=query, hits=[HitOut.of(hit) for hit in hits])
        print_json(response.model_dump_json(indent=2))
    else:
        print_hits(hits, output())


@app.command(epilog="Example: dateline ask '...' --json | dateline verify -")
def verify(
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="Citations as JSON, or a reply of 'ask --json'.")
    ],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check citations against the stored articles: hash and quote. Exit code 1 if one fails."""
    from api.schemas import VerifyResponse

    citations = _read_citations(file)
    with open_collection(data_dir) as engine:
        verdicts = [engine.verify(**citation.model_dump()) for citation in citations]
    response = VerifyResponse.of(citations, verdicts)
    if as_json:
        print_json(response.model_dump_json(indent=2))
    else:
        for citation, verdict in zip(citations, verdicts, strict=True):
            mark = "ok  " if verdict.valid else "FAIL"
            print(
                f"{mark} {citation.article_id} [{citation.start}:{citation.end}] "
                f"“{citation.quote}”: {verdict.reason}"
            )
    if not response.valid:
        raise typer.Exit(EXIT_USER_ERROR)


def _read_citations(file: str) -> "list[CitationIn]":
    """The citations in a JSON document: one, a list of them, or those of a reply."""
    from pydantic import TypeAdapter, ValidationError

    from api.schemas import CitationIn, CitedReply

    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error
    try:
        given = TypeAdapter(CitedReply | list[CitationIn] | CitationIn).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        wrong = f"{field}: {first['msg']}" if field else first["msg"]
        raise InputError(
            f"{input_name(file)} holds no citations ({wrong}): "
            "give what 'dateline ask --json' prints"
        ) from error
    if isinstance(given, CitedReply):
        given = given.citations
    citations = given if isinstance(given, list) else [given]
    if not citations:
        raise InputError(
            f"{input_name(file)} holds no citation: give what 'dateline ask --json' prints"
        )
    return citations


def _port(given: str | int) -> int:
    try:
        port = int(given)
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise typer.BadParameter(f"'{given}' is no port: give a number from 1 to 65535")
    return port


@app.command(
    epilog="Examples: dateline serve --port 8080; read on a Ray cluster: dateline serve --ray "
    "--ray-address 10.0.0.1:6379 --ray-replicas 4"
)
def serve(
    data_dir: DataDir = None,
    host: Annotated[str, typer.Option(envvar="DATELINE_HOST", help="Address.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(envvar="DATELINE_PORT", parser=_port, metavar="1..65535", help="Port."),
    ] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    ray: Annotated[
        bool,
        typer.Option(
            "--ray",
            help="Read passages on a Ray cluster; without an address on this machine. "
            "Needs dateline\\[ray].",
        ),
    ] = False,
    ray_address: RayAddress = None,
    ray_replicas: Annotated[
        int | None,
        typer.Option(
            envvar="DATELINE_RAY_REPLICAS",
            min=1,
            show_default="1",
            help="Readers there, each with a CPU; there will be as many processes here.",
        ),
    ] = None,
) -> None:
    """Serve the collection over HTTP; the API's page is at /docs."""
    from api.serve import run

    settings = read_settings(data_dir)
    given = {"ray_address": ray_address, "ray_replicas": ray_replicas}
    given = {name: value for name, value in given.items() if value is not None}
    run(settings.model_copy(update=given), host, port, workers, ray)


if __name__ == "__main__":
    main()
