"""The layers of a graph whose weights can be fitted: X W + b, perhaps added to something."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.passes.repair.patches import Window, window_of
from tradewind.tensors import Array


@dataclass(frozen=True)
class Layer:
    """One convolution or matrix product with weights of its own.

    Args:
        data: the value that flows in.
        weight: the name of its weight.
        bias: the name of its bias; empty where there is none.
        out: the value that flows out, after the bias.
        sum: the value of a sum of `out` and `skip`; empty where it is added to nothing.
        skip: what it is added to.
        window: of a convolution; None of a matrix product.
        is_turned: whether the weight is [outputs, inputs], as Gemm may have it.
    """

    data: str
    weight: str
    bias: str
    out: str
    sum: str
    skip: str
    window: Window | None
    is_turned: bool

    @property
    def result(self) -> str:
        """The value that the fit aims at."""
        return self.sum or self.out

    @property
    def channel_axis(self) -> int:
        """The axis of `result` along which the outputs of the layer lie."""
        return 1 if self.window else -1

    @property
    def data_axis(self) -> int:
        """The axis of `data` along which the inputs of the layer lie."""
        return 1 if self.window else -1

    def as_matrix(self, weight: Array, groups: int) -> Array:
        """Return the weight as float64[groups, inputs, outputs]."""
        if self.window is None:
            dense: Array = np.array([weight.T if self.is_turned else weight], np.float64)
            return dense
        matrix = weight.reshape(groups, weight.shape[0] // groups, -1)
        found: Array = matrix.transpose(0, 2, 1).astype(np.float64)
        return found

    def as_weight(self, matrix: Array, shape: tuple[int, ...]) -> Array:
        """Return what `as_matrix` was given."""
        if self.window is None:
            dense: Array = matrix[0].T if self.is_turned else matrix[0]
            return dense
        turned: Array = matrix.transpose(0, 2, 1).reshape(shape)
        return turned


def layers(proto: onnx.ModelProto) -> Iterator[Layer]:
    """Yield every layer that can be fitted, in the order in which they run."""
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    used = Counter(name for node in proto.graph.node for name in node.input)
    readers = _readers(proto)
    ends = {value.name for value in proto.graph.output}
    for node in proto.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in weights:
            continue
        weight = weights[node.input[1]]
        is_float = weight.data_type == onnx.TensorProto.FLOAT
        if not is_float or used[weight.name] > 1 or node.input[0] in weights:
            continue
        found = _layer(node, numpy_helper.to_array(weight))
        if found is not None:
            yield _with_sum(_with_bias(found, readers, weights, used, ends), readers, weights, ends)


def _readers(proto: onnx.ModelProto) -> Mapping[str, list[onnx.NodeProto]]:
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def _layer(node: onnx.NodeProto, weight: Array) -> Layer | None:
    bias = node.input[2] if len(node.input) > 2 else ""
    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    window, is_turned = None, False
    if node.op_type == "Conv":
        window = window_of(node, weight)
        if window is None:
            return None
    elif weight.ndim != 2:
        return None
    elif node.op_type == "Gemm":
        is_plain = found.get("alpha", 1.0) == 1.0 and found.get("beta", 1.0) == 1.0
        if found.get("transA", 0) or not is_plain:
            return None
        is_turned = bool(found.get("transB", 0))
    return Layer(node.input[0], node.input[1], bias, node.output[0], "", "", window, is_turned)


def _with_bias(
    layer: Layer,
    readers: Mapping[str, list[onnx.NodeProto]],
    weights: Mapping[str, onnx.TensorProto],
    used: Counter[str],
    ends: set[str],
) -> Layer:
    """Take an Add of a vector behind a product for its bias; a shared bias is none to fit."""
    if layer.bias:
        shape = list(weights[layer.bias].dims) if layer.bias in weights else []
        fits = len(shape) == 1 and used[layer.bias] == 1
        return layer if fits else _changed(layer, bias="")
    other = _added(layer.out, readers, ends)
    if other is None or layer.window is not None:
        return layer
    add, name = other
    is_vector = name in weights and len(weights[name].dims) == 1 and used[name] == 1
    return _changed(layer, bias=name, out=add.output[0]) if is_vector else layer


def _with_sum(
    layer: Layer,
    readers: Mapping[str, list[onnx.NodeProto]],
    weights: Mapping[str, onnx.TensorProto],
    ends: set[str],
) -> Layer:
    other = _added(layer.out, readers, ends)
    if other is None or other[1] in weights:
        return layer
    return _changed(layer, sum=other[0].output[0], skip=other[1])


def _added(
    name: str, readers: Mapping[str, list[onnx.NodeProto]], ends: set[str]
) -> tuple[onnx.NodeProto, str] | None:
    """Return the Add that is all that reads a value, with the other operand."""
    found = readers.get(name, [])
    if len(found) != 1 or name in ends or found[0].op_type != "Add":
        return None
    left, right = found[0].input
    return None if left == right else (found[0], right if left == name else left)


def _changed(layer: Layer, **changes: str) -> Layer:
    return Layer(**{**vars(layer), **changes})
