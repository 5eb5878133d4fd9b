"""The layers of a quantized graph: an operator with weights and what belongs to it."""

from dataclasses import dataclass

import onnx

from tradewind.passes.inner import reads
from tradewind.passes.mixing.pairing import Edge, Pair

WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN", "Attention")
"""Operators that do the work: each is a layer, and others belong to one of them."""

_HANDING_ON = (
    "QuantizeLinear", "DequantizeLinear", "Transpose", "Reshape", "Flatten", "Squeeze",
    "Unsqueeze", "Slice", "Split", "Concat", "Gather", "Pad", "Expand", "Identity", "MaxPool",
)  # fmt: skip
"""Operators that compute nothing new: they prepare the layer that reads them."""


@dataclass(frozen=True)
class Layer:
    """What is quantized or left in float together.

    Args:
        name: that of its operator with weights.
        kind: the type of that operator.
        edges: the inputs that change when the layer returns to float.
        outputs: outputs of the graph that are then no longer rounded.
    """

    name: str
    kind: str
    edges: tuple[Edge, ...]
    outputs: tuple[str, ...] = ()


def owners(proto: onnx.ModelProto) -> dict[str, str]:
    """Return for every node the name of the layer that it belongs to; nodes have names.

    What follows an operator with weights belongs to it, up to the next one; what only hands
    numbers on belongs to the layer that reads them, and so does what comes before the first.
    A graph without such operators is one layer, called like its first node.
    """
    nodes = list(proto.graph.node)
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    above: list[int | None] = []
    for index, node in enumerate(nodes):
        before = [above[makers[name]] for name in reads(node) if makers.get(name, index) < index]
        own = index if node.op_type in WEIGHTED else None
        above.append(
            own if own is not None else max((i for i in before if i is not None), default=None)
        )
    below: list[int | None] = [None] * len(nodes)
    for index in reversed(range(len(nodes))):
        next_up = index if nodes[index].op_type in WEIGHTED else below[index]
        for name in reads(nodes[index]):
            source = makers.get(name, index)
            if source < index and next_up is not None:
                so_far = below[source]
                below[source] = next_up if so_far is None else min(so_far, next_up)
    found = {}
    for index, node in enumerate(nodes):
        if node.op_type in WEIGHTED:
            chosen: int | None = index
        elif node.op_type in _HANDING_ON:
            chosen = _first(below[index], above[index])
        else:
            chosen = _first(above[index], below[index])
        found[node.name] = nodes[chosen or 0].name
    return found


def _first(one: int | None, other: int | None) -> int | None:
    return other if one is None else one


def layers(found: Pair) -> tuple[Layer, ...]:
    """Return the layers of a quantized graph in the order of the graph.

    A layer that the quantizer left alone is none of them.
    """
    belongs = owners(found.proto)
    kinds = {node.name: node.op_type for node in found.proto.graph.node}
    makers = {name: node.name for node in found.proto.graph.node for name in node.output}
    edges: dict[str, list[Edge]] = {name: [] for name in kinds if belongs[name] == name}
    outputs: dict[str, list[str]] = {name: [] for name in edges}
    for edge in found.edges:
        edges[belongs[edge.node]].append(edge)
    for output, value in found.outputs.items():
        if value in makers:
            outputs[belongs[makers[value]]].append(output)
    return tuple(
        Layer(name, kinds[name], tuple(edges[name]), tuple(outputs[name]))
        for name in edges
        if edges[name] or outputs[name]
    )
