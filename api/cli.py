"""The command line. Commands only translate; what is heavy is imported where it is used."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.console import Console

from api.lab import app as lab_app
from api.maintenance import app as maintenance_app
from api.options import AsJson, DataDir, day, read_settings
from api.stories import app as stories_app
from rag.errors import DatelineError, InputError

if TYPE_CHECKING:
    from api.schemas import CitationIn
    from rag.engine import Dateline

EXIT_USER_ERROR = 1
EXIT_NO_ANSWER = 3
EXIT_INTERRUPTED = 130
_MOST = 2**31 - 1

app = typer.Typer(
    name="dateline",
    help="Ask news articles; get the exact words that answer, with citations you can check.",
    epilog="Start with: dateline ingest my-articles/   then: dateline ask 'Who visited Tehran?'",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
articles_app = typer.Typer(no_args_is_help=True, help="List, show and delete stored articles.")
app.add_typer(articles_app, name="articles")
app.add_typer(stories_app)
app.add_typer(lab_app)
app.add_typer(maintenance_app)


def main() -> None:
    """Run the command line; a DatelineError is one line on stderr and exit code 1."""
    logger = logging.getLogger("dateline")
    logger.addHandler(_StderrHandler())
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        _check_arguments(sys.argv[1:])
        app()
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


def _print_json(document: str) -> None:
    sys.stdout.write(document + "\n")


def _open(data_dir: Path | None, create: bool = False) -> "Dateline":
    from rag.engine import Dateline

    return Dateline.open(read_settings(data_dir), create=create)


@app.command(epilog="Example: dateline ingest news/ 'more/*.html' wire.jsonl")
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
) -> None:
    """Add articles to the collection. Doing so twice changes nothing."""
    from api.progress import ingest_with_progress
    from api.schemas import IngestOut
    from api.terminal import foreign_note

    with _open(data_dir, create=True) as engine:
        fates, interrupted = ingest_with_progress(engine, paths)
        articles, passages = engine.counts()
    result = IngestOut.of(fates)
    if as_json:
        _print_json(result.model_dump_json(indent=2))
    else:
        print(
            f"{result.added} added, {result.updated} updated, {result.unchanged} unchanged, "
            f"{result.skipped} skipped; the collection holds {articles} articles "
            f"({passages} passages)"
        )
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


@app.command(epilog="Example: dateline ask 'Who mediated the talks?' --since 2024-03-01")
def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotes.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, max=100, show_default="10", help="Passages to read."),
    ] = None,
    as_of: Annotated[datetime | None, day("Only what was known on this day.")] = None,
    since: Annotated[datetime | None, day("Only what was published from this day on.")] = None,
    until: Annotated[datetime | None, day("Only what was published up to this day.")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="Only this outlet; may be given again.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the passages that were read.")
    ] = False,
) -> None:
    """Answer a question with the exact words of an article, or say that none answers it."""
    from api.schemas import AskResponse
    from api.terminal import print_explanation, print_reply

    with _open(data_dir) as engine:
        reply = engine.ask(
            question,
            top_k=top_k,
            as_of=as_of.date() if as_of else None,
            since=since.date() if since else None,
            until=until.date() if until else None,
            sources=source or [],
        )
    if as_json:
        _print_json(AskResponse.of(reply).model_dump_json(indent=2))
    else:
        print_reply(reply)
    if explain:
        print_explanation(reply, Console(stderr=as_json, highlight=False))
    if not reply.answered:
        raise typer.Exit(EXIT_NO_ANSWER)


@app.command(epilog="Example: dateline search 'water treaty' --limit 5")
def search(
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Passages to show.")] = 10,
) -> None:
    """Show the passages that fit a query best, without reading them."""
    from api.schemas import HitOut, SearchResponse
    from api.terminal import print_hits

    with _open(data_dir) as engine:
        hits = engine.search(query, limit)
    if as_json:
        response = SearchResponse(query=query, hits=[HitOut.of(hit) for hit in hits])
        _print_json(response.model_dump_json(indent=2))
    else:
        print_hits(hits, Console(highlight=False))


@articles_app.command("list")
def list_articles(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(min=1, max=_MOST, help="Articles to show.")] = 50,
    offset: Annotated[int, typer.Option(min=0, max=_MOST, help="Articles to pass over.")] = 0,
) -> None:
    """List articles, newest first."""
    from api.schemas import ArticleOut, ArticlesOut
    from api.terminal import print_articles

    with _open(data_dir) as engine:
        total, _ = engine.counts()
        found = engine.articles(limit, offset)
    if as_json:
        listing = ArticlesOut(total=total, articles=[ArticleOut.of(article) for article in found])
        _print_json(listing.model_dump_json(indent=2))
    else:
        print_articles(found, total, Console(highlight=False))


@articles_app.command("show")
def show_article(
    article_id: Annotated[str, typer.Argument(metavar="ID")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one article as it is stored, and what cleaning removed."""
    from api.schemas import FullArticleOut
    from api.terminal import print_article

    with _open(data_dir) as engine:
        article = engine.article(article_id)
    if as_json:
        _print_json(FullArticleOut.of(article).model_dump_json(indent=2))
    else:
        print_article(article, Console(highlight=False))


@articles_app.command("delete")
def delete_article(
    article_id: Annotated[str, typer.Argument(metavar="ID")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Remove one article from the collection."""
    with _open(data_dir) as engine:
        engine.delete(article_id)
    if as_json:
        _print_json(json.dumps({"deleted": article_id}))
    else:
        print(f"deleted {article_id}")


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
    with _open(data_dir) as engine:
        verdicts = [engine.verify(**citation.model_dump()) for citation in citations]
    response = VerifyResponse.of(citations, verdicts)
    if as_json:
        _print_json(response.model_dump_json(indent=2))
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
        raise InputError(
            f"{file} holds no citations ({field + ': ' if field else ''}{first['msg']}): "
            "give what 'dateline ask --json' prints"
        ) from error
    if isinstance(given, CitedReply):
        given = given.citations
    citations = given if isinstance(given, list) else [given]
    if not citations:
        raise InputError(f"{file} holds no citation: give what 'dateline ask --json' prints")
    return citations


@app.command(epilog="Example: dateline serve --port 8080")
def serve(
    data_dir: DataDir = None,
    host: Annotated[str, typer.Option(envvar="DATELINE_HOST", help="Address.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="DATELINE_PORT", min=1, max=65535, help="Port.")
    ] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Serve the collection over HTTP; the API's page is at /docs."""
    from api.serve import run

    run(read_settings(data_dir), host, port, workers)


if __name__ == "__main__":
    main()
