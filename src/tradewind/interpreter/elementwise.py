"""Arithmetic, comparisons and logic, element by element."""

import functools
from collections.abc import Callable

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Function, Operator, number, wide_unsigned
from tradewind.interpreter.pytorch import Tensor, torch


def unary(function: Callable[[Tensor], Tensor]) -> Operator:
    """Return the operator of a function of one tensor."""
    return Operator(lambda node, x: function(x))


def binary(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """Return the operator of a function of two tensors, the smaller of which is repeated."""

    def apply(node: Node, a: Tensor, b: Tensor) -> Tensor:
        return _signed(function, *_aligned(node, a, b))

    return Operator(apply)


def _signed(function: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor) -> Tensor:
    """Compute with int64 where PyTorch has no arithmetic of the type."""
    if a.dtype not in wide_unsigned() or b.dtype != a.dtype:
        return function(a, b)
    made = function(a.to(torch.int64), b.to(torch.int64))
    return made.to(a.dtype) if made.dtype == torch.int64 else made


def _aligned(node: Node, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return two tensors whose dimensions fit; before opset 7 an attribute said which."""
    if not node.has("axis") or not node.integer("broadcast"):
        return a, b
    behind = a.dim() - node.integer("axis") % max(a.dim(), 1) - b.dim()
    return a, b.reshape(*b.shape, *(1,) * behind)


def variadic(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """Return the operator that takes any number of tensors, two at a time."""
    return Operator(
        lambda node, *given: functools.reduce(lambda a, b: _signed(function, a, b), given)
    )


def divide(a: Tensor, b: Tensor) -> Tensor:
    """Compute Div; whole numbers are rounded towards zero."""
    if a.is_floating_point() or b.is_floating_point():
        return a / b
    return torch.div(a, b, rounding_mode="trunc")


def mod(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Compute Mod, whose sign is the divisor's or, as in C, the dividend's."""
    return _signed(torch.fmod if node.integer("fmod") else torch.remainder, a, b)


def power(a: Tensor, b: Tensor) -> Tensor:
    """Compute Pow, whose result has the type of the base."""
    if a.is_floating_point():
        return torch.pow(a, b.to(a.dtype))
    return torch.pow(a.double(), b.double()).to(a.dtype)


def clip(node: Node, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """Compute Clip."""
    if node.has("min"):
        x = x.clamp(min=node.number("min"))
    if node.has("max"):
        x = x.clamp(max=node.number("max"))
    if low is not None:
        x = torch.maximum(x, low.to(x.dtype))
    return x if high is None else torch.minimum(x, high.to(x.dtype))


def cast(node: Node, x: Tensor) -> Tensor:
    """Compute Cast."""
    return x.to(node.datatypes.of(node.integer("to")))


def is_infinite(node: Node, x: Tensor) -> Tensor:
    """Compute IsInf."""
    found = torch.zeros_like(x, dtype=torch.bool)
    if node.integer("detect_negative", 1):
        found = found | torch.isneginf(x)
    return found | torch.isposinf(x) if node.integer("detect_positive", 1) else found


def shift_bits(node: Node, x: Tensor, by: Tensor) -> Tensor:
    """Compute BitShift; PyTorch has no shifts of wide unsigned types, so that int64 stands in."""
    wide, steps = x.to(torch.int64), by.to(torch.int64)
    moved = wide << steps if node.text("direction") == "LEFT" else wide >> steps
    return moved.to(x.dtype)


def where(node: Node, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Compute Where."""
    return torch.where(condition, a, b)


def mean(node: Node, *given: Tensor) -> Tensor:
    """Compute Mean of several tensors."""
    return functools.reduce(torch.add, given) / len(given)


def dropout(
    node: Node, x: Tensor, share: Tensor | None = None, is_training: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Compute Dropout, which drops nothing outside of training."""
    if is_training is not None and bool(is_training) and (share is None or number(share) > 0):
        node.refuse("a model for inference", "training_mode")
    return (x, torch.ones_like(x, dtype=torch.bool)) if node.outputs > 1 else (x,)


def cast_like(node: Node, x: Tensor, like: Tensor) -> Tensor:
    """Compute CastLike."""
    return x.to(like.dtype)


_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": lambda x: torch.abs(x),
    "Acos": lambda x: torch.acos(x),
    "Acosh": lambda x: torch.acosh(x),
    "Asin": lambda x: torch.asin(x),
    "Asinh": lambda x: torch.asinh(x),
    "Atan": lambda x: torch.atan(x),
    "Atanh": lambda x: torch.atanh(x),
    "BitwiseNot": lambda x: torch.bitwise_not(x.to(torch.int64)).to(x.dtype),
    "Ceil": lambda x: torch.ceil(x),
    "Cos": lambda x: torch.cos(x),
    "Cosh": lambda x: torch.cosh(x),
    "Det": lambda x: torch.linalg.det(x),
    "Erf": lambda x: torch.erf(x),
    "Exp": lambda x: torch.exp(x),
    "Floor": lambda x: torch.floor(x),
    "IsNaN": lambda x: torch.isnan(x),
    "Log": lambda x: torch.log(x),
    "Neg": lambda x: torch.neg(x),
    "Not": lambda x: torch.logical_not(x),
    "Reciprocal": lambda x: torch.reciprocal(x),
    "Round": lambda x: torch.round(x),
    "Sign": lambda x: torch.sign(x),
    "Sin": lambda x: torch.sin(x),
    "Sinh": lambda x: torch.sinh(x),
    "Sqrt": lambda x: torch.sqrt(x),
    "Tan": lambda x: torch.tan(x),
}
_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Add": lambda a, b: a + b,
    "And": lambda a, b: torch.logical_and(a, b),
    "BitwiseAnd": lambda a, b: torch.bitwise_and(a, b),
    "BitwiseOr": lambda a, b: torch.bitwise_or(a, b),
    "BitwiseXor": lambda a, b: torch.bitwise_xor(a, b),
    "Div": divide,
    "Equal": lambda a, b: torch.eq(a, b),
    "Greater": lambda a, b: torch.gt(a, b),
    "GreaterOrEqual": lambda a, b: torch.ge(a, b),
    "Less": lambda a, b: torch.lt(a, b),
    "LessOrEqual": lambda a, b: torch.le(a, b),
    "Mul": lambda a, b: a * b,
    "Or": lambda a, b: torch.logical_or(a, b),
    "Pow": power,
    "Sub": lambda a, b: a - b,
    "Xor": lambda a, b: torch.logical_xor(a, b),
}
_VARIADIC: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "Max": lambda a, b: torch.maximum(a, b),
    "Min": lambda a, b: torch.minimum(a, b),
    "Sum": lambda a, b: torch.add(a, b),
}
_OTHER: dict[str, Function] = {
    "BitShift": shift_bits,
    "Cast": cast,
    "CastLike": cast_like,
    "Clip": clip,
    "Dropout": dropout,
    "Identity": lambda node, x: x,
    "IsInf": is_infinite,
    "Mean": mean,
    "Mod": mod,
    "Where": where,
}
OPERATORS = {
    **{name: unary(function) for name, function in _UNARY.items()},
    **{name: binary(function) for name, function in _BINARY.items()},
    **{name: variadic(function) for name, function in _VARIADIC.items()},
    **{name: Operator(function) for name, function in _OTHER.items()},
}
