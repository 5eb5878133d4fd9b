"""How channels pass through operators that compute."""

from collections.abc import Callable
from math import prod

import numpy as np
import onnx_ir as ir

from tradewind.passes.pruning.positions import Labels, frozen
from tradewind.passes.pruning.tracing import Axes, Dependent, Kept, Product, Tracing, constant
from tradewind.tensors import Array

Rule = Callable[[Tracing, ir.Node], None]
"""Sets the labels of a node's results, uniting or freezing those of its inputs."""


def given(node: ir.Node, slot: int) -> ir.Value | None:
    """Return one input of a node; None where it was left out."""
    return node.inputs[slot] if slot < len(node.inputs) else None


def need(node: ir.Node, slot: int) -> ir.Value:
    """Return one input of a node, which its operator demands.

    Raises:
        ValueError: it was left out.
    """
    found = given(node, slot)
    if found is None:
        raise ValueError(f"{node.op_type} without its input {slot}")
    return found


def elementwise(trace: Tracing, node: ir.Node) -> None:
    """Every operand is broadcast against the others."""
    operands = [trace.labels(value) for value in node.inputs if value is not None]
    out = node.outputs[0]
    trace.give(out, trace.broadcast(operands, trace.shape(out)))


def unary(trace: Tracing, node: ir.Node) -> None:
    """The first input passes; the others are settings."""
    trace.give(node.outputs[0], list(trace.labels(need(node, 0))))
    trace.freeze(*node.inputs[1:])


def first_axes(trace: Tracing, node: ir.Node) -> None:
    """Pool: examples and channels pass, the other axes are new."""
    out = node.outputs[0]
    passing = trace.labels(need(node, 0))[:2]
    trace.give(out, [*passing, *map(frozen, trace.shape(out)[2:])])


def convolve(trace: Tracing, node: ir.Node) -> None:
    """Weight [out, in / group, *kernel]; depthwise couples what comes in with what goes out."""
    data, weight, out = need(node, 0), need(node, 1), node.outputs[0]
    rows, columns, *kernel = trace.labels(weight)
    channels, groups = trace.labels(data)[1], node.attributes.get_int("group", 1)
    trace.positions.freeze(kernel)
    _tie_groups(trace, node, channels, columns, rows, groups)
    _finish(trace, node, rows)
    macs = prod(trace.shape(out)) * prod(trace.shape(weight)[1:])
    trace.products.append(Product(node, macs, (rows, columns), columns))


def convolve_back(trace: Tracing, node: ir.Node) -> None:
    """Weight [in, out / group, *kernel]."""
    data, weight, out = need(node, 0), need(node, 1), node.outputs[0]
    rows, columns, *kernel = trace.labels(weight)
    groups = node.attributes.get_int("group", 1)
    trace.positions.freeze(kernel)
    produced = columns if groups == 1 else trace.positions.fresh(trace.shape(out)[1])
    _tie_groups(trace, node, produced, columns, rows, groups)
    trace.positions.unite(rows, trace.labels(data)[1])
    _finish(trace, node, produced)
    macs = prod(trace.shape(data)) * prod(trace.shape(weight)[1:])
    trace.products.append(Product(node, macs, (rows, columns), rows))


def _tie_groups(
    trace: Tracing, node: ir.Node, wide: Labels, narrow: Labels, rows: Labels, groups: int
) -> None:
    """Unite the channels of a grouped convolution so that all groups stay of one size.

    Args:
        trace: what is known.
        node: the convolution.
        wide: labels of the channels whose number is the size of `narrow` times the groups.
        narrow: labels of the second axis of the weight, shared by all groups.
        rows: labels of the first axis of the weight.
        groups: how many there are.
    """
    if groups == 1:
        if wide is not narrow:
            trace.positions.unite(narrow, wide)
        return
    if len(narrow) > 1:
        for part in wide.reshape(groups, -1):
            trace.positions.unite(narrow, part)
        for part in rows.reshape(groups, -1)[1:]:
            trace.positions.unite(rows[: len(part)], part)
        return
    # one channel a group: a group goes with all that it gives, and the number of groups shrinks
    trace.positions.freeze([narrow])
    for index, part in enumerate(rows.reshape(groups, -1)):
        trace.positions.unite(np.repeat(wide[index : index + 1], len(part)), part)
    trace.dependents.append(Dependent(node, "group", lambda kept: np.sum(kept(wide))))


def _finish(trace: Tracing, node: ir.Node, channels: Labels) -> None:
    """Give a convolution's result its labels, with the bias along them."""
    out, bias = node.outputs[0], given(node, 2)
    if bias is not None:
        trace.positions.unite(channels, trace.labels(bias)[0])
    examples = trace.labels(need(node, 0))[0]
    trace.give(out, [examples, channels, *map(frozen, trace.shape(out)[2:])])


def multiply(trace: Tracing, node: ir.Node) -> None:
    """[…, rows, inner] times […, inner, columns]."""
    left, right = trace.labels(need(node, 0)), trace.labels(need(node, 1))
    out = node.outputs[0]
    if min(len(left), len(right)) < 2:
        stop(trace, node)
        return
    trace.positions.unite(left[-1], right[-2])
    shape = trace.shape(out)
    axes = [*trace.broadcast([left[:-2], right[:-2]], shape[:-2]), left[-2], right[-1]]
    trace.give(out, axes)
    macs = prod(shape) * len(left[-1])
    trace.products.append(Product(node, macs, (*axes, left[-1]), left[-1]))


def multiply_dense(trace: Tracing, node: ir.Node) -> None:
    """Gemm: [rows, inner] times [inner, columns], either turned, plus what is broadcast."""
    left, right = list(trace.labels(need(node, 0))), list(trace.labels(need(node, 1)))
    if node.attributes.get_int("transA", 0):
        left.reverse()
    if node.attributes.get_int("transB", 0):
        right.reverse()
    out, bias = node.outputs[0], given(node, 2)
    trace.positions.unite(left[1], right[0])
    axes: Axes = [left[0], right[1]]
    if bias is not None:
        trace.broadcast([axes, trace.labels(bias)], trace.shape(out))
    trace.give(out, axes)
    macs = prod(trace.shape(out)) * len(left[1])
    trace.products.append(Product(node, macs, (*axes, left[1]), left[1]))


def normalize_channels(trace: Tracing, node: ir.Node) -> None:
    """Batch and instance normalization: each channel by itself."""
    axes = trace.labels(need(node, 0))
    for value in node.inputs[1:]:
        if value is not None:
            trace.positions.unite(axes[1], trace.labels(value)[0])
    trace.give(node.outputs[0], list(axes))


def normalize_last(trace: Tracing, node: ir.Node) -> None:
    """Softmax and layer normalization: what is averaged over cannot lose a part unnoticed."""
    axes = trace.labels(need(node, 0))
    opset = node.graph.opset_imports.get("", 0) if node.graph is not None else 0
    flattens = node.op_type != "LayerNormalization" and opset < 13
    axis = node.attributes.get_int("axis", 1 if flattens else -1) % len(axes)
    is_one = node.op_type != "LayerNormalization" and not flattens
    trace.positions.freeze([axes[axis]] if is_one else axes[axis:])
    trace.freeze(*node.inputs[1:])
    trace.give(node.outputs[0], list(axes))


def reduce(trace: Tracing, node: ir.Node) -> None:
    """Sums, means and extremes over some axes, which must stay whole."""
    axes, out = trace.labels(need(node, 0)), node.outputs[0]
    along = _reduced(node, len(axes))
    if along is None:
        stop(trace, node)
        return
    trace.positions.freeze(axes[axis] for axis in along)
    left = [labels for axis, labels in enumerate(axes) if axis not in along]
    if len(trace.shape(out)) != len(left):
        left = [frozen(1) if axis in along else labels for axis, labels in enumerate(axes)]
    trace.give(out, left)


def _reduced(node: ir.Node, rank: int) -> set[int] | None:
    if node.op_type in ("ArgMax", "ArgMin"):
        return {node.attributes.get_int("axis", 0) % rank}
    axes: Array | None = np.array(node.attributes.get_ints("axes", []), np.int64)
    if given(node, 1) is not None:
        axes = constant(given(node, 1))
    if axes is None:
        return None
    if not axes.size:
        keeps = node.attributes.get_int("noop_with_empty_axes", 0)
        return set() if keeps else set(range(rank))
    return {int(axis) % rank for axis in axes.ravel()}


def stop(trace: Tracing, node: ir.Node) -> None:
    """What is not understood stays as it is, with all that depends on its shape."""
    trace.freeze(*node.inputs, *node.outputs)


def count_of(kept: Kept, labels: Labels) -> int:
    """Return how many positions of an axis stay."""
    return int(np.sum(kept(labels)))


_UNARY = [
    "Relu",
    "LeakyRelu",
    "Elu",
    "Selu",
    "Celu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Tanh",
    "Erf",
    "Exp",
    "Log",
    "Sqrt",
    "Neg",
    "Abs",
    "Clip",
    "Softplus",
    "Softsign",
    "Mish",
    "Gelu",
    "Identity",
    "Dropout",
    "Cast",
    "Reciprocal",
    "Floor",
    "Ceil",
    "Round",
    "Sign",
    "Sin",
    "Cos",
    "Not",
    "ThresholdedRelu",
    "Swish",
    "IsNaN",
    "IsInf",
]
_ELEMENTWISE = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Max",
    "Min",
    "Sum",
    "Mean",
    "PRelu",
    "Where",
    "Equal",
    "Greater",
    "Less",
    "GreaterOrEqual",
    "LessOrEqual",
    "And",
    "Or",
    "Xor",
]
_POOLS = ("MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
_REDUCTIONS = [
    "ReduceMean",
    "ReduceSum",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceSumSquare",
    "ArgMax",
    "ArgMin",
]

COMPUTING: dict[str, Rule] = {
    **dict.fromkeys(_UNARY, unary),
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **dict.fromkeys(_POOLS, first_axes),
    **dict.fromkeys(_REDUCTIONS, reduce),
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax", "LayerNormalization"), normalize_last),
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization"), normalize_channels),
    "Conv": convolve,
    "ConvTranspose": convolve_back,
    "MatMul": multiply,
    "Gemm": multiply_dense,
}
"""A rule for every operator that computes; what is in no table is left alone."""
