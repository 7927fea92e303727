"""A transformer's ONNX graph in int8, every token by a range of its own.

`onnxruntime.quantization.quantize_dynamic` takes one range for the activations of a whole batch,
so what is read beside a text changes what is read in it, and one far value coarsens all others.
Here each token's activations are scaled by their own largest (per-token dynamic quantisation;
Yao et al., 2022, "ZeroQuant") and each weight matrix by the largest of each column. Products of
8-bit integers are summed exactly: a text comes out the same in any company.
"""

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_LARGEST = 127
_ZERO = 128
"""Activations are unsigned around it: what processors multiply with signed weights."""
# Below this many columns (the heads) quantising costs more than it saves.
_MIN_COLUMNS = 16
# Smaller tables (positions, token types) are not worth it.
_MIN_TABLE_ROWS = 1024

_INVERSE, _TINY, _UNIT, _CENTRE = (f"per_token_{n}" for n in ("inverse", "tiny", "unit", "centre"))


def quantize(exact: Path, path: Path) -> None:
    """Write to `path` the int8 form of the fp32 ONNX model `exact` (opset 13 to 17).

    Matrix products with constant weights and the token embeddings are int8; what lies between
    (attention scores, softmax, normalisation, heads) stays fp32.
    """
    model = onnx.load(exact)
    graph = model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    constants = [
        numpy_helper.from_array(np.array(value, dtype=kind), name)
        for name, value, kind in (
            (_INVERSE, 1 / _LARGEST, np.float32),
            (_TINY, 1e-6, np.float32),
            (_UNIT, 1, np.float32),
            (_CENTRE, _ZERO, np.uint8),
        )
    ]
    nodes: list[onnx.NodeProto] = []
    replaced: set[str] = set()
    tokens: set[str] = set()  # activations that are quantised already: queries, keys, values share
    for node in graph.node:
        if node.op_type == "MatMul" and _is_matrix(tensors.get(node.input[1])):
            activations, weights = node.input
            if activations not in tokens:
                tokens.add(activations)
                nodes += _quantized_tokens(activations)
            if weights not in replaced:
                constants += _int8(tensors[weights], axis=0)
            replaced.add(weights)
            nodes += _product(activations, weights, node.output[0])
        elif node.op_type == "Gather" and _is_table(tensors.get(node.input[0])):
            table, ids = node.input
            if table not in replaced:
                constants += _int8(tensors[table], axis=1)
            replaced.add(table)
            nodes += _looked_up(table, ids, node.output[0])
        else:
            nodes.append(node)
    kept = [tensor for tensor in graph.initializer if tensor.name not in replaced]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept + constants)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, path)


def _is_matrix(tensor: onnx.TensorProto | None) -> bool:
    return tensor is not None and len(tensor.dims) == 2 and tensor.dims[1] >= _MIN_COLUMNS


def _is_table(tensor: onnx.TensorProto | None) -> bool:
    return tensor is not None and len(tensor.dims) == 2 and tensor.dims[0] >= _MIN_TABLE_ROWS


def _int8(tensor: onnx.TensorProto, axis: int) -> list[onnx.TensorProto]:
    """The tensor as int8, and its scales: one for each vector along `axis`."""
    values: NDArray[np.float32] = numpy_helper.to_array(tensor)
    scales = np.abs(values).max(axis=axis, keepdims=True) / _LARGEST
    scales = np.where(scales == 0, 1, scales).astype(np.float32)
    rounded = np.rint(values / scales).astype(np.int8)
    if axis == 0:
        scales = scales[0]  # (columns,): one-dimensional, as a matrix product takes them
    return [
        numpy_helper.from_array(rounded, f"{tensor.name}_int8"),
        numpy_helper.from_array(scales, f"{tensor.name}_scale"),
    ]


def _quantized_tokens(x: str) -> list[onnx.NodeProto]:
    """`x` (..., width) as uint8 in `x`_int8, with its scales (..., 1) in `x`_scale."""
    return [
        helper.make_node("Abs", [x], [f"{x}_abs"]),
        helper.make_node("ReduceMax", [f"{x}_abs"], [f"{x}_max"], axes=[-1], keepdims=1),
        helper.make_node("Max", [f"{x}_max", _TINY], [f"{x}_range"]),
        helper.make_node("Mul", [f"{x}_range", _INVERSE], [f"{x}_scale"]),
        helper.make_node("Div", [x, f"{x}_scale"], [f"{x}_scaled"]),
        helper.make_node("QuantizeLinear", [f"{x}_scaled", _UNIT, _CENTRE], [f"{x}_int8"]),
    ]


def _product(x: str, weights: str, output: str) -> list[onnx.NodeProto]:
    inputs = [f"{x}_int8", f"{weights}_int8", _UNIT, f"{weights}_scale", _CENTRE]
    return [
        helper.make_node(
            "MatMulIntegerToFloat", inputs, [f"{output}_unscaled"], domain="com.microsoft"
        ),
        helper.make_node("Mul", [f"{output}_unscaled", f"{x}_scale"], [output]),
    ]


def _looked_up(table: str, ids: str, output: str) -> list[onnx.NodeProto]:
    rows, values, scales = (f"{output}_row_{part}" for part in ("int8", "cast", "scale"))
    return [
        helper.make_node("Gather", [f"{table}_int8", ids], [rows]),
        helper.make_node("Cast", [rows], [values], to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}_scale", ids], [scales]),
        helper.make_node("Mul", [values, scales], [output]),
    ]
