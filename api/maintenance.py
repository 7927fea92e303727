"""The commands that look after a collection: doctor, backup, restore."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.options import AsJson, DataDir, print_json, read_settings
from rag.counted import counted
from rag.errors import InputError

if TYPE_CHECKING:
    from rag.store import Embedded
    from rag.types import Article

EXIT_PROBLEMS = 1

app = typer.Typer()


@app.command(
    epilog="Examples:\n\ndateline doctor\n\ndateline doctor --repair\n\n"
    "dateline doctor --purge  (after deleting what must not stay on the disk)"
)
def doctor(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is wrong.")] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="Take deleted articles off the disk for good.")
    ] = False,
) -> None:
    """Check the collection: database, texts, passages, vectors, stories, index. Exit code 1 if
    something is wrong.

    With --repair the index is built again and leftovers go; articles whose text is damaged are
    moved to the folder 'quarantine'. With --purge, what was deleted is also taken out of the
    index, the copies made before migrations and the quarantine. Neither while an ingest runs.
    """
    from api.progress import progress_bar
    from rag.doctor import CHECKS, examine
    from rag.repair import purge as purge_folder
    from rag.repair import repair as repair_folder

    settings = read_settings(data_dir)
    folder, url = settings.folder, settings.url

    def embed(articles: "Sequence[Article]") -> "list[Embedded]":
        from embeddings.encoder import load_encoder
        from rag.embedding import embed as embed_with

        return embed_with(load_encoder(settings.encoder), articles)

    repaired: list[str] = []
    if repair:
        repaired += repair_folder(folder, embed, url, settings.milvus_uri)
    if purge:
        purge_folder(folder, url, settings.milvus_uri)
        repaired.append("took what was deleted off the disk")
    with progress_bar("articles") as bar:
        task = bar.add_task("Examining", total=None)
        problems = examine(
            folder,
            lambda done, total: bar.update(task, completed=done, total=total),
            url,
            settings.milvus_uri,
        )
    if as_json:
        document = {
            "healthy": not problems,
            "problems": [asdict(problem) for problem in problems],
            "repaired": repaired,
        }
        print_json(json.dumps(document, indent=2))
    else:
        for sentence in repaired:
            print(f"done: {sentence}")
        wrong = {problem.check for problem in problems}
        for check in CHECKS:
            print(f"{'FAIL' if check in wrong else 'ok  '} {check}")
        for problem in problems:
            about = "" if problem.article_id is None else f"{problem.article_id}: "
            print(f"dateline: {problem.check}: {about}{problem.what}", file=sys.stderr)
        if problems and not repair:
            print("dateline: 'dateline doctor --repair' mends what can be", file=sys.stderr)
    if problems:
        raise typer.Exit(EXIT_PROBLEMS)


@app.command(epilog="Example: dateline backup /mnt/safe/news-2024-03-01.sqlite3")
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Copy the collection as of now to one file, and check the copy. Asking goes on meanwhile."""
    from api.progress import progress_bar
    from rag.backup import back_up

    settings = read_settings(data_dir)
    if settings.url is not None:
        raise InputError(
            "the collection is in PostgreSQL, whose own programs copy it as of one moment: "
            "'pg_dump --format=custom --file FILE URL', and 'pg_restore --dbname URL FILE' into an "
            "empty database"
        )
    folder = settings.folder
    with progress_bar("pages") as bar:
        task = bar.add_task("Copying", total=None)
        number = back_up(folder, file, lambda n, total: bar.update(task, completed=n, total=total))
    _report(as_json, file, number, f"backed up {counted(number, 'article')} to {file}")


@app.command(epilog="Example: dateline restore news-2024-03-01.sqlite3 --data-dir new-folder")
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What 'dateline backup' wrote.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a backup the collection of a new or empty folder, or of the empty database in
    DATELINE_DATABASE_URL. Its index is built at first use."""
    from api.progress import progress_bar
    from rag.backup import restore as restore_into

    settings = read_settings(data_dir)
    folder, url = settings.folder, settings.url
    with progress_bar("pages" if url is None else "rows") as bar:
        task = bar.add_task("Copying", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if url is None:
            number = restore_into(file, folder, show)
        else:
            from rag.transfer import transfer

            number = transfer(file, folder, url, show)
    where = folder if url is None else "the database"
    _report(as_json, folder, number, f"restored {counted(number, 'article')} into {where}")


def _report(as_json: bool, path: Path, articles: int, sentence: str) -> None:
    if as_json:
        print_json(json.dumps({"path": str(path), "articles": articles}))
    else:
        print(sentence)
