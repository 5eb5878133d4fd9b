"""Operators that treat every element, or every line of elements, alike."""

import math
from collections.abc import Callable

import numpy as np

from .writing import Operation, numpy_type

Converter = Callable[[Operation], str | list[str]]

_SAME = {
    "Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Power": "Pow", "Maximum": "Max",
    "Minimum": "Min", "Equal": "Equal", "Greater": "Greater", "GreaterEqual": "GreaterOrEqual",
    "Less": "Less", "LessEqual": "LessOrEqual", "LogicalAnd": "And", "LogicalOr": "Or",
    "LogicalXor": "Xor",
    "Abs": "Abs", "Acos": "Acos", "Acosh": "Acosh", "Asin": "Asin", "Asinh": "Asinh",
    "Atan": "Atan", "Atanh": "Atanh", "Ceiling": "Ceil", "Cos": "Cos", "Cosh": "Cosh",
    "Erf": "Erf", "Exp": "Exp", "Floor": "Floor", "HSwish": "HardSwish", "IsNaN": "IsNaN",
    "Log": "Log", "LogicalNot": "Not", "Negative": "Neg", "Relu": "Relu", "Sigmoid": "Sigmoid",
    "Sign": "Sign", "Sin": "Sin", "Sinh": "Sinh", "SoftPlus": "Softplus", "SoftSign": "Softsign",
    "Sqrt": "Sqrt", "Tan": "Tan", "Tanh": "Tanh",
}  # fmt: skip

_BROADCASTING = frozenset({
    "Add", "Subtract", "Multiply", "Power", "Maximum", "Minimum", "Equal", "NotEqual", "Greater",
    "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "LogicalXor", "Divide", "Mod",
    "FloorMod", "SquaredDifference",
})  # fmt: skip


def arguments(op: Operation) -> list[str]:
    """Return the inputs of an operator that broadcasts, by numpy's rules.

    Paddle's rule lets the second input begin at a given axis of the first.
    """
    rule = op.attributes.get("auto_broadcast", "numpy")
    if op.kind not in _BROADCASTING or rule != "pdpd":
        return op.names
    ranks = op.rank(0), op.rank(1)
    axis = int(op.attributes.get("axis", -1))
    after = ranks[0] - ranks[1] - (axis if axis >= 0 else ranks[0] - ranks[1])
    if after <= 0:
        return op.names
    axes = op.value(range(ranks[1], ranks[1] + after), np.int64)
    return [op.name(0), op.add("Unsqueeze", [op.name(1), axes])]


def same(op: Operation) -> str:
    """Convert what ONNX has too."""
    return str(op.add(_SAME[op.kind], arguments(op)))


def leaky(op: Operation) -> str:
    """Multiply negative numbers; a line of factors belongs to the channels."""
    x, slopes = op.shape(0), op.shape(1)
    factors = op.name(1)
    if x is not None and slopes is not None and len(slopes) == 1 and slopes[0] != 1:
        wide = [-1, *[1] * (len(x) - 2)]
        factors = op.add("Reshape", [factors, op.value(wide, np.int64)])
    return str(op.add("PRelu", [op.name(0), factors]))


def divide(op: Operation) -> str:
    """Divide; integers are rounded down, as Python does, where OpenVINO is told to."""
    left, right = arguments(op)
    is_float = op.type(0) in ("f32", "f64", "f16", "bf16")
    if not is_float and op.attributes.get("m_pythondiv", True):
        # a - a mod b is a multiple of b, which ONNX divides without rounding
        rest = op.add("Mod", [left, right])
        left = op.add("Sub", [left, rest])
    return str(op.add("Div", [left, right]))


def modulo(op: Operation) -> str:
    """Return the rest with the sign of the dividend."""
    return str(op.add("Mod", arguments(op), fmod=1))


def floor_modulo(op: Operation) -> str:
    """Return the rest with the sign of the divisor."""
    left, right = arguments(op)
    if op.type(0) not in ("f32", "f64", "f16", "bf16"):
        return str(op.add("Mod", [left, right]))
    times = op.add("Floor", [op.add("Div", [left, right])])
    return str(op.add("Sub", [left, op.add("Mul", [times, right])]))


def not_equal(op: Operation) -> str:
    """Say where two tensors differ."""
    return str(op.add("Not", [op.add("Equal", arguments(op))]))


def squared_difference(op: Operation) -> str:
    """Return (a - b) squared."""
    difference = op.add("Sub", arguments(op))
    return str(op.add("Mul", [difference, difference]))


def clamp(op: Operation) -> str:
    """Limit values; the limits of an integer are rounded into the range."""
    low, high = float(op.attributes["min"]), float(op.attributes["max"])
    kind = numpy_type(op.type(0))
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        low, high = max(math.ceil(low), int(info.min)), min(math.floor(high), int(info.max))
    return str(op.add("Clip", [op.name(0), op.value(low, kind), op.value(high, kind)]))


def elu(op: Operation) -> str:
    """Convert the exponential linear unit."""
    return str(op.add("Elu", [op.name(0)], alpha=float(op.attributes["alpha"])))


def selu(op: Operation) -> str:
    """Convert the scaled exponential linear unit."""
    alpha, gamma = op.constant(1, "parameters"), op.constant(2, "parameters")
    return str(op.add("Selu", [op.name(0)], alpha=float(alpha.item()), gamma=float(gamma.item())))


def hard_sigmoid(op: Operation) -> str:
    """Convert the sigmoid made of three lines."""
    alpha, beta = op.constant(1, "parameters"), op.constant(2, "parameters")
    slope, shift = float(alpha.item()), float(beta.item())
    return str(op.add("HardSigmoid", [op.name(0)], alpha=slope, beta=shift))


def h_sigmoid(op: Operation) -> str:
    """Return min(max(x + 3, 0), 6) / 6."""
    moved = op.add("Add", [op.name(0), op.like(3)])
    cut = op.add("Clip", [moved, op.like(0), op.like(6)])
    return str(op.add("Div", [cut, op.like(6)]))


def gelu(op: Operation) -> str:
    """Return x times the share of a normal distribution below x."""
    x, half = op.name(0), op.like(0.5)
    if str(op.attributes.get("approximation_mode", "ERF")).upper() == "TANH":
        cube = op.add("Mul", [op.add("Mul", [x, x]), x])
        inner = op.add("Add", [x, op.add("Mul", [cube, op.like(0.044715)])])
        bent = op.add("Tanh", [op.add("Mul", [inner, op.like(math.sqrt(2 / math.pi))])])
    else:
        bent = op.add("Erf", [op.add("Div", [x, op.like(math.sqrt(2))])])
    return str(op.add("Mul", [op.add("Mul", [x, op.add("Add", [bent, op.like(1)])]), half]))


def swish(op: Operation) -> str:
    """Return x * sigmoid(beta * x)."""
    x = op.name(0)
    inner = x if op.count == 1 else op.add("Mul", [x, op.name(1)])
    return str(op.add("Mul", [x, op.add("Sigmoid", [inner])]))


def mish(op: Operation) -> str:
    """Return x * tanh(softplus(x))."""
    return str(op.add("Mul", [op.name(0), op.add("Tanh", [op.add("Softplus", [op.name(0)])])]))


def round_values(op: Operation) -> str:
    """Round, halves to even numbers or away from zero."""
    x = op.name(0)
    if str(op.attributes.get("mode", "half_to_even")).lower() == "half_to_even":
        return str(op.add("Round", [x]))
    size = op.add("Floor", [op.add("Add", [op.add("Abs", [x]), op.like(0.5)])])
    return str(op.add("Mul", [op.add("Sign", [x]), size]))


def is_infinite(op: Operation) -> str:
    """Say which elements are infinite."""
    low, high = (int(op.attributes.get(f"detect_{n}", True)) for n in ("negative", "positive"))
    return str(op.add("IsInf", [op.name(0)], detect_negative=low, detect_positive=high))


def is_finite(op: Operation) -> str:
    """Say which elements are neither infinite nor NaN."""
    strange = op.add("Or", [op.add("IsInf", [op.name(0)]), op.add("IsNaN", [op.name(0)])])
    return str(op.add("Not", [strange]))


def convert(op: Operation) -> str:
    """Change the element type."""
    return op.cast(op.name(0), op.output_type())


def select(op: Operation) -> str:
    """Choose between two tensors, element by element."""
    return str(op.add("Where", op.names))


def cumulative_sum(op: Operation) -> str:
    """Add up along an axis."""
    flags = {n: int(bool(op.attributes.get(n, False))) for n in ("exclusive", "reverse")}
    return str(op.add("CumSum", op.names, **flags))


_REDUCTIONS = {
    "ReduceMean": "ReduceMean", "ReduceMax": "ReduceMax", "ReduceMin": "ReduceMin",
    "ReduceProd": "ReduceProd", "ReduceL1": "ReduceL1", "ReduceL2": "ReduceL2",
}  # fmt: skip


def reduce(op: Operation) -> str:
    """Reduce along axes that are known."""
    axes = [int(axis) for axis in op.constant(1, "axes").ravel()]
    if not axes:
        return str(op.add("Identity", [op.name(0)]))
    keep = int(bool(op.attributes.get("keep_dims", False)))
    return str(op.add(_REDUCTIONS[op.kind], [op.name(0)], axes=axes, keepdims=keep))


def reduce_sum(op: Operation) -> str:
    """Add up along axes, which may be computed."""
    keep = int(bool(op.attributes.get("keep_dims", False)))
    axes = op.add("Reshape", [op.cast(op.name(1), "i64"), op.value([-1], np.int64)])
    found = op.known(1)
    if found is not None:
        axes = op.value(found.ravel(), np.int64)
    return str(op.add("ReduceSum", [op.name(0), axes], keepdims=keep, noop_with_empty_axes=1))


def reduce_logical(op: Operation) -> str:
    """Reduce truth values, as numbers."""
    axes = [int(axis) for axis in op.constant(1, "axes").ravel()]
    if not axes:
        return str(op.add("Identity", [op.name(0)]))
    keep = int(bool(op.attributes.get("keep_dims", False)))
    kind = "ReduceMin" if op.kind == "ReduceLogicalAnd" else "ReduceMax"
    numbers = op.cast(op.name(0), "i32")
    return op.cast(op.add(kind, [numbers], axes=axes, keepdims=keep), "boolean")


ARITHMETIC: dict[str, Converter] = {
    **dict.fromkeys(_SAME, same),
    **dict.fromkeys(_REDUCTIONS, reduce),
    "PRelu": leaky, "Divide": divide, "Mod": modulo, "FloorMod": floor_modulo,
    "NotEqual": not_equal,
    "SquaredDifference": squared_difference, "Clamp": clamp, "Elu": elu, "Selu": selu,
    "HardSigmoid": hard_sigmoid, "HSigmoid": h_sigmoid, "Gelu": gelu, "Swish": swish,
    "Mish": mish, "Round": round_values, "IsInf": is_infinite, "IsFinite": is_finite,
    "Convert": convert, "Select": select, "CumSum": cumulative_sum, "ReduceSum": reduce_sum,
    "ReduceLogicalAnd": reduce_logical, "ReduceLogicalOr": reduce_logical,
}  # fmt: skip
