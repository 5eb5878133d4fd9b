"""What the nodes of a quantized graph read, beside what they read before it was quantized."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.quantization.preparing import prepared

_LEAST_SHARE = 0.5
"""Of the original's nodes that must be found again, by name, in a graph made from it."""


@dataclass(frozen=True)
class Edge:
    """One input of a node that a quantizer changed.

    Args:
        node: the name of the node.
        slot: the number of the input.
        value: what the node read in float; a value of `Pair.proto`.
    """

    node: str
    slot: int
    value: str


@dataclass(frozen=True)
class Pair:
    """A quantized graph that holds the float side too.

    Args:
        proto: the quantized graph; weights and operators that the quantizer took away are there
            again, but nothing reads them yet.
        edges: every input of every node that differs, in the order of the nodes.
        outputs: for every output of the graph that is quantized, the value before that.
    """

    proto: onnx.ModelProto
    edges: tuple[Edge, ...]
    outputs: dict[str, str]


def pair(quantized: Model, original: Model) -> Pair:
    """Find out what each node of a quantized graph read in float.

    Nodes are told by their names, which quantizers keep. What a quantizer did beside rounding
    (scales moved between layers, biases shifted, activations left to the range of a quantizer)
    shows as an input that differs, so that with all of them put back the original is there again.

    Args:
        quantized: a graph with QuantizeLinear and DequantizeLinear pairs.
        original: the float graph that it was made from.

    Raises:
        PassError: the one was not made from the other.
    """
    proto, before = prepared(quantized), prepared(original)
    where = quantized.origin.source
    known = {node.name: node.op_type for node in proto.graph.node}
    found = sum(known.get(node.name) == node.op_type for node in before.graph.node)
    wanted = [value.name for value in before.graph.output]
    if found < _LEAST_SHARE * len(before.graph.node) or wanted != [
        value.name for value in proto.graph.output
    ]:
        raise PassError(
            where,
            "a graph that was quantized from the original",
            f"{found} of its {len(before.graph.node)} nodes",
            "hand over the model that the quantizer was given.",
        )
    return _Pairing(proto, before).run()


class _Pairing:
    """Walks over the quantized graph and puts back what its nodes read before."""

    def __init__(self, proto: onnx.ModelProto, before: onnx.ModelProto) -> None:
        self._proto = proto
        self._before = before
        self._nodes = {node.name: node for node in proto.graph.node}
        self._makers = {name: node for node in before.graph.node for name in node.output}
        self._weights = {tensor.name: tensor for tensor in before.graph.initializer}
        self._own = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._taken = {name for node in proto.graph.node for name in (*node.input, *node.output)}
        self._taken |= set(self._own) | set(self._nodes)
        self._found: dict[str, str] = {}
        self._waiting: list[onnx.NodeProto] = []

    def run(self) -> Pair:
        """Return the pair."""
        twins = {node.name: node for node in self._before.graph.node}
        edges: list[Edge] = []
        ordered: list[onnx.NodeProto] = []
        for node in self._proto.graph.node:
            twin = twins.get(node.name)
            if twin is not None and twin.op_type == node.op_type:
                edges += self._edges(node, twin)
            ordered += [*self._take(), node]
        outputs = {}
        for output in self._proto.graph.output:
            value = self._value(output.name)
            if value != output.name:
                outputs[output.name] = value
        ordered += self._take()
        del self._proto.graph.node[:]
        self._proto.graph.node.extend(ordered)
        return Pair(self._proto, tuple(edges), outputs)

    def _edges(self, node: onnx.NodeProto, twin: onnx.NodeProto) -> list[Edge]:
        found = []
        for slot, name in enumerate(twin.input):
            if not name or slot >= len(node.input) or not node.input[slot]:
                continue
            value = self._value(name)
            if value != node.input[slot]:
                found.append(Edge(node.name, slot, value))
        return found

    def _take(self) -> list[onnx.NodeProto]:
        """Return the nodes that were copied since this was asked for the last time."""
        taken, self._waiting = self._waiting, []
        return taken

    def _value(self, name: str) -> str:
        """Return what a value of the original is called in the quantized graph, before rounding."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> str:
        if name in self._weights:
            return self._weight(self._weights[name])
        maker = self._makers.get(name)
        if maker is None:  # an input of the graph
            return name
        index = list(maker.output).index(name)
        twin = self._nodes.get(maker.name)
        if twin is not None and twin.op_type == maker.op_type and index < len(twin.output):
            return str(twin.output[index])
        return str(self._copy(maker).output[index])

    def _weight(self, tensor: onnx.TensorProto) -> str:
        own = self._own.get(tensor.name)
        if own is not None and _is_same(own, tensor):
            return str(tensor.name)
        copied = self._proto.graph.initializer.add()
        copied.CopyFrom(tensor)
        copied.name = self._free(tensor.name)
        return str(copied.name)

    def _copy(self, maker: onnx.NodeProto) -> onnx.NodeProto:
        """Put back a node that the quantizer took away; as a rule an activation."""
        node = onnx.NodeProto()
        node.CopyFrom(maker)
        for slot, name in enumerate(maker.input):
            node.input[slot] = self._value(name) if name else ""
        node.name = self._free(maker.name)
        for index, name in enumerate(maker.output):
            node.output[index] = self._free(name) if name else ""
            self._found[name] = node.output[index]
        self._waiting.append(node)
        return node

    def _free(self, name: str) -> str:
        """Return a name that nothing in the quantized graph has."""
        stem, extra = f"{name}_in_float", 0
        found = name if name not in self._taken else stem
        while found in self._taken:
            found, extra = f"{stem}_{extra}", extra + 1
        self._taken.add(found)
        return found


def _is_same(one: onnx.TensorProto, other: onnx.TensorProto) -> bool:
    if one.data_type != other.data_type or list(one.dims) != list(other.dims):
        return False
    if one.SerializeToString() == other.SerializeToString():
        return True
    return np.array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))
