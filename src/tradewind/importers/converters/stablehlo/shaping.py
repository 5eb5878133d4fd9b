"""Operators that move elements, or speak of shapes, without computing anything."""

import numpy as np

from .reading import Operation, elements
from .writing import Value, refused

MAX_FOLDED = 2**20


def constant(op: Operation) -> list[Value]:
    """Return a constant."""
    found = op.result()
    found.known = elements(op.attribute("value"), found)
    return [found]


def dimension_size(op: Operation) -> list[Value]:
    """Return one size."""
    axis, value, found = op.number("dimension"), op.inputs[0], op.result()
    size = value.shape[axis]
    if size is not None:
        found.known = np.asarray(size, found.numpy)
        return [found]
    shape = op.add("Shape", [op.name(0)], start=axis, end=axis + 1)
    single = op.add("Squeeze", [shape, op.graph.constant([0], np.int64)])
    return [op.named(op.graph.cast(single, found.type))]


def iota(op: Operation) -> list[Value]:
    """Count along an axis."""
    axis, found = op.number("iota_dimension"), op.result()
    size = found.shape[axis]
    wide = [1] * found.rank
    wide[axis] = -1
    if size is None:
        whole = op.graph.int64(op.inputs[0])
        end = op.add("Gather", [whole, op.graph.constant(axis, np.int64)])
        zero, step = (op.graph.constant(number, np.int64) for number in (0, 1))
        line = op.graph.cast(op.add("Range", [zero, end, step]), found.type)
        narrow = Value(
            (None,), found.type, op.add("Reshape", [line, op.graph.constant(wide, np.int64)])
        )
        op.graph.named.append(narrow)
    else:
        numbers = np.arange(size, dtype=found.numpy).reshape(wide)
        narrow = Value(tuple(numbers.shape), found.type, known=numbers)
        if None not in found.shape and np.prod([s or 0 for s in found.shape]) <= MAX_FOLDED:
            found.known = np.broadcast_to(numbers, [s or 0 for s in found.shape])
    found.narrow, found.counts = narrow, axis
    found.sizes = op.inputs[0] if op.inputs else None
    return [found]


def broadcast(op: Operation) -> list[Value]:
    """Put the dimensions at their places; the elements are repeated when somebody needs it."""
    value, found = op.inputs[0], op.result()
    places = op.numbers("broadcast_dimensions")
    source = value if value.narrow is None or value.name else value.narrow
    wide: list[int | None] = [1] * found.rank
    own = places[len(places) - source.rank :]
    for place, size in zip(own, source.shape, strict=True):
        wide[place] = size
    if source.known is not None:
        numbers = source.known.reshape([size or 0 for size in wide])
        narrow = Value(tuple(wide), value.type, known=numbers)
    elif own == list(range(found.rank - source.rank, found.rank)):
        narrow = source
    else:
        added = [axis for axis in range(found.rank) if axis not in own]
        name = op.add("Unsqueeze", [op.graph.name(source), op.graph.constant(added, np.int64)])
        narrow = Value(tuple(wide), value.type, name)
        op.graph.named.append(narrow)
    if narrow.shape == found.shape and None not in found.shape:
        return [narrow]
    found.narrow, found.sizes = narrow, op.inputs[1] if len(op.inputs) > 1 else None
    found.counts = None if value.counts is None else places[value.counts]
    return [found]


def reshape(op: Operation) -> list[Value]:
    """Change the shape."""
    value, found = op.inputs[0], op.result()
    if value.known is not None and None not in found.shape:
        found.known = value.known.reshape([size or 0 for size in found.shape])
        return [found]
    if found.shape.count(None) <= 1:
        sizes = op.graph.constant([-1 if size is None else size for size in found.shape], np.int64)
    else:
        sizes = op.graph.int64(op.inputs[1])
    return [op.named(op.add("Reshape", [op.name(0), sizes]))]


def transpose(op: Operation) -> list[Value]:
    """Permute the dimensions."""
    order, value, found = op.numbers("permutation"), op.inputs[0], op.result()
    if value.known is not None:
        found.known = value.known.transpose(order)
        return [found]
    return [op.named(op.add("Transpose", [op.name(0)], perm=order))]


def concatenate(op: Operation) -> list[Value]:
    """Join tensors."""
    axis, found = op.number("dimension"), op.result()
    if all(value.known is not None for value in op.inputs):
        found.known = np.concatenate([value.known for value in op.inputs], axis)
        return [found]
    names = [op.graph.name(value) for value in op.inputs]
    return [op.named(op.add("Concat", names, axis=axis))]


def cut(op: Operation, name: str, starts: list[int], ends: list[int], steps: list[int]) -> str:
    """Write a slice by known numbers; axes that are whole are left out."""
    shape = op.inputs[0].shape
    axes = [
        axis
        for axis, size in enumerate(shape)
        if (starts[axis], steps[axis]) != (0, 1) or ends[axis] != size
    ]
    if not axes:
        return name
    columns = [[values[axis] for axis in axes] for values in (starts, ends)]
    rest = [axes, [steps[axis] for axis in axes]]
    return str(op.add("Slice", [name, *(op.graph.constant(c, np.int64) for c in columns + rest)]))


def slice_static(op: Operation) -> list[Value]:
    """Cut out a range with steps."""
    starts, ends, steps = (
        op.numbers(name) for name in ("start_indices", "limit_indices", "strides")
    )
    value, found = op.inputs[0], op.result()
    if value.known is not None:
        places = tuple(slice(*row) for row in zip(starts, ends, steps, strict=True))
        found.known = value.known[places]
        return [found]
    return [op.named(cut(op, op.name(0), starts, ends, steps))]


def slice_computed(op: Operation) -> list[Value]:
    """Cut out a range that is computed, axis by axis where it is whole."""
    starts, ends, steps = op.inputs[1:4]
    known = [value.known for value in (starts, ends, steps)]
    if all(value is not None for value in known):
        numbers = [[int(n) for n in value] for value in known if value is not None]
        return [op.named(cut(op, op.name(0), *numbers))]
    axes = op.graph.constant(range(op.inputs[0].rank), np.int64)
    names = [op.graph.int64(value) for value in (starts, ends)]
    return [op.named(op.add("Slice", [op.name(0), *names, axes, op.graph.int64(steps)]))]


def _started(op: Operation, start: Value, size: int, whole: int | None, axis: int) -> str:
    """Return the start of a slice, moved so that the slice lies within, as a line of one."""
    line = op.graph.constant([1], np.int64)
    name = op.add("Reshape", [op.graph.int64(start), line])
    last = op.graph.constant([0 if whole is None else whole - size], np.int64)
    if whole is None:
        sizes = op.add("Shape", [op.name(0)], start=axis, end=axis + 1)
        last = op.add("Sub", [sizes, op.graph.constant([size], np.int64)])
    zero = op.graph.constant([0], np.int64)
    return str(op.add("Min", [op.add("Max", [name, zero]), last]))


def cut_at(op: Operation, name: str, starts: dict[int, Value], lengths: list[int | None]) -> str:
    """Write a slice of given lengths that begins at computed places."""
    shape = op.inputs[0].shape
    for axis, start in starts.items():
        length = lengths[axis]
        if length is None or length == shape[axis]:  # it can only begin at 0
            continue
        first = _started(op, start, length, shape[axis], axis)
        last = op.add("Add", [first, op.graph.constant([length], np.int64)])
        name = op.add("Slice", [name, first, last, op.graph.constant([axis], np.int64)])
    return name


def dynamic_slice(op: Operation) -> list[Value]:
    """Cut out a piece that begins at computed places."""
    lengths: list[int | None] = list(op.numbers("slice_sizes"))
    starts = dict(enumerate(op.inputs[1:]))
    return [op.named(cut_at(op, op.name(0), starts, lengths))]


def dynamic_update_slice(op: Operation) -> list[Value]:
    """Write a piece at computed places, along the axes where it is not whole."""
    data, piece = op.inputs[:2]
    axes = [axis for axis in range(data.rank) if piece.shape[axis] != data.shape[axis]]
    if len(axes) > 1:
        raise refused("a piece that is whole but for one axis", f"axes {axes}")
    if not axes:
        return [piece]
    axis = axes[0]
    size = piece.shape[axis]
    if size is None:
        raise refused("a piece of known size", "one of any size")
    start = _started(op, op.inputs[2 + axis], size, data.shape[axis], axis)
    where = op.graph.constant([axis], np.int64)
    zero, far = (op.graph.constant([n], np.int64) for n in (0, np.iinfo(np.int64).max))
    before = op.add("Slice", [op.name(0), zero, start, where])
    last = op.add("Add", [start, op.graph.constant([size], np.int64)])
    after = op.add("Slice", [op.name(0), last, far, where])
    return [op.named(op.add("Concat", [before, op.name(1), after], axis=axis))]


def pad(op: Operation) -> list[Value]:
    """Add a border, or take one away where it is negative."""
    low, high, between = (
        op.numbers(name) for name in ("edge_padding_low", "edge_padding_high", "interior_padding")
    )
    if any(between):
        raise refused("a border around", "one between the elements")
    pads = [max(size, 0) for size in low + high]
    name = op.name(0)
    if any(pads):
        name = op.add("Pad", [name, op.graph.constant(pads, np.int64), op.name(1)])
    if min(low + high) < 0:
        far = np.iinfo(np.int64).max
        starts, ends = [max(-n, 0) for n in low], [min(n, 0) or far for n in high]
        axes = op.graph.constant(range(len(low)), np.int64)
        columns = [op.graph.constant(column, np.int64) for column in (starts, ends)]
        name = op.add("Slice", [name, *columns, axes])
    return [op.named(name)]


def reverse(op: Operation) -> list[Value]:
    """Turn axes around."""
    axes = op.numbers("dimensions")
    numbers = ([-1] * len(axes), [np.iinfo(np.int64).min + 1] * len(axes), axes, [-1] * len(axes))
    names = [op.graph.constant(column, np.int64) for column in numbers]
    return [op.named(op.add("Slice", [op.name(0), *names]))]


SHAPING = {
    "constant": constant, "get_dimension_size": dimension_size, "iota": iota,
    "dynamic_iota": iota, "broadcast_in_dim": broadcast, "dynamic_broadcast_in_dim": broadcast,
    "reshape": reshape, "dynamic_reshape": reshape, "transpose": transpose,
    "concatenate": concatenate, "slice": slice_static, "real_dynamic_slice": slice_computed,
    "dynamic_slice": dynamic_slice, "dynamic_update_slice": dynamic_update_slice, "pad": pad,
    "reverse": reverse,
}  # fmt: skip
