"""SmoothQuant: outliers of activations moved into the weights that they are multiplied with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import onnx
from onnx import numpy_helper

from tradewind.errors import SettingError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.inner import reads
from tradewind.passes.quantization.preparing import prepared
from tradewind.passes.quantization.watching import watch
from tradewind.tensors import Array

_FARTHEST = 1e4
"""A channel is made at most that many times smaller or larger, so that no rounding is lost."""


@final
@dataclass(frozen=True)
class Smooth(Pass):
    """Divide what a normalization writes by channel, and multiply the weights that read it.

    The answers stay the same. Quantizers that come after it have less to lose: a channel with
    outliers no longer decides how coarse the steps of all others are. `QuantizeStatic` does it
    by itself when told so; NNCF does on its own for what it is told to be a transformer.

    Source: Xiao et al., ICML 2023.
    """

    name: ClassVar[str] = "smooth"
    is_lossless: ClassVar[bool] = True

    alpha: float = 0.5  # share of the outliers that weights take over, 0 < alpha < 1
    examples: int = 200

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise SettingError("alpha", "more than 0, less than 1", str(self.alpha))
        if self.examples < 1:
            raise SettingError("examples", "1 or more", str(self.examples))

    def needs(self, model: Model) -> Needs:
        return Needs(examples=self.examples)

    def apply(self, model: Model, seen: Observed) -> Change:
        proto = prepared(model)
        count = smooth(model, proto, seen, self.alpha)
        summary = f"{count} normalizations smoothed" if count else "nothing to smooth"
        return Change(model.with_proto(proto) if count else model, summary)

    @property
    def label(self) -> str:
        notes = [] if self.alpha == 0.5 else [f"{self.alpha:g}"]
        notes += [] if self.examples == 200 else [f"{self.examples} examples"]
        return " ".join(["smoothed", *notes])


@dataclass(frozen=True)
class _Place:
    """A normalization with the products that read what it writes."""

    writers: tuple[onnx.NodeProto, ...]  # nodes whose constants can be divided by channel
    products: tuple[onnx.NodeProto, ...]
    is_shared: bool  # whether others read it too, for whom it has to stay as it is

    @property
    def tensor(self) -> str:
        return str(self.writers[-1].output[0])


def smooth(model: Model, proto: onnx.ModelProto, seen: Observed, alpha: float) -> int:
    """Smooth a graph in place; return in how many places.

    scale[c] = max|activation[c]|**alpha / max|weight[c]|**(1 - alpha); activations are divided
    by it, weights multiplied.

    Args:
        model: what `proto` was made from, for its signature and its name.
        proto: the graph.
        seen: on which the largest activations are observed.
        alpha: share of the outliers that weights take over.

    Raises:
        PassError: the graph does not run, or there are too few examples.
    """
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    places = _places(proto, weights)
    if not places:
        return 0
    largest: dict[str, Array] = {}

    def look(name: str, values: Array) -> None:
        peaks = np.abs(values.astype(np.float64)).reshape(-1, values.shape[-1])
        found = peaks.max(0, initial=0.0)
        largest[name] = np.maximum(largest[name], found) if name in largest else found

    watch(model, proto, seen, [place.tensor for place in places], look)
    count = 0
    for place in places:
        rows = [_rows(node, weights) for node in place.products]
        strongest = np.max([np.abs(row).max(1) for row in rows], axis=0).astype(np.float64)
        scale = _scale(largest[place.tensor], strongest, alpha)
        if np.isfinite(scale).all() and np.any(scale != 1):
            _apply(proto, place, weights, scale)
            count += 1
    _drop_unused(proto)
    return count


def _scale(activations: Array, weights: Array, alpha: float) -> Array:
    is_dead = (activations <= 0) | (weights <= 0)
    ratio = np.maximum(activations, 1e-30) ** alpha / np.maximum(weights, 1e-30) ** (1 - alpha)
    return np.where(is_dead, 1.0, np.clip(ratio, 1 / _FARTHEST, _FARTHEST))


def _places(proto: onnx.ModelProto, weights: dict[str, onnx.TensorProto]) -> list[_Place]:
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in reads(node):
            readers.setdefault(name, []).append(node)
    makers = {name: node for node in proto.graph.node for name in node.output}
    outputs = {value.name for value in proto.graph.output}
    found = []
    for node in proto.graph.node:
        if not (writers := _writers(node, makers, readers, weights)):
            continue
        tensor = node.output[0]
        products = [one for one in readers.get(tensor, []) if _is_product(one, tensor, weights)]
        sizes = {_rows(one, weights).shape[0] for one in products}
        channels = {weights[name].dims[0] for one in writers for name in _vectors(one, weights)}
        if len(sizes) != 1 or channels != sizes:
            continue
        is_shared = len(products) != len(readers[tensor]) or tensor in outputs
        if not (is_shared and node.op_type != "LayerNormalization"):
            found.append(_Place(writers, tuple(products), is_shared))
    return found


def _writers(
    node: onnx.NodeProto,
    makers: dict[str, onnx.NodeProto],
    readers: dict[str, list[onnx.NodeProto]],
    weights: dict[str, onnx.TensorProto],
) -> tuple[onnx.NodeProto, ...]:
    """Return the nodes that scale the last axis by constants, `node` last; none if it does not."""
    if node.op_type == "LayerNormalization":
        axis = next((a.i for a in node.attribute if a.name == "axis"), -1)
        ends = axis == -1 and all(name in weights for name in node.input[1:] if name)
        return (node,) if ends and len(node.output) == 1 else ()
    if node.op_type == "Mul" and _vectors(node, weights):
        return (node,)
    if node.op_type == "Add" and (vectors := _vectors(node, weights)):
        inner = next(name for name in node.input if name not in vectors)
        before = makers.get(inner)
        if before is not None and before.op_type == "Mul" and len(readers[inner]) == 1:
            return (before, node) if _vectors(before, weights) else ()
    return ()


def _vectors(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> list[str]:
    """Return the constants of a node that hold one float for each channel."""
    names = node.input[1:] if node.op_type == "LayerNormalization" else node.input
    found = [
        name
        for name in names
        if name in weights
        and len(weights[name].dims) == 1
        and weights[name].data_type == onnx.TensorProto.FLOAT
    ]
    return found if len(found) < len(node.input) else []


def _is_product(node: onnx.NodeProto, tensor: str, weights: dict[str, onnx.TensorProto]) -> bool:
    if node.op_type not in ("MatMul", "Gemm") or node.input[0] != tensor:
        return False
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    weight = weights.get(node.input[1])
    return (
        weight is not None
        and tensor not in node.input[1:]
        and len(weight.dims) == 2
        and weight.data_type == onnx.TensorProto.FLOAT
        and not settings.get("transA", 0)
    )


def _is_transposed(node: onnx.NodeProto) -> bool:
    return any(one.name == "transB" and one.i for one in node.attribute)


def _rows(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> Array:
    """Return the weight of a product as [inputs, outputs]."""
    values = numpy_helper.to_array(weights[node.input[1]])
    return values.T if _is_transposed(node) else values


def _apply(
    proto: onnx.ModelProto, place: _Place, weights: dict[str, onnx.TensorProto], scale: Array
) -> None:
    graph, mark = proto.graph, f"{place.tensor}/smoothed"
    writers: Sequence[onnx.NodeProto] = place.writers
    if place.is_shared:
        twin = onnx.NodeProto()
        twin.CopyFrom(place.writers[-1])
        twin.name, twin.output[0] = f"{mark}/node", mark
        at = next(i for i, node in enumerate(graph.node) if place.tensor in node.output)
        graph.node.insert(at + 1, twin)
        writers = [graph.node[at + 1]]
        for node in place.products:
            node.input[0] = mark
    for writer in writers:
        for name in _vectors(writer, weights):
            values = numpy_helper.to_array(weights[name])
            _replace(graph, writer, name, (values / scale).astype(np.float32), mark)
    for node in place.products:
        values = (_rows(node, weights) * scale[:, None]).astype(np.float32)
        values = np.ascontiguousarray(values.T if _is_transposed(node) else values)
        _replace(graph, node, node.input[1], values, mark)


def _replace(
    graph: onnx.GraphProto, node: onnx.NodeProto, name: str, values: Array, mark: str
) -> None:
    """Let one node read other values; weights may be shared with nodes that keep the old ones."""
    fresh = f"{mark}/{node.name}/{name}"
    graph.initializer.append(numpy_helper.from_array(values, fresh))
    for index, one in enumerate(node.input):
        if one == name:
            node.input[index] = fresh


def _drop_unused(proto: onnx.ModelProto) -> None:
    used = {name for node in proto.graph.node for name in reads(node)}
    used |= {value.name for value in (*proto.graph.output, *proto.graph.input)}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name in used]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
