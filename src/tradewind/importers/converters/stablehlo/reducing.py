"""Operators that make one of many: sums, maxima, pooling, sorting."""

from typing import Any

import numpy as np
from onnx import TensorProto

from .reading import Operation
from .writing import Value, refused

_MONOIDS = {
    "add": "ReduceSum", "multiply": "ReduceProd", "maximum": "ReduceMax", "minimum": "ReduceMin",
    "and": "ReduceMin", "or": "ReduceMax",
}  # fmt: skip

_NEUTRAL = {"add": 0, "multiply": 1, "and": True, "or": False}
_COMBINED = {"add": "Add", "multiply": "Mul", "maximum": "Max", "minimum": "Min"}


def _rule(op: Operation) -> str:
    """Return the one operator that a region consists of; empty where it is more."""
    kinds = [str(item.operation.name).partition(".")[2] for item in op.body().operations]
    return kinds[0] if len(kinds) == 2 and kinds[0] in _MONOIDS else ""


def _is_neutral(rule: str, init: Value) -> bool:
    if init.known is None:
        return False
    number = init.known.ravel()[0]
    if rule in _NEUTRAL:
        return bool(number == _NEUTRAL[rule])
    limits = np.finfo(init.numpy) if init.is_float else np.iinfo(init.numpy)
    end = limits.min if rule == "maximum" else limits.max
    return bool(number == end or (init.is_float and np.isinf(number)))


def reduce(op: Operation) -> list[Value]:
    """Reduce along axes."""
    axes = op.numbers("dimensions")
    if len(op.inputs) == 4:
        return _arg(op, axes)
    rule = _rule(op)
    if not rule or len(op.inputs) != 2:
        raise refused(f"one of {', '.join(_MONOIDS)}", "a reduction of its own")
    if not axes:
        return [op.inputs[0]]
    x = op.name(0)
    if op.inputs[0].type == "i1":
        numbers = op.add("Cast", [x], to=TensorProto.INT32)
        name = op.add(_MONOIDS[rule], [numbers], axes=axes, keepdims=0)
        return [op.named(op.graph.cast(name, "i1"))]
    if rule == "add":
        name = op.add("ReduceSum", [x, op.graph.constant(axes, np.int64)], keepdims=0)
    else:
        name = op.add(_MONOIDS[rule], [x], axes=axes, keepdims=0)
    if not _is_neutral(rule, op.inputs[1]):
        name = op.add(_COMBINED[rule], [name, op.name(1)])
    return [op.named(name)]


def _arg(op: Operation, axes: list[int]) -> list[Value]:
    """Convert the reduction of elements with their places to ArgMax or ArgMin."""
    places = op.inputs[1]
    text = str(op.body())
    is_max = "GT" in text
    if len(axes) != 1 or places.counts != axes[0] or ("LT" not in text and not is_max):
        raise refused("the largest or smallest element with its place", "another pair")
    x = op.name(0)
    kind = "ArgMax" if is_max else "ArgMin"
    place = op.add(kind, [x], axis=axes[0], keepdims=0)
    best = op.add("ReduceMax" if is_max else "ReduceMin", [x], axes=axes, keepdims=0)
    return [op.named(best), op.named(op.graph.cast(place, places.type), 1)]


def reduce_window(op: Operation) -> list[Value]:
    """Pool, or add up along an axis."""
    rule = _rule(op)
    window = op.numbers("window_dimensions")
    rank = len(window)
    strides = op.numbers("window_strides") or [1] * rank
    padding = op.attribute("padding")
    pads = np.zeros((rank, 2), int) if padding is None else np.array(padding).reshape(rank, 2)
    dilations = op.numbers("window_dilations") or [1] * rank
    if set(op.numbers("base_dilations")) - {1} or rule not in ("add", "maximum"):
        raise refused("windows that are added up or whose largest is taken", rule or "others")
    wide = [
        axis for axis in range(rank) if window[axis] > 1 or strides[axis] > 1 or pads[axis].any()
    ]
    value = op.inputs[0]
    if rule == "add" and len(wide) == 1 and _is_running(value, window, strides, pads, wide[0]):
        axis = op.graph.constant(wide[0], np.int64)
        is_reverse = int(pads[wide[0]][1] > 0)
        return [op.named(op.add("CumSum", [op.name(0), axis], reverse=is_reverse))]
    if not _is_neutral(rule, op.inputs[1]) or not value.is_float:
        raise refused("windows of real numbers from nothing on", f"{value.type} from another start")
    return [op.named(_pooled(op, rule, wide, [window, strides, dilations], pads))]


def _is_running(value: Value, window: list[int], strides: list[int], pads: Any, axis: int) -> bool:
    whole = value.shape[axis]
    ends = sorted(int(n) for n in pads[axis])
    return whole == window[axis] and strides[axis] == 1 and ends == [0, window[axis] - 1]


def _pooled(op: Operation, rule: str, wide: list[int], sizes: list[list[int]], pads: Any) -> str:
    rank = op.inputs[0].rank
    kept = [axis for axis in range(rank) if axis not in wide]
    if len(kept) > 2 or len(wide) > 3:
        raise refused("windows along all axes but two", f"windows along {wide} of {rank}")
    order, name = kept + wide, op.name(0)
    if order != list(range(rank)):
        name = op.add("Transpose", [name], perm=order)
    added = list(range(2 - len(kept)))
    if added:
        name = op.add("Unsqueeze", [name, op.graph.constant(added, np.int64)])
    window, strides, dilations = ([row[axis] for axis in wide] for row in sizes)
    settings: dict[str, Any] = {
        "kernel_shape": window,
        "strides": strides,
        "pads": [int(n) for n in pads[wide].T.ravel()],
    }
    if rule == "maximum":
        name = op.add("MaxPool", [name], dilations=dilations, **settings)
    else:
        if set(dilations) != {1}:
            raise refused("windows without gaps", f"{dilations}")
        name = op.add("AveragePool", [name], count_include_pad=1, **settings)
        count = op.graph.constant(int(np.prod(window)), op.inputs[0].numpy)
        name = op.add("Mul", [name, count])
    if added:
        name = op.add("Squeeze", [name, op.graph.constant(added, np.int64)])
    if order != list(range(rank)):
        name = op.add("Transpose", [name], perm=[int(axis) for axis in np.argsort(order)])
    return str(name)


def sort(op: Operation) -> list[Value]:
    """Sort along an axis, other tensors in the same order."""
    axis = op.number("dimension", -1)
    first = op.inputs[0]
    axis += first.rank if axis < 0 else 0
    size = first.shape[axis]
    rules = [
        str(item.operation.attributes["comparison_direction"])
        for item in op.body().operations
        if str(item.operation.name) == "stablehlo.compare"
    ]
    rules = [rule for rule in rules if "LT" in rule or "GT" in rule]
    if size is None or len(rules) != 1:
        raise refused("one order by the first tensor along a known size", "another order")
    key, count = op.name(0), op.graph.constant([size], np.int64)
    if first.type == "i1":
        raise refused("numbers to sort", "truth values")
    largest = int("GT" in rules[0])
    values, places = op.add("TopK", [key, count], 2, axis=axis, largest=largest)
    found = [op.named(values)]
    for index, value in enumerate(op.inputs[1:], start=1):
        if value.counts == axis:
            found.append(op.named(op.graph.cast(places, value.type), index))
        else:
            moved = op.add("GatherElements", [op.name(index), places], axis=axis)
            found.append(op.named(moved, index))
    return found


REDUCING = {"reduce": reduce, "reduce_window": reduce_window, "sort": sort}
