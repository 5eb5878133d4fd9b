"""A graph as the kernels that a good engine would make of it: what computes in one go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2

import onnx

from tradewind.measure.multiplications import COUNTED, macs_of, operands
from tradewind.measure.roofline.layer_groups import POINTWISE, ROWWISE, VIEWS, LayerGroup, group_of
from tradewind.measure.shaping import Shape, Shaped, shaped
from tradewind.model import Model

_EIGHT_BITS = (onnx.TensorProto.INT8, onnx.TensorProto.UINT8)
_INTEGER = ("QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger")
_HALF: dict[int, str] = {onnx.TensorProto.BFLOAT16: "bf16", onnx.TensorProto.FLOAT16: "f16"}
_SEEN_THROUGH = VIEWS | {"DequantizeLinear"}
_WINDOWS = ("Slice", "Gather", "GatherElements", "GatherND", "Split", "Compress")
"""They read only what they put out."""
_NOBODY: frozenset[int] = frozenset()


@dataclass
class Kernel:
    """Operators that compute in one go: what passes between them is written nowhere.

    Args:
        group: of the operator that it begins with.
        nodes: positions of its operators in the graph, once functions in it are written out.
        arithmetic: in which its products are computed: f32, bf16, f16 or int8.
        macs: multiply-accumulate operations; None when a shape that they need is unknown.
        weight_bytes: constants that it reads.
        activation_bytes: what it reads of other kernels and inputs, and what it writes for them.
    """

    group: LayerGroup
    nodes: list[int] = field(default_factory=list)
    arithmetic: str = "f32"
    macs: int | None = 0
    weight_bytes: float = 0.0
    activation_bytes: float = 0.0


def kernels(
    model: Model, inputs: Mapping[str, Shape] | None = None, precision: str = "f32"
) -> list[Kernel]:
    """Return the kernels of a graph with what each computes and moves.

    Steps on single numbers join the kernel that computes those numbers; rows that are normalized
    join steps on single numbers; constants are computed before; a tensor between quantizing and
    dequantizing is moved in its 8 bits.

    Args:
        model: what is looked at.
        inputs: shapes of what goes in; symbolic batch sizes are taken as 1 where it is None.
        precision: in which an engine computes and stores what the graph has in float32.
    """
    return _Fusing(shaped(model, inputs), precision).run()


@dataclass(frozen=True)
class Places:
    """Which layers the nodes of a graph are, by their position.

    Args:
        alone: the group of each node by itself.
        joined: the group of the kernel that a good engine would compute it in.
    """

    alone: Mapping[int, LayerGroup]
    joined: Mapping[int, LayerGroup]


def places_of(model: Model) -> Places:
    """Return which layers the nodes of a graph are."""
    fusing = _Fusing(shaped(model), "f32")
    found = fusing.run()
    return Places(fusing.groups, {place: one.group for one in found for place in one.nodes})


class _Fusing:
    """One pass over a graph, in its order."""

    def __init__(self, found: Shaped, precision: str) -> None:
        self._found = found
        self._precision = precision
        self._float_bytes = 4.0 if precision == "f32" else 2.0
        self._nodes = list(found.graph.node)
        self._same: dict[str, str] = {}  # a view or dequantized tensor to what is in memory
        self._made: dict[str, int] = {}  # tensor to the kernel that writes it
        self._scores: set[str] = set()  # products of two activations, scaled and masked or not
        self._kernels: list[Kernel] = []
        self.groups: dict[int, LayerGroup] = {}  # of each node alone

    def run(self) -> list[Kernel]:
        for position, node in enumerate(self._nodes):
            self.groups[position] = group_of(node, self._found, self._scores)
            is_constant = all(name in self._found.constants for name in node.output if name)
            if node.op_type in _SEEN_THROUGH or (is_constant and node.op_type == "Transpose"):
                self._look_through(node)
            elif not is_constant:
                self._add(position, node)
        readers = self._find_readers()
        for kernel in self._kernels:
            self._weigh(kernel, readers)
        return self._kernels

    def stored(self, name: str) -> str:
        """Return the tensor that is in memory where the graph reads `name`."""
        while name in self._same:
            name = self._same[name]
        return name

    def _look_through(self, node: onnx.NodeProto) -> None:
        self._same[node.output[0]] = node.input[0]
        if node.input[0] in self._scores:
            self._scores.add(node.output[0])

    def _add(self, position: int, node: onnx.NodeProto) -> None:
        place = self._joined(node)
        if place is None:
            place = len(self._kernels)
            kernel = Kernel(self.groups[position])
            if node.op_type in COUNTED:
                kernel.macs = macs_of(node, self._found.shapes)
                kernel.arithmetic = self._arithmetic(node)
            self._kernels.append(kernel)
        kernel = self._kernels[place]
        kernel.nodes.append(position)
        self._made |= dict.fromkeys(filter(None, node.output), place)
        if kernel.group is LayerGroup.ATTENTION and node.op_type != "Softmax":
            self._scores.update(node.output)

    def _joined(self, node: onnx.NodeProto) -> int | None:
        """Return the latest kernel that the node's inputs come from, where it may join it.

        What the others make is complete by then, so joining closes no circle.
        """
        if node.op_type not in POINTWISE and node.op_type not in ROWWISE:
            return None
        sources = {self._made.get(self.stored(name)) for name in node.input if name}
        latest = max((place for place in sources if place is not None), default=None)
        if latest is None:
            return None
        group = self._kernels[latest].group
        if group in (LayerGroup.MOVEMENT, LayerGroup.OTHER, LayerGroup.TREES):
            return None
        if node.op_type in ROWWISE and group is not LayerGroup.ELEMENTWISE:
            return None
        return latest

    def _arithmetic(self, node: onnx.NodeProto) -> str:
        types = [self._type(name) for name in operands(node)]
        if node.op_type in _INTEGER or all(kind in _EIGHT_BITS for kind in types):
            return "int8"
        own = self._found.types.get(node.input[0], onnx.TensorProto.FLOAT)
        return _HALF.get(own, self._precision)

    def _type(self, name: str) -> int:
        return self._found.types.get(self.stored(name), onnx.TensorProto.FLOAT)

    def _weigh(self, kernel: Kernel, readers: Mapping[str, set[int]]) -> None:
        """Fill in the bytes, now that it is known who reads what."""
        nodes = [self._nodes[position] for position in kernel.nodes]
        own = {name for node in nodes for name in node.output if name}
        read = {self.stored(name) for node in nodes for name in node.input if name} - own
        weights = {name for name in read if name in self._found.constants}
        written = {name for name in own if not readers.get(name, _NOBODY) <= set(kernel.nodes)}
        size = self._size
        first = nodes[0]
        if kernel.group is LayerGroup.TREES:
            kernel.weight_bytes = _paths_bytes(first, self._examples(first))
        elif kernel.group is LayerGroup.EMBEDDING:
            others = weights - {self.stored(first.input[0])}
            rows = sum(map(size, first.output))  # only those that are asked for
            kernel.weight_bytes = rows + sum(map(size, others))
        else:
            kernel.weight_bytes = sum(map(size, weights))
        moved = sum(map(size, written))
        if first.op_type in _WINDOWS and kernel.group is LayerGroup.MOVEMENT:
            kernel.activation_bytes = 2 * moved
        else:
            kernel.activation_bytes = moved + sum(map(size, read - weights))

    def _size(self, name: str) -> float:
        return self._found.bytes_of(name, self._float_bytes)

    def _examples(self, node: onnx.NodeProto) -> int:
        return (self._found.shapes.get(node.input[0]) or (1,))[0]

    def _find_readers(self) -> dict[str, set[int]]:
        """Return who reads each tensor in memory; what goes out is read by nobody in here."""
        found: dict[str, set[int]] = {}
        for position, node in enumerate(self._nodes):
            if node.op_type in _SEEN_THROUGH:
                continue
            for name in filter(None, node.input):
                found.setdefault(self.stored(name), set()).add(position)
        for value in self._found.graph.output:
            found.setdefault(self.stored(value.name), set()).add(-1)
        return found


def _paths_bytes(node: onnx.NodeProto, examples: int) -> float:
    """Return what the paths from the roots to the leaves of trees take, if they are balanced."""
    held = {item.name: item for item in node.attribute}
    table = float(sum(item.ByteSize() for item in node.attribute))
    if "nodes_treeids" in held:
        count, trees = len(held["nodes_treeids"].ints), len(set(held["nodes_treeids"].ints))
    elif "tree_roots" in held:
        count, trees = len(held["nodes_featureids"].ints), len(held["tree_roots"].ints)
    else:
        return table
    if not count or not trees:
        return table
    visited = examples * trees * log2(count / trees + 1)
    return table * min(1.0, visited / count)
