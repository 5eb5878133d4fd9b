"""Operators that move numbers without changing them."""

from collections.abc import Sequence

import numpy as np
from onnx import helper

from .elementwise import Step, finish, result_name
from .reading import Array, Operator
from .writing import TO_FIRST, Writer

_FAR = 2**31 - 1


def known(writer: Writer, index: int, what: str) -> Array:
    """Return the numbers of a constant.

    Raises:
        ValueError: they are computed while the model runs.
    """
    values = writer.tensor(index).constant
    if values is None:
        hint = "convert the model again with fixed shapes."
        raise ValueError(f"{what} known beforehand", "one that is computed", hint)
    return values


def moved(writer: Writer, operator: Operator, sources: Sequence[int]) -> tuple[list[str], bool]:
    """Return the inputs of an operator that only moves numbers, and whether they are as stored.

    They are where input and output are stored in the same way.
    """
    target = writer.tensor(operator.outputs[0])
    kept = all(
        writer.tensor(index).dtype == target.dtype
        and (
            target.quantization is None
            or target.quantization.equals(writer.tensor(index).quantization)
        )
        for index in sources
    )
    return [writer.raw(i) if kept else writer.real(i) for i in sources], kept


def _put(writer: Writer, operator: Operator, value: str, kept: bool) -> None:
    if kept:
        writer.put_raw(operator.outputs[0], value)
    else:
        writer.put(operator.outputs[0], value)


def _name(writer: Writer, operator: Operator, kept: bool) -> str:
    output = operator.outputs[0]
    return writer.named(output) if kept else writer.output_name(output)


def long(writer: Writer, index: int) -> str:
    """Return whole numbers as int64, which ONNX wants for shapes."""
    values = writer.tensor(index).constant
    if values is not None:
        return writer.constant(values.astype(np.int64), f"{writer.prefix}shape")
    return writer.node(
        "Cast", [writer.raw(index)], to=helper.np_dtype_to_tensor_dtype(np.dtype(np.int64))
    )


def _reshape(writer: Writer, operator: Operator) -> None:
    source, output = operator.inputs[0], operator.outputs[0]
    if operator.input(1) >= 0:
        shape = long(writer, operator.input(1))
    else:
        shape = writer.integers([int(size) for size in operator.options.newShape])
    tensor = writer.tensor(source)
    if tensor.rank == 4 and tensor.shape[1:3] == (1, 1) and writer.layout([source]) == "first":
        # where there is one pixel both orders are the same
        quantization = writer.tensor(output).quantization
        if quantization is None or quantization.equals(tensor.quantization):
            value = writer.node(
                "Reshape", [writer.raw(source, "first"), shape], writer.named(output)
            )
            writer.put_raw(output, value)
            return
    inputs, kept = moved(writer, operator, [source])
    value = writer.node("Reshape", [*inputs, shape], _name(writer, operator, kept))
    _put(writer, operator, value, kept)


def _squeeze(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs[:1])
    axes = [int(axis) for axis in getattr(operator.options, "squeezeDims", None) or []]
    tensor = writer.tensor(operator.inputs[0])
    axes = axes or [axis for axis, size in enumerate(tensor.shape) if size == 1]
    value = writer.node("Squeeze", [*inputs, writer.integers(axes)], _name(writer, operator, kept))
    _put(writer, operator, value, kept)


def _expand_dims(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs[:1])
    axes = writer.integers(np.ravel(known(writer, operator.inputs[1], "an axis")).tolist())
    value = writer.node("Unsqueeze", [*inputs, axes], _name(writer, operator, kept))
    _put(writer, operator, value, kept)


def _transpose(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs[:1])
    order = known(writer, operator.inputs[1], "an order of dimensions").tolist()
    value = writer.node("Transpose", inputs, _name(writer, operator, kept), perm=order)
    _put(writer, operator, value, kept)


def _concatenation(writer: Writer, operator: Operator) -> None:
    rank = writer.tensor(operator.outputs[0]).rank
    axis = int(operator.options.axis) % max(rank, 1)
    layout = writer.layout(operator.inputs)
    if layout == "first" and all(writer.tensor(i).rank == 4 for i in operator.inputs):
        inputs = [writer.real(index, "first") for index in operator.inputs]
        name = result_name(writer, operator, "first")
        axis = TO_FIRST.index(axis)
        finish(writer, operator, writer.node("Concat", inputs, name, axis=axis), "first")
        return
    inputs, kept = moved(writer, operator, operator.inputs)
    value = writer.node("Concat", inputs, _name(writer, operator, kept), axis=axis)
    if kept and not operator.options.fusedActivationFunction:
        writer.put_raw(operator.outputs[0], value)
    else:
        finish(writer, operator, value)


def _pack(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs)
    axis = int(operator.options.axis)
    axis += len(writer.tensor(operator.outputs[0]).shape) if axis < 0 else 0
    axes = writer.integers([axis])
    parts = [writer.node("Unsqueeze", [value, axes]) for value in inputs]
    value = writer.node("Concat", parts, _name(writer, operator, kept), axis=axis)
    _put(writer, operator, value, kept)


def _unpack(writer: Writer, operator: Operator) -> None:
    source = operator.inputs[0]
    axis = int(operator.options.axis)
    value = writer.raw(source)
    for number, output in enumerate(operator.outputs):
        index = writer.constant(np.array(number, np.int64))
        part = writer.node("Gather", [value, index], writer.named(output), axis=axis)
        writer.put_raw(output, part)


def _split(writer: Writer, operator: Operator) -> None:
    if operator.code == "SPLIT":
        axis, source = operator.inputs
        sizes = []
    else:
        source, lengths, axis = operator.inputs
        sizes = [writer.integers(known(writer, lengths, "lengths").tolist())]
    number = int(np.ravel(known(writer, axis, "an axis"))[0])
    names = [writer.named(output) for output in operator.outputs]
    more = {} if sizes else {"num_outputs": len(names)}
    inputs = [writer.raw(source), *sizes]
    for output, value in zip(
        operator.outputs, writer.split("Split", inputs, names, axis=number, **more), strict=True
    ):
        writer.put_raw(output, value)


def _slice(writer: Writer, operator: Operator) -> None:
    source, begin, size = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    first, length = writer.tensor(begin).constant, writer.tensor(size).constant
    rank = writer.tensor(source).rank
    axes = writer.integers(range(rank))
    if first is not None and length is not None:
        ends = [_FAR if n < 0 else int(b) + int(n) for b, n in zip(first, length, strict=True)]
        limits = [writer.integers(first.tolist()), writer.integers(ends)]
    else:
        start, count = long(writer, begin), long(writer, size)
        zero, far = (
            writer.constant(np.array(0, np.int64)),
            writer.constant(np.array(_FAR, np.int64)),
        )
        end = writer.node("Add", [start, count])
        end = writer.node("Where", [writer.node("Less", [count, zero]), far, end])
        limits = [start, end]
    value = writer.node("Slice", [*inputs, *limits, axes], _name(writer, operator, kept))
    _put(writer, operator, value, kept)


def _strided_slice(writer: Writer, operator: Operator) -> None:
    source, *where = operator.inputs
    begin, end, step = (known(writer, index, "a slice").tolist() for index in where)
    inputs, kept = moved(writer, operator, [source])
    starts: list[int] = []
    ends: list[int] = []
    steps: list[int] = []
    axes: list[int] = []
    dropped: list[int] = []
    added: list[int] = []
    options = operator.options
    axis = place = 0
    missing = writer.tensor(source).rank - sum(
        not (options.newAxisMask | options.ellipsisMask) >> i & 1 for i in range(len(begin))
    )
    for i in range(len(begin)):
        bit = 1 << i
        if options.ellipsisMask & bit:
            axis, place = axis + missing, place + missing
        elif options.newAxisMask & bit:
            added.append(place)
            place += 1
        else:
            is_dropped = bool(options.shrinkAxisMask & bit)
            forward = step[i] > 0
            starts.append((0 if forward else _FAR) if options.beginMask & bit else begin[i])
            last = (_FAR if forward else -_FAR) if options.endMask & bit else end[i]
            ends.append((begin[i] + 1 or _FAR) if is_dropped else last)
            steps.append(1 if is_dropped else step[i])
            axes.append(axis)
            dropped += [axis] if is_dropped else []
            axis, place = axis + 1, place + (not is_dropped)
    lists = [writer.integers(numbers) for numbers in (starts, ends, axes, steps)]
    value = writer.node("Slice", [*inputs, *lists]) if axes else inputs[0]
    if dropped:
        value = writer.node("Squeeze", [value, writer.integers(dropped)])
    if added:
        value = writer.node("Unsqueeze", [value, writer.integers(added)])
    _put(writer, operator, writer.node("Identity", [value], _name(writer, operator, kept)), kept)


def _gather(writer: Writer, operator: Operator) -> None:
    source, indices = operator.inputs
    if getattr(operator.options, "batchDims", 0):
        raise ValueError("GATHER without batch dimensions", "one with them", "")
    inputs, kept = moved(writer, operator, [source])
    axis = int(getattr(operator.options, "axis", 0))
    name = _name(writer, operator, kept)
    value = writer.node("Gather", [*inputs, writer.raw(indices)], name, axis=axis)
    _put(writer, operator, value, kept)


def _embedding_lookup(writer: Writer, operator: Operator) -> None:
    ids, table = operator.inputs
    inputs, kept = moved(writer, operator, [table])
    name = _name(writer, operator, kept)
    value = writer.node("Gather", [*inputs, writer.raw(ids)], name, axis=0)
    _put(writer, operator, value, kept)


def _gather_nd(writer: Writer, operator: Operator) -> None:
    source, indices = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    name = _name(writer, operator, kept)
    _put(writer, operator, writer.node("GatherND", [*inputs, long(writer, indices)], name), kept)


def _tile(writer: Writer, operator: Operator) -> None:
    source, times = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    name = _name(writer, operator, kept)
    _put(writer, operator, writer.node("Tile", [*inputs, long(writer, times)], name), kept)


def _broadcast_to(writer: Writer, operator: Operator) -> None:
    source, shape = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    name = _name(writer, operator, kept)
    _put(writer, operator, writer.node("Expand", [*inputs, long(writer, shape)], name), kept)


def _reverse(writer: Writer, operator: Operator) -> None:
    source, axes = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    turned = [int(axis) for axis in np.ravel(known(writer, axes, "an axis"))]
    lists = [[-1] * len(turned), [-_FAR] * len(turned), turned, [-1] * len(turned)]
    limits = [writer.integers(numbers) for numbers in lists]
    value = writer.node("Slice", [*inputs, *limits], _name(writer, operator, kept))
    _put(writer, operator, value, kept)


def _shape(writer: Writer, operator: Operator) -> None:
    (output,) = operator.outputs
    kind = helper.np_dtype_to_tensor_dtype(writer.tensor(output).dtype)
    if writer.layout(operator.inputs[:1]) == "first":
        sizes = writer.node("Shape", [writer.raw(operator.inputs[0], "first")])
        sizes = writer.node("Gather", [sizes, writer.integers([0, 2, 3, 1])], axis=0)
    else:
        sizes = writer.node("Shape", [writer.raw(operator.inputs[0])])
    writer.put_raw(output, writer.node("Cast", [sizes], writer.named(output), to=kind))


def _fill(writer: Writer, operator: Operator) -> None:
    shape, value = operator.inputs
    (output,) = operator.outputs
    inputs = [writer.raw(value), long(writer, shape)]
    writer.put_raw(output, writer.node("Expand", inputs, writer.named(output)))


def _range(writer: Writer, operator: Operator) -> None:
    (output,) = operator.outputs
    inputs = [writer.raw(index) for index in operator.inputs]
    writer.put_raw(output, writer.node("Range", inputs, writer.named(output)))


OPERATORS: dict[str, Step] = {
    "BROADCAST_TO": _broadcast_to,
    "CONCATENATION": _concatenation,
    "EMBEDDING_LOOKUP": _embedding_lookup,
    "EXPAND_DIMS": _expand_dims,
    "FILL": _fill,
    "GATHER": _gather,
    "GATHER_ND": _gather_nd,
    "PACK": _pack,
    "RANGE": _range,
    "RESHAPE": _reshape,
    "REVERSE_V2": _reverse,
    "SHAPE": _shape,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQUEEZE": _squeeze,
    "STRIDED_SLICE": _strided_slice,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
    "UNPACK": _unpack,
}
