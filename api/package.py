"""Make the reader that ships from runs of `dateline train`; for who releases Dateline.

python -m api.package RUN/reader [RUN/reader ...] --out rag/models/reader
"""

from pathlib import Path
from typing import Annotated

import typer

from rag.network import ReaderModel
from rag.training.package import average, package


def main(
    readers: Annotated[
        list[Path],
        typer.Argument(exists=True, file_okay=False, help="What 'dateline train' wrote."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the reader.")],
    weight: Annotated[
        list[float] | None, typer.Option(help="One for each reader, in their order; else equal.")
    ] = None,
) -> None:
    """Average some readers, and keep of them what the encoder does not have."""
    weights = weight or [1.0] * len(readers)
    if len(weights) != len(readers):
        raise typer.BadParameter(
            f"{len(weights)} for {len(readers)} readers", param_hint="--weight"
        )
    count = package(average([ReaderModel.load(folder) for folder in readers], weights), out)
    size = (out / "model.safetensors").stat().st_size
    print(f"{count} tensors, {size / 1e6:.1f} MB in {out}")


if __name__ == "__main__":
    typer.run(main)
