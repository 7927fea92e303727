"""The environment of the peers, and our reader's weights as they load them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import torch
from typing_extensions import TypedDict

from embeddings.encoder import packaged_model_folder
from rag.checkpoint import PACKAGED_READER, packaged_model
from rag.errors import DatelineError

PINNED = (
    "haystack-ai==3.4.1",
    "transformers-haystack==2.0.0",
    "sentence-transformers-haystack==2.0.0",
    "txtai==9.14",
)


class Spec(TypedDict):
    """Folders of the models, and how many passages are read."""

    reader: str
    encoder: str
    top_k: int


def make_environment(folder: Path, say: Callable[[str], None]) -> Path:
    """The interpreter of a virtual environment in the folder that has the peers; made if missing.

    It sees our packages, so that torch and transformers are the same for all and are not fetched
    again. Raises DatelineError if pip fails or has brought another torch.
    """
    environment = folder / "environment"
    python = environment / "bin" / "python"
    done = environment / "complete"
    if done.exists() and done.read_text() == "\n".join(PINNED):
        return python
    say(f"installing {', '.join(PINNED)} into {environment}")
    folder.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", environment])
    own = sysconfig.get_path("purelib", vars={"base": str(environment.resolve())})
    Path(own, "dateline-packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED])
    brought = _run([python, "-c", "import torch; print(torch.__version__)"]).strip()
    if brought != torch.__version__:
        raise DatelineError(f"the peers would run on torch {brought}, ours is {torch.__version__}")
    done.write_text("\n".join(PINNED))
    return python


def _run(command: list[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DatelineError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def save_readers(folder: Path) -> None:
    """`reader`: the packaged one as transformers saves it; `reader-untyped`: ours, in which both
    token types are the first, as for a caller that passes none."""
    plain, untyped = folder / "reader", folder / "reader-untyped"
    tokenizer = [
        p for p in packaged_model_folder().iterdir() if p.name.startswith(("token", "vocab"))
    ]
    for target in (plain, untyped):
        target.mkdir(exist_ok=True)
        for file in tokenizer:
            shutil.copy(file, target)
    model = packaged_model()
    model.spans.save_pretrained(plain)
    types = model.spans.get_submodule("bert.embeddings.token_type_embeddings")
    assert isinstance(types, torch.nn.Embedding)
    with torch.no_grad():
        types.weight[1] = types.weight[0]
    model.save(untyped)
    shutil.copy(PACKAGED_READER / "dateline.json", untyped)
