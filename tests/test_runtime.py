"""Batches waste no padding, hashes name models, and a model gets the inputs it was made for."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from embeddings import runtime
from embeddings.runtime import (
    INPUTS,
    OnnxModel,
    cache_folder,
    files_hash,
    install,
    length_batches,
    pad,
    sums_exactly,
    usable_cores,
)

# --- pad


def test_the_shorter_are_padded_to_the_longest_and_masked_there() -> None:
    ids, mask, types = pad([([7], [0]), ([8, 9], [0, 1])], pad_id=5)
    assert ids.tolist() == [[7, 5], [8, 9]]
    assert mask.tolist() == [[1, 0], [1, 1]]
    assert types.tolist() == [[0, 0], [0, 1]]


# --- length_batches


@pytest.mark.parametrize(
    ("lengths", "budget", "expected"),
    [
        ([], 10, []),
        ([5], 10, [[0]]),
        ([5, 5], 10, [[0, 1]]),
        ([5, 5, 5], 10, [[0, 1], [2]]),
        # Longest first; padding counts: 9 and 1 would be 18 tokens.
        ([1, 9, 1], 10, [[1], [0, 2]]),
        # Longer than the budget goes alone.
        ([99, 1], 10, [[0], [1]]),
        ([0, 0, 0], 10, [[0, 1, 2]]),
    ],
)
def test_length_batches(lengths: list[int], budget: int, expected: list[list[int]]) -> None:
    assert list(length_batches(lengths, budget)) == expected


@given(st.lists(st.integers(1, 300)), st.integers(1, 2000))
def test_every_text_is_in_one_batch_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(length_batches(lengths, budget))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    longest = [max(lengths[i] for i in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)
    for batch, length in zip(batches, longest, strict=True):
        assert len(batch) == 1 or len(batch) * length <= budget


# --- files_hash


def write(folder: Path, **contents: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [folder / name for name in contents]


def test_a_hash_names_contents_and_names_but_neither_place_nor_order(tmp_path: Path) -> None:
    files = write(tmp_path / "a", config="x", weights="y")
    same = files_hash(files)
    assert len(same) == 64
    assert files_hash(list(reversed(files))) == same
    assert files_hash(write(tmp_path / "b", config="x", weights="y")) == same
    others = [
        write(tmp_path / "c", config="x", weights="z"),
        write(tmp_path / "d", config="y", weights="x"),
        write(tmp_path / "e", config="xy", weights=""),
        write(tmp_path / "f", config="x", weight="y"),
        files[:1],
        [],
    ]
    assert len({same, *map(files_hash, others)}) == len(others) + 1


def test_files_of_one_name_in_two_folders_count_both(tmp_path: Path) -> None:
    one, two = write(tmp_path / "a", w="x"), write(tmp_path / "b", w="y")
    assert files_hash(one + two) == files_hash(two + one)
    assert files_hash(one + two) != files_hash(one)


def test_files_of_one_name_count_the_same_wherever_their_folders_lie(tmp_path: Path) -> None:
    before = write(tmp_path / "a", w="x") + write(tmp_path / "b", w="y")
    after = write(tmp_path / "d", w="x") + write(tmp_path / "c", w="y")
    assert files_hash(before) == files_hash(after)


def test_a_model_is_read_for_its_hash_once_and_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATELINE_CACHE_DIR", str(tmp_path / "cache"))
    read: list[Sequence[Path]] = []
    monkeypatch.setattr(
        "embeddings.runtime.files_hash", lambda files: read.append(files) or files_hash(files)
    )
    monkeypatch.setattr(
        "embeddings.runtime._export", lambda build, outputs, quantize, path: path.write_text("")
    )

    def installed() -> Path:
        return install("fake", [weights], ["out"], lambda: pytest.fail("not exported here"))

    (weights,) = write(tmp_path / "model", weights="one")
    first = installed()
    assert installed() == first
    assert len(read) == 1
    weights.write_text("another")
    assert installed() != first
    assert len(read) == 2
    for remembered in (tmp_path / "cache" / "models").glob("*.sha256"):
        remembered.write_text("")  # as a crash may leave it
    assert installed() != first
    assert len(read) == 3


# --- the machine


def test_there_is_a_core_to_run_on() -> None:
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("cpuinfo", "exactly"),
    [
        ("processor : 0\nflags\t\t: fpu avx2 avx512f avx512_vnni\nbugs : none\n", True),
        ("flags\t\t: fpu avx2 avx_vnni\n", True),
        ("flags\t\t: fpu avx2 avx512f avx512_bf16\n", False),
        ("processor : 0\nFeatures : fp asimd\n", False),
        (None, False),
    ],
)
def test_a_processor_sums_exactly_that_says_so(
    tmp_path: Path, cpuinfo: str | None, exactly: bool
) -> None:
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    assert sums_exactly(tmp_path / "cpuinfo") is exactly


def test_the_exact_kernel_is_asked_for_only_where_the_fast_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "sums_exactly", lambda: False)
    asked = runtime.session_options().get_session_config_entry
    assert asked("session.x64quantprecision") == "1"
    monkeypatch.setattr(runtime, "sums_exactly", lambda: True)
    with pytest.raises(RuntimeError, match="does not have"):
        runtime.session_options().get_session_config_entry("session.x64quantprecision")


def test_the_cache_can_be_put_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATELINE_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("DATELINE_CACHE_DIR")
    assert cache_folder().is_absolute()


# --- OnnxModel


def echo(path: Path, *inputs: str) -> OnnxModel:
    """A model whose outputs are its inputs, as floats."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", [name], [f"{name}_out"], to=TensorProto.FLOAT)
            for name in inputs
        ],
        "echo",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "length"]) for n in inputs],
        [
            helper.make_tensor_value_info(f"{n}_out", TensorProto.FLOAT, ["batch", "length"])
            for n in inputs
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return OnnxModel(path)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """[CLS] is 1, [SEP] 2, "who" 3, "rain" 4."""
    vocabulary = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "who": 3, "rain": 4}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[PAD]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    return words


def test_a_batch_is_padded_masked_and_typed(tmp_path: Path, tokenizer: Tokenizer) -> None:
    model = echo(tmp_path / "echo.onnx", *INPUTS)
    batch = tokenizer.encode_batch([("who", "rain rain"), ("who", "rain")])
    ids, mask, types = model.run(batch, pad_id=9)
    np.testing.assert_array_equal(ids, [[1, 3, 2, 4, 4, 2], [1, 3, 2, 4, 2, 9]])
    np.testing.assert_array_equal(mask, [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]])
    np.testing.assert_array_equal(types, [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0]])


def test_a_model_without_token_types_is_not_given_any(tmp_path: Path, tokenizer: Tokenizer) -> None:
    model = echo(tmp_path / "echo.onnx", "input_ids", "attention_mask")
    ids, mask = model.run([tokenizer.encode("rain")])
    np.testing.assert_array_equal(ids, [[1, 4, 2]])
    np.testing.assert_array_equal(mask, [[1, 1, 1]])


USE_A_MODEL = """
import sys
import os
import subprocess
import sys
from pathlib import Path
import numpy as np, onnx
from onnx import TensorProto, helper
from embeddings.runtime import OnnxModel
ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])
out = helper.make_tensor_value_info("out", TensorProto.INT64, ["batch", "length"])
graph = helper.make_graph([helper.make_node("Identity", ["input_ids"], ["out"])], "g", [ids], [out])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, sys.argv[1])
OnnxModel(Path(sys.argv[1]))
"""


def test_the_runtime_keeps_no_identifier_of_the_machine_and_reports_nothing(tmp_path: Path) -> None:
    """Since 1.29 onnxruntime's Linux wheels report its use, from a queue in the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    # It leaves off by itself where these are set.
    kept = {k: v for k, v in os.environ.items() if k != "CI" and not k.startswith("ORT_")}
    subprocess.run(
        [sys.executable, "-c", USE_A_MODEL, str(tmp_path / "model.onnx")],
        env={**kept, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parent.parent)},
        check=True,
        timeout=120,
    )
    assert list(home.rglob("*")) == []
