"""Operators that take parts of a tensor."""

import numpy as np

from .elementwise import Step
from .reading import Operator
from .shaping import known, long, moved, name_of, put_result
from .writing import Writer

_FAR = 2**31 - 1


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
    value = writer.node("Slice", [*inputs, *limits, axes], name_of(writer, operator, kept))
    put_result(writer, operator, value, kept)


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
    put_result(
        writer, operator, writer.node("Identity", [value], name_of(writer, operator, kept)), kept
    )


def _reverse(writer: Writer, operator: Operator) -> None:
    source, axes = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    turned = [int(axis) for axis in np.ravel(known(writer, axes, "an axis"))]
    lists = [[-1] * len(turned), [-_FAR] * len(turned), turned, [-1] * len(turned)]
    limits = [writer.integers(numbers) for numbers in lists]
    value = writer.node("Slice", [*inputs, *limits], name_of(writer, operator, kept))
    put_result(writer, operator, value, kept)


def _gather(writer: Writer, operator: Operator) -> None:
    source, indices = operator.inputs
    if getattr(operator.options, "batchDims", 0):
        raise ValueError("GATHER without batch dimensions", "one with them", "")
    inputs, kept = moved(writer, operator, [source])
    axis = int(getattr(operator.options, "axis", 0))
    name = name_of(writer, operator, kept)
    value = writer.node("Gather", [*inputs, writer.raw(indices)], name, axis=axis)
    put_result(writer, operator, value, kept)


def _embedding_lookup(writer: Writer, operator: Operator) -> None:
    ids, table = operator.inputs
    inputs, kept = moved(writer, operator, [table])
    name = name_of(writer, operator, kept)
    value = writer.node("Gather", [*inputs, writer.raw(ids)], name, axis=0)
    put_result(writer, operator, value, kept)


def _gather_nd(writer: Writer, operator: Operator) -> None:
    source, indices = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    name = name_of(writer, operator, kept)
    put_result(
        writer, operator, writer.node("GatherND", [*inputs, long(writer, indices)], name), kept
    )


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


OPERATORS: dict[str, Step] = {
    "EMBEDDING_LOOKUP": _embedding_lookup,
    "GATHER": _gather,
    "GATHER_ND": _gather_nd,
    "REVERSE_V2": _reverse,
    "SLICE": _slice,
    "SPLIT": _split,
    "SPLIT_V": _split,
    "STRIDED_SLICE": _strided_slice,
    "UNPACK": _unpack,
}
