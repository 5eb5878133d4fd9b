"""The parts that models in the table are put together from."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tradewind.tensors import Array

_TYPES = {
    np.dtype(np.float32): TensorProto.FLOAT,
    np.dtype(np.float16): TensorProto.FLOAT16,
    np.dtype(np.float64): TensorProto.DOUBLE,
    np.dtype(np.int64): TensorProto.INT64,
    np.dtype(np.int32): TensorProto.INT32,
    np.dtype(np.uint8): TensorProto.UINT8,
    np.dtype(np.bool_): TensorProto.BOOL,
    np.dtype(object): TensorProto.STRING,
}
Shape = Sequence[int | str]
Kind = type[np.generic] | type[object]


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[Kind, Shape]],
    outputs: Mapping[str, tuple[Kind, Shape]],
    weights: Mapping[str, Array],
    *,
    opset: int = 17,
    ml: bool = False,
) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid("ai.onnx.ml", 3)] if ml else []
    graph = helper.make_graph(
        list(nodes), "case", values(inputs), values(outputs),
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def values(specs: Mapping[str, tuple[Kind, Shape]]) -> list[onnx.ValueInfoProto]:
    return [
        helper.make_tensor_value_info(name, _TYPES[np.dtype(kind)], list(shape))
        for name, (kind, shape) in specs.items()
    ]


def weight(random: np.random.Generator, *shape: int) -> Array:
    """Return weights whose products keep the size of what they are multiplied with."""
    fan_in = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
    drawn: Array = random.standard_normal(shape) / np.sqrt(fan_in)
    return drawn.astype(np.float32)


def normal(random: np.random.Generator, *shape: int) -> Array:
    return random.standard_normal(shape).astype(np.float32)


def scalar(value: float, kind: Kind = np.float32) -> Array:
    """Return an array without dimensions."""
    return np.array(value, kind)
