"""The command that turns readers' judgements of answers into gold questions."""

import hashlib
import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.options import DataDir, read_settings
from rag.counted import counted
from rag.errors import InputError

if TYPE_CHECKING:
    from rag.feedback import Judgement

app = typer.Typer(no_args_is_help=True, help="What readers of the page said of answers.")


@app.callback()
def _feedback() -> None:
    """Keeps `export` a command of its own while it is the only one."""


@app.command(epilog="Example: dateline feedback export --out ours.jsonl; dateline eval ours.jsonl")
def export(
    data_dir: DataDir = None,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, show_default="stdout", help="File to write."),
    ] = None,
) -> None:
    """Write the judged answers as gold, JSON lines that eval, train and calibrate take.

    What was judged right is an answer; where readers agreed that nothing answers, there is none.
    A question of which it is only known what is wrong is left out.
    """
    from rag.store import Store

    settings = read_settings(data_dir)
    with Store.open(settings.folder, settings.url) as store:
        judgements = store.judgements()
    lines = gold(judgements)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    if out is None:
        sys.stdout.write(text)
    else:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    left_out = len({judgement.question for judgement in judgements}) - len(lines)
    note = f"{counted(len(lines), 'question')} written"
    if left_out:
        note += f", {left_out} left out: only wrong answers of them are known"
    print(f"dateline: {note}", file=sys.stderr)


def gold(judgements: Iterable["Judgement"]) -> list[dict[str, Any]]:
    """The gold lines of judgements that are sorted by question."""
    lines: list[dict[str, Any]] = []
    for question, judged in groupby(judgements, key=lambda judgement: judgement.question):
        right = [judgement for judgement in judged if judgement.right]
        if not right:
            continue
        lines.append(
            {
                "id": f"feedback-{hashlib.sha256(question.encode()).hexdigest()[:12]}",
                "question": question,
                "answers": [j.answer for j in right if j.answer is not None],
                "docs": sorted({article_id for j in right for article_id in j.docs}),
                "kind": "feedback",
            }
        )
    return lines
