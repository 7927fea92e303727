"""int8 stays close to fp32, knows no neighbours, and adds up exactly on every processor."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from conftest import article
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from embeddings.encoder import MiniLMEncoder
from embeddings.quantization import quantize
from embeddings.runtime import OnnxModel
from rag.checkpoint import load_reader
from rag.types import Passage

WIDTH = 64


def model(
    folder: Path, rows: NDArray[np.float32], weights: NDArray[np.float32], exact: bool = False
) -> OnnxModel:
    """Each token's row of a table that begins with `rows`, times `weights`."""
    table = np.zeros((2048, WIDTH), dtype=np.float32)
    table[: len(rows)] = rows
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["vectors"]),
            helper.make_node("MatMul", ["vectors", "weights"], ["out"]),
        ],
        "model",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["batch", "length", "width"])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(weights, "weights")],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "exact.onnx")
    if exact:
        return OnnxModel(folder / "exact.onnx")
    quantize(folder / "exact.onnx", folder / "int8.onnx")
    return OnnxModel(folder / "int8.onnx")


def read(model: OnnxModel, *ids: int) -> NDArray[np.float32]:
    """The model's output for one sequence, (len(ids), columns)."""
    (out,) = model.run([SimpleNamespace(ids=list(ids), type_ids=[0] * len(ids))])
    rows: NDArray[np.float32] = out[0]
    return rows


def random(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_every_token_comes_out_as_in_fp32_however_large_or_small_the_others(tmp_path: Path) -> None:
    """With one range for all of them, the smaller would be rounded to nothing."""
    rows = random(3, WIDTH) * np.array([[1], [1e-3], [1e3]], dtype=np.float32)
    weights = random(WIDTH, 32)
    expected = read(model(tmp_path, rows, weights, exact=True), 0, 1, 2)
    got = read(model(tmp_path, rows, weights), 0, 1, 2)
    error = np.abs(got - expected).max(axis=1) / np.abs(expected).max(axis=1)
    assert error.max() < 0.02


def test_every_column_of_weights_has_a_range_of_its_own(tmp_path: Path) -> None:
    weights = random(WIDTH, 32) * np.logspace(-3, 3, 32, dtype=np.float32)
    expected = read(model(tmp_path, random(1, WIDTH), weights, exact=True), 0)
    got = read(model(tmp_path, random(1, WIDTH), weights), 0)
    assert (np.abs(got - expected) / np.abs(weights).max(axis=0)).max() < 0.5
    np.testing.assert_allclose(
        got[:, :8], expected[:, :8], atol=0.05 * np.abs(expected[:, :8]).max()
    )


def test_a_token_comes_out_the_same_in_any_company(tmp_path: Path) -> None:
    rows = random(3, WIDTH) * np.array([[1], [1e-3], [1e3]], dtype=np.float32)
    quantized = model(tmp_path, rows, random(WIDTH, 32))
    together = read(quantized, 0, 1, 2)
    for token in range(3):
        assert np.array_equal(read(quantized, token)[0], together[token])


def test_nothing_but_zeros_stays_zero(tmp_path: Path) -> None:
    quantized = model(tmp_path, random(1, WIDTH), np.zeros((WIDTH, 32), dtype=np.float32))
    assert not read(quantized, 0, 5).any()  # row 5 of the table is zeros too


def test_narrow_products_and_small_tables_stay_exact(tmp_path: Path) -> None:
    model(tmp_path, random(3, WIDTH), random(WIDTH, 2))
    graph = onnx.load(tmp_path / "int8.onnx").graph
    assert [node.op_type for node in graph.node].count("MatMul") == 1


LARGEST = """
import sys
from pathlib import Path
from types import SimpleNamespace
from embeddings import runtime
runtime.sums_exactly = lambda: False  # an emulator may show the real processor
(out,) = runtime.OnnxModel(Path(sys.argv[1])).run([SimpleNamespace(ids=[0], type_ids=[0])])
print(round(float(out.min()), 3), round(float(out.max()), 3))
"""


@pytest.fixture
def ones(tmp_path: Path) -> OnnxModel:
    """The largest products that there are: each column of the first token's output is 64."""
    return model(tmp_path, np.ones((1, WIDTH), np.float32), np.ones((WIDTH, 32), np.float32))


def test_the_largest_products_add_up_here(ones: OnnxModel) -> None:
    np.testing.assert_allclose(read(ones, 0), WIDTH, rtol=1e-5)


@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="needs qemu-user")
@pytest.mark.parametrize("processor", ["SandyBridge", "Haswell"])
@pytest.mark.usefixtures("ones")
def test_the_largest_products_add_up_without_vnni(tmp_path: Path, processor: str) -> None:
    """AVX2 alone adds pairs of products in 16 bits: 0.5 instead of 64, unless told."""
    done = subprocess.run(
        ["qemu-x86_64", "-cpu", processor, sys.executable, "-c", LARGEST, tmp_path / "int8.onnx"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "64.0 64.0\n", done.stderr


# --- the packaged models

SHORT = "The ferry Petrel ran aground off Skarvik on Tuesday."
LONG = " ".join(
    f"Witness {i} told the inquiry that {i * 37} passengers and 14 of the crew were aboard."
    for i in range(1, 9)
)


@pytest.mark.real
def test_a_passage_reads_the_same_alone_and_in_company() -> None:
    """Attention is fp32, and its sums take another order in longer rows: hence not bit by bit."""
    reader = load_reader("dateline-reader")
    short, long = (Passage(a, 0, len(a.text)) for a in (article(SHORT, "s"), article(LONG, "l")))
    question = "When did the ferry run aground?"
    alone = reader.read(question, [short])
    together = reader.read(question, [long, short, long])
    of_short = [span for span in together if span.passage == short]
    assert [(s.start, s.end) for s in of_short] == [(s.start, s.end) for s in alone]
    assert [s.score for s in of_short] == pytest.approx([s.score for s in alone], abs=0.05)


@pytest.mark.real
def test_an_article_is_embedded_the_same_alone_and_in_company() -> None:
    encoder = MiniLMEncoder.load()
    together = encoder.encode_passages([SHORT, LONG])
    np.testing.assert_allclose(encoder.encode_passages([SHORT])[0], together[0], atol=1e-3)
