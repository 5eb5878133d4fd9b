"""How channels pass through operators that only move numbers."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import onnx_ir as ir

from tradewind.passes.pruning.positions import Labels, frozen
from tradewind.passes.pruning.reshaping import reshape
from tradewind.passes.pruning.rules import Rule, count_of, given, need, stop
from tradewind.passes.pruning.tracing import Axes, Dependent, Kept, Tracing, constant
from tradewind.tensors import Array


def transpose(trace: Tracing, node: ir.Node) -> None:
    """The axes change places."""
    axes = trace.labels(need(node, 0))
    order = node.attributes.get_ints("perm", list(range(len(axes)))[::-1])
    trace.give(node.outputs[0], [axes[axis] for axis in order])


def concatenate(trace: Tracing, node: ir.Node) -> None:
    """One axis is put together; along the others all operands agree."""
    operands = [trace.labels(value) for value in node.inputs if value is not None]
    axis = node.attributes.get_int("axis", 0) % len(operands[0])
    for other in operands[1:]:
        for index, (one, two) in enumerate(zip(operands[0], other, strict=True)):
            if index != axis:
                trace.positions.unite(one, two)
    joined = np.concatenate([axes[axis] for axes in operands])
    trace.give(node.outputs[0], [*operands[0][:axis], joined, *operands[0][axis + 1 :]])


def split(trace: Tracing, node: ir.Node) -> None:
    """One axis is taken apart; parts of one size each stay so."""
    axes = trace.labels(need(node, 0))
    axis = node.attributes.get_int("axis", 0) % len(axes)
    ends = np.cumsum([trace.shape(out)[axis] for out in node.outputs])
    parts = np.split(axes[axis], ends[:-1])
    if constant(given(node, 1)) is not None:
        trace.dependents.append(
            Dependent(node, 1, lambda kept: np.array([count_of(kept, part) for part in parts]))
        )
    elif len({len(part) for part in parts}) == 1 and "split" not in node.attributes:
        for one, other in pairwise(parts):
            trace.positions.unite(one, other)
    else:
        stop(trace, node)
    for out, part in zip(node.outputs, parts, strict=True):
        trace.give(out, [*axes[:axis], part, *axes[axis + 1 :]])


def cut_out(trace: Tracing, node: ir.Node) -> None:
    """Slice, its ends moved to where the positions between them are after the cut."""
    axes, out = list(trace.labels(need(node, 0))), node.outputs[0]
    starts, ends = constant(given(node, 1)), constant(given(node, 2))
    along, steps = constant(given(node, 3)), constant(given(node, 4))
    is_settled = (given(node, 3) is None) == (along is None)
    if starts is None or ends is None or not is_settled or "starts" in node.attributes:
        stop(trace, node)
        return
    along = np.arange(len(starts)) if along is None else along % len(axes)
    steps = np.ones(len(starts), np.int64) if steps is None else steps
    before = list(axes)
    for axis, start, end, step in zip(along, starts, ends, steps, strict=True):
        if step != 1:
            trace.positions.freeze([axes[axis]])
        axes[axis] = axes[axis][int(start) : _end(int(end)) : int(step)]
    cuts = [before[axis] for axis in along]
    for slot, ends_of in ((1, starts), (2, ends)):
        trace.dependents.append(Dependent(node, slot, _moved(cuts, ends_of)))
    trace.give(out, axes)


def _end(end: int) -> int | None:
    """Return an end as Python has it; -2**63 and the like mean "beyond the first"."""
    return None if end <= -(2**31) else end


def _moved(cuts: list[Labels], places: Array) -> Callable[[Kept], Array]:
    def rewrite(kept: Kept) -> Array:
        found = places.copy()
        for index, (labels, place) in enumerate(zip(cuts, places.tolist(), strict=True)):
            if -len(labels) <= place < len(labels):
                found[index] = count_of(kept, labels[: place % len(labels)])
        return found

    return rewrite


def pad(trace: Tracing, node: ir.Node) -> None:
    """Positions that are added come or go with what they meet later."""
    axes, out = trace.labels(need(node, 0)), node.outputs[0]
    pads, mode = constant(given(node, 1)), node.attributes.get_string("mode", "constant")
    if pads is None or given(node, 3) is not None or mode != "constant" or (pads < 0).any():
        stop(trace, node)
        return
    count = len(axes)
    added: list[Labels] = []
    for index, size in enumerate(pads.tolist()):
        is_still = trace.positions.is_frozen(axes[index % count])
        added.append(frozen(size) if is_still else trace.positions.fresh(size))
    padded: Axes = [
        np.concatenate([added[axis], axes[axis], added[axis + count]]) for axis in range(count)
    ]
    trace.dependents.append(
        Dependent(node, 1, lambda kept: np.array([count_of(kept, one) for one in added], np.int64))
    )
    trace.give(out, padded)


def gather(trace: Tracing, node: ir.Node) -> None:
    """Some positions of one axis, which must stay where they are; the other axes pass."""
    axes, picked = trace.labels(need(node, 0)), trace.labels(need(node, 1))
    axis = node.attributes.get_int("axis", 0) % len(axes)
    trace.positions.freeze([axes[axis], *picked])
    trace.give(node.outputs[0], [*axes[:axis], *map(_still, picked), *axes[axis + 1 :]])


def _still(labels: Labels) -> Labels:
    return frozen(len(labels))


def ask_shape(trace: Tracing, node: ir.Node) -> None:
    """Sizes that the graph looks at must stay; those that it only seems to look at may go."""
    data, out = need(node, 0), node.outputs[0]
    axes = trace.labels(data)
    start = node.attributes.get_int("start", 0)
    end = node.attributes.get_int("end", len(axes))
    looked = set(range(len(axes))[start:end])
    uses = list(out.uses())
    picks = [_picked(use.node, use.idx) for use in uses]
    if uses and not out.is_graph_output() and all(pick is not None for pick in picks):
        seen = sorted(looked)
        looked = {seen[index] for pick in picks if pick is not None for index in pick}
    trace.positions.freeze(axes[axis] for axis in looked)
    trace.give(out, [frozen(size) for size in trace.shape(out)])


def _picked(node: ir.Node, slot: int) -> list[int] | None:
    """Return which entries of a shape a node looks at; None where that is not known."""
    indices = constant(given(node, 1)) if node.op_type == "Gather" and slot == 0 else None
    return None if indices is None else [int(index) for index in indices.ravel()]


MOVING: dict[str, Rule] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"), reshape),
    "Transpose": transpose,
    "Concat": concatenate,
    "Split": split,
    "Slice": cut_out,
    "Pad": pad,
    "Gather": gather,
    "Shape": ask_shape,
}
"""A rule for every operator that moves numbers."""
