"""What several commands take, and the settings they start from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.errors import InputError

if TYPE_CHECKING:
    from rag.settings import Settings

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="DATELINE_DATA_DIR",
        show_default="the platform's user data folder",
        help="Folder of the collection.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def day(meaning: str) -> Any:
    return typer.Option(help=meaning, formats=["%Y-%m-%d"], metavar="YYYY-MM-DD")


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
