"""What several commands take, and the settings they start from."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import DatelineError, InputError

if TYPE_CHECKING:
    from rag.engine import Dateline
    from rag.settings import Settings
    from rag.store import Store


def stored_ids(context: typer.Context, incomplete: str) -> list[str]:
    """The articles that what was typed may become, for the shell's completion."""
    return _look_up(context, lambda store: store.ids(incomplete))


def _stored_sources(context: typer.Context, incomplete: str) -> list[str]:
    """The outlets that what was typed may become."""
    return [
        source
        for source in _look_up(context, lambda store: list(store.sources()))
        if source.startswith(incomplete)
    ]


def _look_up(context: typer.Context, wanted: Callable[["Store"], list[str]]) -> list[str]:
    """From the collection, or nothing: an error has no place in a line that is being typed."""
    from rag.store import Store

    try:
        settings = read_settings(context.params.get("data_dir"))
        with Store.open(settings.folder, settings.url) as store:
            return wanted(store)
    except DatelineError:
        return []


DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="DATELINE_DATA_DIR",
        show_default="the platform's user data folder",
        help="Folder of the collection.",
    ),
]
ArticleId = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="As 'dateline articles list' shows it.", autocompletion=stored_ids
    ),
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source", help="Only this outlet; may be given again.", autocompletion=_stored_sources
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        envvar="DATELINE_RAY_ADDRESS",
        metavar="HOST:PORT",
        help="The Ray cluster to join, of which this machine is a node.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def day(meaning: str) -> Any:
    return typer.Option(help=meaning, parser=_day, metavar="YYYY-MM-DD")


def _day(given: str) -> date:
    try:
        return parse_day(given)
    except InputError as error:
        raise typer.BadParameter(str(error)) from error


def parse_day(given: str) -> date:
    """A day as it is typed; InputError for what is none."""
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise InputError(f"'{given}' is no day: write it as 2024-03-05") from error


def input_name(file: str) -> str:
    """What an error calls an input: FILE, or stdin for '-'."""
    return "stdin" if file == "-" else file


def check_asked(given: str, name: str) -> None:
    """Wrong usage for a question, or words to find, of nothing but spaces."""
    if not given.strip():
        raise typer.BadParameter("it is empty", param_hint=name)


def read_settings(data_dir: Path | None) -> "Settings":
    from pydantic import ValidationError

    from rag.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"DATELINE_{'_'.join(str(part) for part in first['loc'])}".upper()
        raise InputError(f"{name}={first['input']!r}: {first['msg']}") from error
    return settings if data_dir is None else settings.model_copy(update={"data_dir": data_dir})


def open_collection(
    data_dir: Path | None, create: bool = False, to_ask: bool = False
) -> "Dateline":
    """The collection of the command line; CollectionError if there is none and `create` is off."""
    from rag.engine import Dateline

    return Dateline.open(read_settings(data_dir), create=create, to_ask=to_ask)


def print_json(document: str) -> None:
    """One document on stdout, whatever the platform's line endings are."""
    sys.stdout.write(document + "\n")
