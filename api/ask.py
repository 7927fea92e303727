"""The command that asks: one question, those of a file, or a session of them."""

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.options import (
    AsJson,
    DataDir,
    Sources,
    check_asked,
    day,
    input_name,
    open_collection,
    print_json,
)
from api.session import Scope, check_sources, run_session
from rag.errors import InputError

if TYPE_CHECKING:
    from rag.engine import Dateline

EXIT_NO_ANSWER = 3

app = typer.Typer()


@app.command(
    epilog="Examples:\n\n"
    "dateline ask 'Who mediated the talks?' --since 2024-03-01\n\n"
    "dateline ask  (a session: ask, ask again, :help)\n\n"
    "dateline ask --file questions.txt --json > answers.jsonl"
)
def ask(
    question: Annotated[
        str | None, typer.Argument(help="The question, in quotes.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    file: Annotated[
        str | None,
        typer.Option(
            "--file", metavar="FILE|-", help="Ask every line of a file, or of stdin ('-')."
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(min=1, max=100, show_default="10", help="Passages to read."),
    ] = None,
    as_of: Annotated[date | None, day("Only what was known on this day.")] = None,
    since: Annotated[date | None, day("Only what was published from this day on.")] = None,
    until: Annotated[date | None, day("Only what was published up to this day.")] = None,
    source: Sources = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the passages that were read.")
    ] = False,
) -> None:
    """Answer a question with the exact words of an article, or say that none answers it.

    Without a question, at a terminal, it asks for one after another. With --file and --json it
    prints one JSON document a line. Exit code 3 where a question has no answer.
    """
    if question is not None and file is not None:
        raise typer.BadParameter("give a question or --file, not both", param_hint="question")
    at_a_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if question is None and file is None and (as_json or not at_a_terminal):
        raise typer.BadParameter(
            "none was given: 'dateline ask --file -' reads them from stdin", param_hint="question"
        )
    if question is not None:
        check_asked(question, "question")
    scope = Scope(
        top_k=top_k,
        as_of=as_of,
        since=since,
        until=until,
        sources=tuple(source or ()),
        explain=explain,
    )
    asked = None if file is None else _read_questions(file)
    with open_collection(data_dir, to_ask=True) as engine:
        check_sources(engine, scope.sources)
        if asked is not None:
            answered = [_ask_line(engine, scope, where, line, as_json) for where, line in asked]
            if not answered and file is not None:
                raise InputError(f"{input_name(file)} holds no question: write one on each line")
        elif question is not None:
            answered = [_ask(engine, scope, question, as_json)]
        else:
            run_session(engine, scope)
            return
    if not all(answered):
        raise typer.Exit(EXIT_NO_ANSWER)


def _ask(
    engine: "Dateline", scope: Scope, question: str, as_json: bool, indent: int | None = 2
) -> bool:
    """Print the reply; whether the question was answered."""
    from api.schemas import AskResponse
    from api.terminal import output, print_explanation, print_reply

    reply = scope.ask(engine, question)
    if as_json:
        print_json(AskResponse.of(reply).model_dump_json(indent=indent))
    else:
        print_reply(reply, output(), scope.filters)
    if scope.explain:
        print_explanation(reply, output(stderr=as_json))
    return reply.answered


def _ask_line(engine: "Dateline", scope: Scope, where: str, question: str, as_json: bool) -> bool:
    from api.terminal import output, print_question

    if not as_json:
        print_question(question, output())
    try:
        answered = _ask(engine, scope, question, as_json, indent=None)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    sys.stdout.flush()  # who waits for an answer at the other end of a pipe gets it now
    return answered


def _read_questions(file: str) -> Iterator[tuple[str, str]]:
    """(FILE:LINE, question) of each line that is not empty; stdin's as soon as they come."""
    if file == "-":
        return _questions("stdin", sys.stdin.buffer)
    try:
        return _questions(file, Path(file).read_bytes().splitlines())
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror or error}") from error


def _questions(name: str, lines: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        where = f"{name}:{number}"
        try:
            question = line.decode("utf-8-sig").strip()
        except UnicodeDecodeError as error:
            raise InputError(f"{where} is not UTF-8") from error
        if question:
            yield where, question
