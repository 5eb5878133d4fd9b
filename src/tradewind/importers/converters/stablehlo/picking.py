"""Gathering slices from computed places."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .reading import Operation
from .shaping import cut_at
from .writing import Value, refused


@dataclass(frozen=True)
class _Numbers:
    """What the dimensions of a gather mean."""

    offsets: list[int]
    collapsed: list[int]
    paired: list[int]  # of the data
    paired_places: list[int]  # of the places
    starts: list[int]
    vector: int
    lengths: list[int | None]


def _numbers(op: Operation) -> _Numbers:
    from jaxlib.mlir.dialects import stablehlo

    found: Any = stablehlo.GatherDimensionNumbers(op.attribute("dimension_numbers"))
    lengths: list[int | None] = list(op.numbers("slice_sizes"))
    if op.kind == "dynamic_gather":
        # what is not cut out of an axis of known size shows in the result
        result, offsets = op.result(), list(found.offset_dims)
        narrow = list(found.collapsed_slice_dims) + list(found.operand_batching_dims)
        wide = [axis for axis in range(op.inputs[0].rank) if axis not in narrow]
        lengths = [1] * op.inputs[0].rank
        for axis, place in zip(wide, offsets, strict=True):
            lengths[axis] = result.shape[place]
    return _Numbers(
        list(found.offset_dims),
        list(found.collapsed_slice_dims),
        list(found.operand_batching_dims),
        list(found.start_indices_batching_dims),
        list(found.start_index_map),
        int(found.index_vector_dim),
        lengths,
    )


def gather(op: Operation) -> list[Value]:
    """Gather: one slice, rows of a table, or elements by coordinates."""
    numbers, places = _numbers(op), op.inputs[1]
    has_batch = places.rank - (1 if numbers.vector < places.rank else 0) > 0
    if not has_batch:
        return [op.named(_single(op, numbers))]
    data = op.inputs[0]
    for axis in range(data.rank):
        is_picked = axis in numbers.collapsed + numbers.paired
        if not is_picked and numbers.lengths[axis] not in (None, data.shape[axis]):
            raise refused("whole slices", f"{numbers.lengths[axis]} of {data.shape[axis]}")
    if set(numbers.starts) != set(numbers.collapsed):
        raise refused("one element along every axis that places are given for", "ranges")
    if len(numbers.starts) == 1 and not numbers.paired:
        return [op.named(_rows(op, numbers))]
    return [op.named(_elements(op, numbers))]


def _single(op: Operation, numbers: _Numbers) -> str:
    """Cut one slice out."""
    places = op.inputs[1]
    starts = {}
    for index, axis in enumerate(numbers.starts):
        if not places.rank:
            starts[axis] = places
        elif places.known is not None:
            starts[axis] = Value((), places.type, known=places.known[index])
        else:
            at = op.graph.constant(index, np.int64)
            starts[axis] = Value((), places.type, op.add("Gather", [op.name(1), at]))
    name = cut_at(op, op.name(0), starts, numbers.lengths)
    if numbers.collapsed:
        name = op.add("Squeeze", [name, op.graph.constant(numbers.collapsed, np.int64)])
    return name


def _places(op: Operation, numbers: _Numbers) -> str:
    """Return the places [batch ..., coordinates] as int64, moved into the data."""
    places = op.inputs[1]
    name = op.graph.int64(places)
    if numbers.vector == places.rank:
        name = op.add("Unsqueeze", [name, op.graph.constant([-1], np.int64)])
    elif numbers.vector != places.rank - 1:
        raise refused("coordinates in the last dimension", f"in dimension {numbers.vector}")
    sizes = [op.inputs[0].shape[axis] for axis in numbers.starts]
    low = op.graph.constant([0], np.int64)
    if None in sizes:
        shape = op.add("Shape", [op.name(0)])
        whole = op.add("Gather", [shape, op.graph.constant(numbers.starts, np.int64)])
        high = op.add("Sub", [whole, op.graph.constant([1], np.int64)])
    else:
        high = op.graph.constant([(size or 0) - 1 for size in sizes], np.int64)
    return str(op.add("Min", [op.add("Max", [name, low]), high]))


def _arranged(op: Operation, name: str, batch: int, numbers: _Numbers) -> str:
    """Put [batch ..., offsets ...] into the order that was asked for."""
    rank = batch + len(numbers.offsets)
    rest = [axis for axis in range(rank) if axis not in numbers.offsets]
    order = [0] * rank
    for index, axis in enumerate(rest + numbers.offsets):
        order[axis] = index
    return name if order == list(range(rank)) else str(op.add("Transpose", [name], perm=order))


def _rows(op: Operation, numbers: _Numbers) -> str:
    """Pick slices along one axis."""
    axis, batch = numbers.starts[0], _batch(op, numbers)
    last = op.graph.constant([-1], np.int64)
    line = op.add("Squeeze", [_places(op, numbers), last])
    name = op.add("Gather", [op.name(0), line], axis=axis)
    # the places lie where the axis was
    rank = batch + len(numbers.offsets)
    if numbers.offsets == [i for i in range(rank) if not axis <= i < axis + batch]:
        return str(name)
    order = [*range(axis, axis + batch), *range(axis), *range(axis + batch, rank)]
    front = op.add("Transpose", [name], perm=order)
    return _arranged(op, front, batch, numbers)


def _elements(op: Operation, numbers: _Numbers) -> str:
    """Pick by coordinates, perhaps in pairs of examples and places."""
    data = op.inputs[0]
    picked = numbers.paired + numbers.starts
    order = picked + [axis for axis in range(data.rank) if axis not in picked]
    name = op.name(0)
    if order != list(range(data.rank)):
        name = op.add("Transpose", [name], perm=order)
    places, batch, paired = _places(op, numbers), _batch(op, numbers), numbers.paired_places
    if paired != list(range(len(paired))):
        raise refused("paired dimensions first", f"{paired}")
    found = op.add("GatherND", [name, places], batch_dims=len(paired) or None)
    return _arranged(op, found, batch, numbers)


def _batch(op: Operation, numbers: _Numbers) -> int:
    return op.inputs[1].rank - (1 if numbers.vector < op.inputs[1].rank else 0)


PICKING = {"gather": gather, "dynamic_gather": gather}
