"""Operators that move numbers without changing them."""

from collections.abc import Sequence

import numpy as np
from onnx import helper

from .elementwise import Step, finish, result_name
from .reading import Array, Operator
from .writing import TO_FIRST, Writer


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


def put_result(writer: Writer, operator: Operator, value: str, kept: bool) -> None:
    """Put what `moved` inputs have become."""
    if kept:
        writer.put_raw(operator.outputs[0], value)
    else:
        writer.put(operator.outputs[0], value)


def name_of(writer: Writer, operator: Operator, kept: bool) -> str:
    """Return what to call what `moved` inputs become."""
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
    value = writer.node("Reshape", [*inputs, shape], name_of(writer, operator, kept))
    put_result(writer, operator, value, kept)


def _squeeze(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs[:1])
    axes = [int(axis) for axis in getattr(operator.options, "squeezeDims", None) or []]
    tensor = writer.tensor(operator.inputs[0])
    axes = axes or [axis for axis, size in enumerate(tensor.shape) if size == 1]
    value = writer.node(
        "Squeeze", [*inputs, writer.integers(axes)], name_of(writer, operator, kept)
    )
    put_result(writer, operator, value, kept)


def _expand_dims(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs[:1])
    axes = writer.integers(np.ravel(known(writer, operator.inputs[1], "an axis")).tolist())
    value = writer.node("Unsqueeze", [*inputs, axes], name_of(writer, operator, kept))
    put_result(writer, operator, value, kept)


def _transpose(writer: Writer, operator: Operator) -> None:
    inputs, kept = moved(writer, operator, operator.inputs[:1])
    order = known(writer, operator.inputs[1], "an order of dimensions").tolist()
    value = writer.node("Transpose", inputs, name_of(writer, operator, kept), perm=order)
    put_result(writer, operator, value, kept)


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
    value = writer.node("Concat", inputs, name_of(writer, operator, kept), axis=axis)
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
    value = writer.node("Concat", parts, name_of(writer, operator, kept), axis=axis)
    put_result(writer, operator, value, kept)


def _tile(writer: Writer, operator: Operator) -> None:
    source, times = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    name = name_of(writer, operator, kept)
    put_result(writer, operator, writer.node("Tile", [*inputs, long(writer, times)], name), kept)


def _broadcast_to(writer: Writer, operator: Operator) -> None:
    source, shape = operator.inputs
    inputs, kept = moved(writer, operator, [source])
    name = name_of(writer, operator, kept)
    put_result(writer, operator, writer.node("Expand", [*inputs, long(writer, shape)], name), kept)


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
    "EXPAND_DIMS": _expand_dims,
    "FILL": _fill,
    "PACK": _pack,
    "RANGE": _range,
    "RESHAPE": _reshape,
    "SHAPE": _shape,
    "SQUEEZE": _squeeze,
    "TILE": _tile,
    "TRANSPOSE": _transpose,
}
