"""Operators that move elements, or speak of shapes, without computing anything."""

import numpy as np

from .arithmetic import Converter
from .writing import Operation

_FAR = np.iinfo(np.int64).max


def int64(op: Operation, index: int) -> str:
    """Return the name of one input as int64, which ONNX wants of shapes and axes."""
    found = op.known(index)
    if found is not None:
        return op.value(found, np.int64)
    return op.name(index) if op.type(index) == "i64" else op.cast(op.name(index), "i64")


def flat_int64(op: Operation, index: int) -> str:
    """Return the name of one input as a line of int64."""
    found = op.known(index)
    if found is not None:
        return op.value(found.ravel(), np.int64)
    name = int64(op, index)
    if op.shape(index) is not None and op.rank(index) == 1:
        return name
    return str(op.add("Reshape", [name, op.value([-1], np.int64)]))


def identity(op: Operation) -> str:
    """Return the input as it is."""
    return str(op.add("Identity", [op.name(0)]))


def reshape(op: Operation) -> str:
    """Convert a reshape; a zero keeps the size where OpenVINO says so."""
    keeps = bool(op.attributes.get("special_zero", False))
    shape = op.known(1)
    is_plain = keeps or (shape is not None and not (shape == 0).any())
    return str(
        op.add("Reshape", [op.name(0), flat_int64(op, 1)], allowzero=None if is_plain else 1)
    )


def squeeze(op: Operation) -> str:
    """Drop dimensions of size 1; those of another size stay where OpenVINO skips them."""
    shape = op.shape(0)
    found = op.known(1) if op.count > 1 else np.empty(0)
    if found is not None and not found.size:
        if shape is None or None in shape:
            raise op.refused("a shape that is known where axes are not given", "an open one")
        axes = [axis for axis, size in enumerate(shape) if size == 1]
        return str(op.add("Squeeze", [op.name(0), op.value(axes, np.int64)]))
    if found is not None and shape is not None:
        # older graphs may name dimensions that are not 1; OpenVINO leaves those alone
        kept = [int(a) for a in found.ravel() if shape[int(a)] in (1, None)]
        return str(op.add("Squeeze", [op.name(0), op.value(kept, np.int64)]))
    return str(op.add("Squeeze", [op.name(0), flat_int64(op, 1)]))


def unsqueeze(op: Operation) -> str:
    """Add dimensions of size 1."""
    return str(op.add("Unsqueeze", [op.name(0), flat_int64(op, 1)]))


def transpose(op: Operation) -> str:
    """Permute the dimensions; reverse them when no order is given."""
    order = op.constant(1, "an order")
    return str(op.add("Transpose", [op.name(0)], perm=[int(i) for i in order] or None))


def concat(op: Operation) -> str:
    """Join tensors."""
    return str(op.add("Concat", op.names, axis=int(op.attributes["axis"])))


def split(op: Operation) -> list[str]:
    """Cut into equal parts."""
    count = int(op.attributes["num_splits"])
    axis = int(op.constant(1, "an axis").item())
    found = op.add("Split", [op.name(0)], count, axis=axis)
    return found if isinstance(found, list) else [found]


def variadic_split(op: Operation) -> list[str]:
    """Cut into parts of given sizes, one of which may be the rest."""
    lengths = op.constant(2, "sizes").ravel()
    axis = int(op.constant(1, "an axis").item())
    if (lengths < 0).any():
        shape = op.shape(0)
        whole = None if shape is None else shape[axis]
        if whole is None:
            raise op.refused("a known size along the axis", "an open one")
        lengths = np.where(lengths < 0, whole - lengths[lengths >= 0].sum(), lengths)
    found = op.add("Split", [op.name(0), op.value(lengths, np.int64)], len(lengths), axis=axis)
    return found if isinstance(found, list) else [found]


def slice_axes(op: Operation) -> str:
    """Cut out a range with steps."""
    inputs = [op.name(0), *(flat_int64(op, index) for index in (1, 2))]
    axes = flat_int64(op, 4) if op.count > 4 else ""
    return str(op.add("Slice", [*inputs, axes, flat_int64(op, 3)]))


def strided_slice(op: Operation) -> str:
    """Cut out a range with steps, drop and add dimensions, as numpy's brackets do."""
    masks = {
        name: [int(bit) for bit in op.attributes.get(f"{name}_mask", [])]
        for name in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    }
    begins, ends = (op.constant(index, "limits").ravel().tolist() for index in (1, 2))
    strides = op.constant(3, "strides").ravel().tolist() if op.count > 3 else []
    rank, axis = op.rank(0), 0
    marked = {n: m + [0] * (len(begins) - len(m)) for n, m in masks.items()}
    added = sum(marked["new_axis"][i] for i in range(len(begins)))
    rows: list[tuple[int, int, int, int]] = []
    shrunk, new, out = [], [], 0
    for i in range(len(begins)):
        if marked["ellipsis"][i]:
            skipped = rank - (len(begins) - 1 - added)
            axis, out = axis + skipped, out + skipped
        elif marked["new_axis"][i]:
            new.append(out)
            out += 1
        else:
            step = strides[i] if strides else 1
            begin = (0 if step > 0 else _FAR) if marked["begin"][i] else begins[i]
            end = (_FAR if step > 0 else -_FAR) if marked["end"][i] else ends[i]
            if marked["shrink_axis"][i]:
                begin, end, step = begins[i], begins[i] + 1 or _FAR, 1
                shrunk.append(axis)
            else:
                out += 1
            rows.append((begin, end, axis, step))
            axis += 1
    return _brackets(op, rows, shrunk, new)


def _brackets(
    op: Operation, rows: list[tuple[int, int, int, int]], shrunk: list[int], new: list[int]
) -> str:
    name = op.name(0)
    cut = [row for row in rows if (row[0], row[1], row[3]) != (0, _FAR, 1)]
    if cut:
        columns = [op.value(column, np.int64) for column in zip(*cut, strict=True)]
        name = op.add("Slice", [name, *columns])
    if shrunk:
        name = op.add("Squeeze", [name, op.value(shrunk, np.int64)])
    if new:
        name = op.add("Unsqueeze", [name, op.value(new, np.int64)])
    return name if name != op.name(0) else str(op.add("Identity", [name]))


def shape_of(op: Operation) -> str:
    """Return the shape."""
    shape = op.add("Shape", [op.name(0)])
    return str(shape) if op.output_type() == "i64" else op.cast(shape, op.output_type())


def broadcast(op: Operation) -> str:
    """Repeat along dimensions of size 1."""
    mode = str(op.attributes.get("mode", "numpy")).lower()
    shape, data = flat_int64(op, 1), op.name(0)
    if mode == "explicit":
        axes = [int(axis) for axis in op.constant(2, "axes").ravel()]
        wanted = op.node.get_input_partial_shape(1)[0].get_length()
        added = [axis for axis in range(wanted) if axis not in axes]
        data = op.add("Unsqueeze", [data, op.value(added, np.int64)]) if added else data
    elif mode not in ("numpy", "bidirectional"):
        raise op.refused("a known rule of broadcasting", mode)
    return str(op.add("Expand", [data, shape]))


def tile(op: Operation) -> str:
    """Repeat the whole."""
    repeats = op.constant(1, "repeats").ravel().tolist()
    name, rank = op.name(0), op.rank(0)
    if len(repeats) > rank:
        axes = op.value(range(len(repeats) - rank), np.int64)
        name = op.add("Unsqueeze", [name, axes])
    repeats = [1] * (rank - len(repeats)) + repeats
    return str(op.add("Tile", [name, op.value(repeats, np.int64)]))


def pad(op: Operation) -> str:
    """Add a border."""
    mode = str(op.attributes["pad_mode"]).lower()
    if mode == "symmetric":
        raise op.refused("a border that is constant, or repeats or reflects", mode)
    begins, ends = op.known(1), op.known(2)
    if begins is not None and ends is not None:
        pads = op.value(np.concatenate([begins.ravel(), ends.ravel()]), np.int64)
    else:
        pads = op.add("Concat", [flat_int64(op, 1), flat_int64(op, 2)], axis=0)
    names = [op.name(0), pads]
    if mode == "constant" and op.count > 3:
        names.append(op.name(3))
    return str(op.add("Pad", names, mode=mode))


def ranged(op: Operation) -> str:
    """Count from a number to another."""
    kind = op.output_type()
    names = [
        name if op.type(index) == kind else op.cast(name, kind)
        for index, name in enumerate(op.names)
    ]
    return str(op.add("Range", names))


def convert_like(op: Operation) -> str:
    """Change the element type to that of another tensor."""
    return op.cast(op.name(0), op.type(1))


def shuffle_channels(op: Operation) -> str:
    """Exchange two halves of an axis that counts groups of channels."""
    axis, groups = int(op.attributes["axis"]), int(op.attributes["group"])
    shape = op.shape(0)
    if shape is None or None in shape[1:]:
        raise op.refused("a known shape after the first dimension", str(shape))
    axis += len(shape) if axis < 0 else 0
    known = [0 if size is None else size for size in shape]
    inner = [*known[:axis], groups, known[axis] // groups, *known[axis + 1 :]]
    order = [*range(axis), axis + 1, axis, *range(axis + 2, len(inner))]
    apart = op.add("Reshape", [op.name(0), op.value(inner, np.int64)])
    turned = op.add("Transpose", [apart], perm=order)
    return str(op.add("Reshape", [turned, op.value(known, np.int64)]))


def blocks(op: Operation) -> str:
    """Exchange depth for width and height."""
    size, mode = int(op.attributes["block_size"]), str(op.attributes["mode"]).lower()
    if op.kind == "DepthToSpace":
        order = "DCR" if mode == "blocks_first" else "CRD"
        return str(op.add("DepthToSpace", [op.name(0)], blocksize=size, mode=order))
    if mode != "blocks_first":
        raise op.refused("blocks_first", mode)
    return str(op.add("SpaceToDepth", [op.name(0)], blocksize=size))


REARRANGING: dict[str, Converter] = {
    "Reshape": reshape, "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Transpose": transpose,
    "Concat": concat, "Split": split, "VariadicSplit": variadic_split, "Slice": slice_axes,
    "StridedSlice": strided_slice, "ShapeOf": shape_of, "Broadcast": broadcast, "Tile": tile,
    "Pad": pad, "Range": ranged, "ConvertLike": convert_like, "ShuffleChannels": shuffle_channels,
    "DepthToSpace": blocks, "SpaceToDepth": blocks, "Identity": identity,
}  # fmt: skip
