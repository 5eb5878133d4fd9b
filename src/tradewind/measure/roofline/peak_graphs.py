"""Graphs that do little but multiply and add, to see how fast engines can."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tradewind.model import Model, Origin
from tradewind.tensors import Array, Tensors

_SCALE, _ZERO = 0.02, 128


def product(size: int, *, is_int8: bool) -> tuple[Model, Tensors, int]:
    """Return a square product with a constant, an input for it, and its multiplications."""
    model = _graph("MatMul", (size, size), (size, size), (size, size), is_int8=is_int8)
    return model, _input((size, size)), size**3


def convolution(channels: int, side: int, *, is_int8: bool) -> tuple[Model, Tensors, int]:
    """Return a 3 x 3 convolution, an input for it, and its multiplications."""
    shape = (1, channels, side, side)
    weight = (channels, channels, 3, 3)
    model = _graph("Conv", shape, weight, shape, is_int8=is_int8)
    return model, _input(shape), channels**2 * 9 * side**2


def _input(shape: tuple[int, ...]) -> Tensors:
    return {"x": np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)}


def _graph(
    kind: str,
    shape: tuple[int, ...],
    weight: tuple[int, ...],
    out: tuple[int, ...],
    *,
    is_int8: bool,
) -> Model:
    """Return one layer; in int8 it is what quantizers write, with 7 bits so that no sum saturates.

    Its input and output pass through 8 bits too, so that an engine may compute in integers.
    """
    random = np.random.default_rng(1)
    settings: dict[str, Any] = {"pads": [1, 1, 1, 1]} if kind == "Conv" else {}
    if is_int8:
        weights = [
            numpy_helper.from_array(random.integers(-63, 64, weight).astype(np.int8), "w8"),
            *_constants(),
        ]
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["x8"]),
            helper.make_node("DequantizeLinear", ["x8", "scale", "zero"], ["xd"]),
            helper.make_node("DequantizeLinear", ["w8", "scale", "zero_w"], ["w"]),
            helper.make_node(kind, ["xd", "w"], ["yd"], **settings),
            helper.make_node("QuantizeLinear", ["yd", "wide", "zero"], ["y8"]),
            helper.make_node("DequantizeLinear", ["y8", "wide", "zero"], ["y"]),
        ]
    else:
        values = random.uniform(-1, 1, weight).astype(np.float32)
        weights = [numpy_helper.from_array(values, "w")]
        nodes = [helper.make_node(kind, ["x", "w"], ["y"], **settings)]
    graph = helper.make_graph(
        nodes,
        "peak",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(made, Origin("onnx", "peak"))


def _constants() -> list[onnx.TensorProto]:
    values: dict[str, Array] = {
        "scale": np.array(_SCALE, np.float32),
        "wide": np.array(1.0, np.float32),
        "zero": np.array(_ZERO, np.uint8),
        "zero_w": np.array(0, np.int8),
    }
    return [numpy_helper.from_array(value, name) for name, value in values.items()]
