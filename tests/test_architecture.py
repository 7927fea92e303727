"""Imports point one way, and a question is answered without torch."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "embeddings": set(),
    "rag": {"embeddings"},
    "eval": {"embeddings", "rag"},
    "api": {"embeddings", "rag", "eval"},
}
MODULES = sorted(
    path.relative_to(ROOT) for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py")
)


def imported_packages(path: Path) -> Iterator[str]:
    """Top-level package of every import of a module, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (
                path.relative_to(ROOT).parts[0] if node.level else (node.module or "").split(".")[0]
            )


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_point_one_way(module: Path) -> None:
    package = module.parts[0]
    ours = set(imported_packages(ROOT / module)) & {*MAY_IMPORT, "tests"}
    assert ours - {package} <= MAY_IMPORT[package]


UNSAFE = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
"""What these read can run any code; models are safetensors and ONNX, everything else JSON."""
# These unpickle too, and each has a way to say so that a reader can see.
UNSAFE_CALLS = {"torch.load", "torch.save", "np.load", "numpy.load", "pandas.read_pickle"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_nothing_is_unpickled(module: Path) -> None:
    assert not set(imported_packages(ROOT / module)) & UNSAFE
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not calls & UNSAFE_CALLS


def test_no_file_that_comes_along_is_a_pickle() -> None:
    suffixes = {path.suffix for package in MAY_IMPORT for path in (ROOT / package).rglob("*.*")}
    assert {".py", ".json", ".safetensors"} <= suffixes
    assert not suffixes & {".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".npy", ".npz"}


def test_every_package_was_looked_at() -> None:
    assert {module.parts[0] for module in MODULES} == set(MAY_IMPORT)


ASKING = """
import sys, tempfile
from pathlib import Path
import api.cli, api.schemas, rag.engine, rag.checkpoint
from conftest import FakeEncoder, FakeReader, article
from rag.engine import Dateline
from rag.index import EmbeddedIndex
from rag.store import Store

with tempfile.TemporaryDirectory() as folder, Store.create(Path(folder), "fake-encoder") as store:
    index = EmbeddedIndex(Path(folder, "index"), store, FakeEncoder.dimension)
    dateline = Dateline(store, index, FakeEncoder(), FakeReader)
    list(dateline.ingest([article("The storm came. answer: Tuesday 3 it was.")]))
    assert dateline.ask("When did the storm come?").answers[0].text == "Tuesday"
heavy = ("torch", "transformers", "sentence_transformers", "fastapi", "prometheus_client")
print([name for name in heavy if name in sys.modules])
"""


def test_a_question_is_answered_without_importing_torch() -> None:
    path = [str(ROOT), str(ROOT / "tests")]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {path}\n{ASKING}"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")


def test_the_command_line_starts_without_what_is_heavy() -> None:
    heavy = ["torch", "transformers", "faiss", "onnxruntime", "fastapi", "trafilatura"]
    heavy += ["prometheus_client", "opentelemetry"]
    heavy += ["pypdf", "docx", "feedparser", "pyarrow", "py3langid"]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import api.cli, rag.formats, sys; print([m for m in {heavy} if m in sys.modules])",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
