"""Operators that treat every element alike."""

from typing import Any

import numpy as np
from onnx import TensorProto

from .reading import Operation
from .writing import Value, refused

_SAME = {
    "abs": "Abs", "ceil": "Ceil", "cosine": "Cos", "exponential": "Exp", "floor": "Floor",
    "log": "Log", "logistic": "Sigmoid", "negate": "Neg", "round_nearest_even": "Round",
    "sign": "Sign", "sine": "Sin", "sqrt": "Sqrt", "tan": "Tan", "tanh": "Tanh",
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "maximum": "Max",
    "minimum": "Min", "power": "Pow", "erf": "Erf", "acos": "Acos", "acosh": "Acosh",
    "asin": "Asin", "asinh": "Asinh", "atan": "Atan", "atanh": "Atanh", "cosh": "Cosh",
    "sinh": "Sinh",
}  # fmt: skip

_FOLDED: dict[str, Any] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "maximum": np.maximum,
    "minimum": np.minimum, "negate": np.negative,
}  # fmt: skip

_COMPARED = {
    "EQ": "Equal", "NE": "Equal", "LT": "Less", "LE": "LessOrEqual", "GT": "Greater",
    "GE": "GreaterOrEqual",
}  # fmt: skip


def arguments(op: Operation, start: int = 0) -> list[str]:
    """Return the inputs, those that only broadcast as they are where one has all elements."""
    inputs = op.inputs[start:]
    if any(value.narrow is None and value.known is None for value in inputs):
        return [op.graph.narrow_name(value) for value in inputs]
    names = [op.graph.narrow_name(value) for value in inputs]
    names[0] = op.graph.name(inputs[0])
    return names


def same(op: Operation) -> list[Value]:
    """Convert what ONNX has too."""
    return [op.named(op.add(_SAME[op.kind], arguments(op)))]


def fold(op: Operation) -> list[Value] | None:
    """Compute integers that are known, of which shapes are made."""
    known = [value.known for value in op.inputs]
    if op.kind not in _FOLDED or op.inputs[0].is_float or any(value is None for value in known):
        return None
    found = op.result()
    found.known = np.asarray(_FOLDED[op.kind](*known), found.numpy)
    return [found]


def one(op: Operation, number: float = 1) -> str:
    """Return the name of a number of the type of the first input."""
    return op.graph.constant(number, op.inputs[0].numpy)


def exponential_minus_one(op: Operation) -> list[Value]:
    """Return exp(x) - 1."""
    return [op.named(op.add("Sub", [op.add("Exp", [op.name(0)]), one(op)]))]


def log_plus_one(op: Operation) -> list[Value]:
    """Return log(x + 1)."""
    return [op.named(op.add("Log", [op.add("Add", [op.name(0), one(op)])]))]


def rsqrt(op: Operation) -> list[Value]:
    """Return 1 / sqrt(x)."""
    return [op.named(op.add("Div", [one(op), op.add("Sqrt", [op.name(0)])]))]


def cbrt(op: Operation) -> list[Value]:
    """Return the cube root, negative of negative numbers."""
    root = op.add("Pow", [op.add("Abs", [op.name(0)]), one(op, 1 / 3)])
    return [op.named(op.add("Mul", [op.add("Sign", [op.name(0)]), root]))]


def square(op: Operation) -> list[Value]:
    """Return x * x."""
    return [op.named(op.add("Mul", [op.name(0), op.name(0)]))]


def round_away(op: Operation) -> list[Value]:
    """Round, halves away from zero."""
    size = op.add("Floor", [op.add("Add", [op.add("Abs", [op.name(0)]), one(op, 0.5)])])
    return [op.named(op.add("Mul", [op.add("Sign", [op.name(0)]), size]))]


def is_finite(op: Operation) -> list[Value]:
    """Say which elements are neither infinite nor NaN."""
    strange = op.add("Or", [op.add("IsInf", [op.name(0)]), op.add("IsNaN", [op.name(0)])])
    return [op.named(op.add("Not", [strange]))]


def remainder(op: Operation) -> list[Value]:
    """Return the rest with the sign of the dividend."""
    return [op.named(op.add("Mod", arguments(op), fmod=1))]


def atan2(op: Operation) -> list[Value]:
    """Return the angle of a point, from its height and its width."""
    names = [op.graph.name(value) for value in op.inputs]
    zero, half = one(op, 0), one(op, np.pi / 2)
    angle = op.add("Atan", [op.add("Div", names)])
    is_low = op.add("Less", [names[0], zero])
    turn = op.add("Where", [is_low, one(op, -np.pi), one(op, np.pi)])
    is_left = op.add("Less", [names[1], zero])
    turned = op.add("Where", [is_left, op.add("Add", [angle, turn]), angle])
    upright = op.add("Mul", [op.add("Sign", [names[0]]), half])
    return [op.named(op.add("Where", [op.add("Equal", [names[1], zero]), upright, turned]))]


def logical(op: Operation) -> list[Value]:
    """Combine truth values."""
    if op.inputs[0].type != "i1":
        raise refused("truth values", f"bits of {op.inputs[0].type}")
    kind = {"and": "And", "or": "Or", "xor": "Xor", "not": "Not"}[op.kind]
    return [op.named(op.add(kind, arguments(op)))]


def compare(op: Operation) -> list[Value]:
    """Compare two tensors."""
    rule = op.word("comparison_direction")
    names = arguments(op)
    if op.inputs[0].type == "i1" and rule not in ("EQ", "NE"):
        names = [op.add("Cast", [name], to=TensorProto.INT32) for name in names]
    found = op.add(_COMPARED[rule], names)
    return [op.named(op.add("Not", [found]) if rule == "NE" else found)]


def _made(value: Any) -> Any:
    """Return the operator that a value of MLIR comes from, the one before it is repeated."""
    found = value.owner
    while str(getattr(found, "name", "")).endswith("broadcast_in_dim"):
        found = found.operands[0].owner
    return found


def _kind(made: Any) -> str:
    return str(getattr(made, "name", "")).partition(".")[2]


def is_erfc(op: Operation) -> bool:
    """Whether this is the end of the polynomials that JAX spells erfc(x) as.

    It is the choice, by |x| < 1, of 1 - x * (... + 2 / sqrt(pi)) or something else.
    """
    test, near = (_made(operand) for operand in list(op.view.operation.operands)[:2])
    if (_kind(test), _kind(near)) != ("compare", "subtract"):
        return False
    size, product = _made(test.operands[0]), _made(near.operands[1])
    if (_kind(size), _kind(product)) != ("abs", "multiply"):
        return False
    series = _made(product.operands[1])
    if size.operands[0] != product.operands[0] or _kind(series) != "add":
        return False
    last = _made(series.operands[1])
    if _kind(last) != "constant" or not last.attributes["value"].is_splat:
        return False
    number = last.attributes["value"].get_splat_value().value
    return bool(abs(float(number) - 2 / np.pi**0.5) < 1e-6)


def select(op: Operation) -> list[Value]:
    """Choose between two tensors, element by element or as a whole."""
    graph = op.graph
    if is_erfc(op):
        # of the test |x| < 1
        x = op.found(_made(_made(op.view.operation.operands[0]).operands[0]).operands[0])
        return [
            op.named(op.add("Sub", [graph.constant(1, x.numpy), op.add("Erf", [graph.name(x)])]))
        ]
    whole = any(value.narrow is None and value.known is None and value.rank for value in op.inputs)
    names = [graph.narrow_name(value) for value in op.inputs]
    if not whole:
        names[1] = graph.name(op.inputs[1])
    return [op.named(op.add("Where", names))]


def clamp(op: Operation) -> list[Value]:
    """Limit values."""
    low, x, high = (
        op.graph.narrow_name(op.inputs[0]),
        op.name(1),
        op.graph.narrow_name(op.inputs[2]),
    )
    return [op.named(op.add("Min", [op.add("Max", [x, low]), high]))]


def convert(op: Operation) -> list[Value]:
    """Change the element type."""
    value, found = op.inputs[0], op.result()
    if value.known is not None:
        found.known = value.known.astype(found.numpy)
        return [found]
    if value.type == found.type:
        return [value]
    counts = value.counts if not found.is_float else None
    made = op.named(op.graph.cast(op.name(0), found.type))
    made.counts = counts
    return [made]


def identity(op: Operation) -> list[Value]:
    """Return what came in."""
    return list(op.inputs)


ELEMENTWISE = {
    **dict.fromkeys(_SAME, same),
    "exponential_minus_one": exponential_minus_one, "log_plus_one": log_plus_one, "rsqrt": rsqrt,
    "cbrt": cbrt, "square": square, "round_nearest_afz": round_away, "is_finite": is_finite,
    "remainder": remainder, "atan2": atan2, "and": logical, "or": logical, "xor": logical,
    "not": logical,
    "compare": compare, "select": select, "clamp": clamp, "convert": convert,
    "optimization_barrier": identity,
}  # fmt: skip
