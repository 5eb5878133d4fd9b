"""Numbers of few levels: fake quantization and compressed weights as ONNX's Q and DQ."""

from typing import Any

import numpy as np

from .arithmetic import Converter
from .writing import Array, Operation, key_of

OFF_GRID = 0.01
"""How far, in steps, a zero may lie from the grid; it is moved there, as every kernel does."""

_INTEGERS = ("i8", "u8", "i4", "u4")


def fake_quantize(op: Operation) -> str:
    """Convert rounding to levels: as Q and DQ where zero is a level, else as arithmetic."""
    limits = [op.known(index) for index in range(1, 5)]
    if any(limit is None for limit in limits):
        return _arithmetic(op)
    low, high, low_out, high_out = (np.asarray(limit, np.float64) for limit in limits)
    levels = int(op.attributes["levels"])
    is_same = np.allclose(low, low_out, 1e-6, 0) and np.allclose(high, high_out, 1e-6, 0)
    if not is_same or levels not in (255, 256) or (high <= low).any():
        return _arithmetic(op)
    scale = (high - low) / (levels - 1)
    zero = -low / scale
    if (np.abs(zero - np.round(zero)) > OFF_GRID).any() or _axis(scale) is None:
        return _arithmetic(op)
    # a middle at zero belongs to signed integers
    is_signed = bool((np.round(zero) == levels // 2).all())
    kind = np.int8 if is_signed else np.uint8
    start = (-128 if levels == 256 else -127) if is_signed else 0
    points = np.round(zero) + start
    value = op.known(0)
    if value is not None:
        steps = np.round(np.clip(value.astype(np.float64), low, high) / scale) + points
        return dequantized(op, steps.astype(kind), scale, points.astype(kind))
    if (points < np.iinfo(kind).min).any() or (points > np.iinfo(kind).max).any():
        return _arithmetic(op)
    return _quantized(op, low, high, levels, scale, points.astype(kind))


def _quantized(
    op: Operation, low: Array, high: Array, levels: int, scale: Array, points: Array
) -> str:
    x = op.name(0)
    if levels == 255:  # the integers reach one step farther
        edges = [op.value(limit, np.float32) for limit in (low, high)]
        x = op.add("Min", [op.add("Max", [x, edges[0]]), edges[1]])
    axis, names = _grid(op, scale, points, op.rank(0))
    steps = op.add("QuantizeLinear", [x, *names], axis=axis)
    return str(op.add("DequantizeLinear", [steps, *names], axis=axis))


def _arithmetic(op: Operation) -> str:
    """Write the formula itself, exact for every setting."""
    x, low, high, low_out, high_out = op.names
    last = op.like(int(op.attributes["levels"]) - 1)
    cut = op.add("Min", [op.add("Max", [x, low]), high])
    share = op.add("Div", [last, op.add("Sub", [high, low])])
    level = op.add("Round", [op.add("Mul", [op.add("Sub", [cut, low]), share])])
    step = op.add("Div", [op.add("Sub", [high_out, low_out]), last])
    return str(op.add("Add", [op.add("Mul", [level, step]), low_out]))


def compressed_weights(op: Operation) -> str | None:
    """Convert (integers - zero) * scale of constants; None for every other product.

    Where activations are quantized too, OpenVINO multiplies the integers and never rounds the
    product to float16, whatever the graph says. Elsewhere it does as the graph says.
    """
    found = _compressed(op)
    if found is None or (op.output_type() != "f32" and not op.writer.has_levels):
        return None
    integers, zero, scale = found
    if _axis(scale) is None or not _is_plain(zero, integers):
        return None
    is_half = op.output_type() != "f32"
    users = [target.get_node() for target in op.node.output(0).get_target_inputs()]
    widened = [user for user in users if user.get_type_name() == "Convert"]
    if is_half and not (users and users == widened and all(map(_is_f32, widened))):
        return None
    points = np.zeros(scale.shape) if zero is None else np.broadcast_to(zero, scale.shape)
    name = dequantized(op, integers, scale, points.astype(integers.dtype))
    for user in widened if is_half else []:
        op.writer.bound[key_of(user.output(0))] = name
        op.writer.done.add(user.get_name())
    return name


def _is_f32(node: Any) -> bool:
    return str(node.get_output_element_type(0).get_type_name()) == "f32"


def _compressed(op: Operation) -> tuple[Array, Array | None, Array] | None:
    """Return integers, zero points and scales."""
    scale = op.known(1) if op.kind == "Multiply" else None
    if scale is None:
        return None
    below, zero = op.node.input_value(0).get_node(), None
    if below.get_type_name() == "Subtract":
        zero = op.writer.known.get(key_of(below.input_value(1)))
        if zero is None:
            return None
        below = below.input_value(0).get_node()
    if below.get_type_name() != "Convert":
        return None
    source = below.input_value(0)
    integers = op.writer.known.get(key_of(source))
    if integers is None or str(source.get_element_type().get_type_name()) not in _INTEGERS:
        return None
    return integers, zero, np.asarray(scale, np.float32)


def _is_plain(zero: Array | None, integers: Array) -> bool:
    """Whether the zero points are integers of the same type, as ONNX has them."""
    if zero is None:
        return True
    numbers = np.asarray(zero, np.float64)
    limits = np.iinfo(integers.dtype)
    inside = (numbers >= limits.min) & (numbers <= limits.max)
    return bool((inside & (numbers == np.round(numbers))).all())


def dequantized(op: Operation, integers: Array, scale: Array, points: Array) -> str:
    """Write weights as integers with DequantizeLinear, and remember them for other shapes."""
    axis, names = _grid(op, scale, points, integers.ndim)
    weights = op.writer.constant(integers, f"{op.node.get_friendly_name()}.integers")
    name = str(op.add("DequantizeLinear", [weights, *names], axis=axis))
    op.writer.quantized[name] = (integers, scale, points)
    return name


def _axis(scale: Array) -> int | None:
    """Return the only dimension that scales differ along, counted from the end; 0 for none."""
    wide = [axis for axis, size in enumerate(scale.shape) if size != 1]
    if len(wide) > 1:
        return None
    return wide[0] - scale.ndim if wide else 0


def _grid(op: Operation, scale: Array, points: Array, rank: int) -> tuple[int | None, list[str]]:
    """Return the axis, with the names of scales and zero points."""
    axis = _axis(scale)
    assert axis is not None
    shape = [scale.size] if axis else []
    points = np.broadcast_to(points, scale.shape)
    names = [
        op.value(scale.reshape(shape), np.float32),
        op.value(points.reshape(shape), points.dtype),
    ]
    return (rank + axis if axis else None), names


def turned(op: Operation, index: int, shape: list[int] | None, order: list[int] | None) -> str:
    """Return one constant input reshaped, or transposed; integers stay integers.

    Raises:
        KeyError: the input is not constant.
    """
    found = op.known(index)
    name = op.writer.bound.get(key_of(op.node.input_value(index)), "")
    if name in op.writer.quantized:
        integers, scale, points = op.writer.quantized[name]
        wide = [1] * (integers.ndim - scale.ndim) + list(scale.shape)
        scale, points = scale.reshape(wide), np.broadcast_to(points, scale.shape).reshape(wide)
        if order is not None:
            parts = [array.transpose(order) for array in (integers, scale, points)]
            return dequantized(op, *parts)
        assert shape is not None
        if all(size == 1 for size in wide[2:]):  # one scale for each of [groups, out]
            outs = [shape[0], *[1] * (len(shape) - 1)]
            spread = [
                np.broadcast_to(array, [*integers.shape[:2], *wide[2:]]).reshape(outs)
                for array in (scale, points)
            ]
            return dequantized(op, integers.reshape(shape), *spread)
    if found is None:
        raise KeyError(index)
    array = found.reshape(shape) if order is None else found.transpose(order)
    source = op.node.input_value(index).get_node().get_friendly_name()
    return op.writer.constant(array, f"{source}.turned")


QUANTIZED: dict[str, Converter] = {"FakeQuantize": fake_quantize}
