"""How channels pass through a change of shape."""

from collections.abc import Iterator
from math import prod

import numpy as np
import onnx_ir as ir

from tradewind.passes.pruning.positions import Labels, frozen
from tradewind.passes.pruning.rules import count_of, given, need, stop
from tradewind.passes.pruning.tracing import Axes, Dependent, Kept, Tracing, constant
from tradewind.tensors import Array


def reshape(trace: Tracing, node: ir.Node) -> None:
    """Axes are merged or split; an axis of channels may be one of those merged."""
    data, out = need(node, 0), node.outputs[0]
    if node.op_type == "Expand" and trace.shape(data) != trace.shape(out):
        _expand(trace, node)
        return
    if 0 in trace.shape(data):
        stop(trace, node)
        return
    axes: Axes = []
    for before, after in blocks(trace.shape(data), trace.shape(out)):
        old = [trace.labels(data)[axis] for axis in before]
        axes += _regroup(trace, old, [trace.shape(out)[axis] for axis in after])
    _rewrite_target(trace, node, axes)
    trace.give(out, axes)


def blocks(
    before: tuple[int, ...], after: tuple[int, ...]
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield the smallest runs of axes that hold the same numbers before and after.

    An axis of size 1 is in a run with nothing on the other side, or with another of size 1.
    """
    left, right = list(range(len(before))), list(range(len(after)))
    while left or right:
        old, new = left[:1], right[:1]
        if old and new and 1 in (before[old[0]], after[new[0]]) and before[old[0]] != after[new[0]]:
            old, new = (old, []) if before[old[0]] == 1 else ([], new)
        while old and new and _size(before, old) != _size(after, new):
            if _size(before, old) < _size(after, new):
                old = left[: len(old) + 1]
            else:
                new = right[: len(new) + 1]
        left, right = left[len(old) :], right[len(new) :]
        yield old, new


def _size(shape: tuple[int, ...], axes: list[int]) -> int:
    return prod(shape[axis] for axis in axes)


def _regroup(trace: Tracing, old: Axes, sizes: list[int]) -> Axes:
    if not old or not sizes:
        trace.positions.freeze(old)
        return [frozen(1) for _ in sizes]
    if len(old) == len(sizes) == 1:
        return [old[0]]
    if len(sizes) == 1:
        return [_merge(trace, old)]
    if len(old) == 1:
        return _part(trace, old[0], sizes)
    trace.positions.freeze(old)
    return [frozen(size) for size in sizes]


def _merge(trace: Tracing, old: Axes) -> Labels:
    """Return the labels of one axis made of several, of which one may hold channels."""
    live = [axis for axis, labels in enumerate(old) if not trace.positions.is_frozen(labels)]
    if len(live) != 1:
        trace.positions.freeze(old)
        return frozen(prod(len(labels) for labels in old))
    shape = [len(labels) for labels in old]
    view = [1] * len(old)
    view[live[0]] = -1
    return np.broadcast_to(old[live[0]].reshape(view), shape).ravel()


def _part(trace: Tracing, labels: Labels, sizes: list[int]) -> Axes:
    """Return the labels of several axes made of one: [heads * depth] to [heads, depth].

    Either whole heads can go, or the same part of each; the other axes stay.
    """
    wide = [axis for axis, size in enumerate(sizes) if size > 1]
    chosen = wide[-2] if trace.heads else wide[-1]
    block = np.moveaxis(labels.reshape(sizes), chosen, 0).reshape(sizes[chosen], -1)
    for column in block.T[1:]:
        trace.positions.unite(block[:, 0], column)
    return [block[:, 0] if axis == chosen else frozen(size) for axis, size in enumerate(sizes)]


def _rewrite_target(trace: Tracing, node: ir.Node, axes: Axes) -> None:
    """Note that the sizes in a constant follow the cut."""
    if node.op_type not in ("Reshape", "Expand"):
        return
    target = constant(given(node, 1))
    if target is None:
        stop(trace, node)
        trace.positions.freeze(axes)
        return

    def rewrite(kept: Kept) -> Array:
        back = axes[len(axes) - len(target) :]
        return np.array(
            [
                size if size <= 0 else count_of(kept, labels)
                for size, labels in zip(target.tolist(), back, strict=True)
            ],
            np.int64,
        )

    trace.dependents.append(Dependent(node, 1, rewrite))


def _expand(trace: Tracing, node: ir.Node) -> None:
    """Axes of size 1 are repeated; the others pass."""
    axes, shape = trace.labels(need(node, 0)), trace.shape(node.outputs[0])
    padded = [frozen(1)] * (len(shape) - len(axes)) + axes
    result = [
        old if len(old) == size else frozen(size) for old, size in zip(padded, shape, strict=True)
    ]
    if any(size == 1 for size in map(len, axes)):
        trace.positions.freeze(old for old in axes if len(old) == 1)
    _rewrite_target(trace, node, result)
    trace.give(node.outputs[0], result)
