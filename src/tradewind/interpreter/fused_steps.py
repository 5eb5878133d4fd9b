"""Operators on whole numbers that ONNX Runtime adds (domain com.microsoft)."""

from collections.abc import Callable

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pooling import average_pool
from tradewind.interpreter.pytorch import Tensor, functional, torch
from tradewind.interpreter.quantizing import from_steps
from tradewind.interpreter.steps import dynamic_quantize, quantize

Given = Tensor | None


def _pair(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """Return the operator of a function of two quantized tensors."""

    def apply(
        node: Node, a: Tensor, a_scale: Tensor, a_zero: Given, b: Tensor, b_scale: Tensor,
        b_zero: Given, y_scale: Tensor, y_zero: Given = None,
    ) -> Tensor:  # fmt: skip
        y = function(from_steps(a, a_scale, a_zero), from_steps(b, b_scale, b_zero))
        return quantize(node, y, y_scale, y_zero)

    return Operator(apply)


def _single(function: Callable[[Node, Tensor], Tensor]) -> Operator:
    """Return the operator of a function of one quantized tensor."""

    def apply(
        node: Node, x: Tensor, scale: Tensor, zero: Given, y_scale: Tensor, y_zero: Given = None
    ) -> Tensor:
        return quantize(node, function(node, from_steps(x, scale, zero)), y_scale, y_zero)

    return Operator(apply)


def _pooled(node: Node, x: Tensor) -> Tensor:
    if node.integer("channels_last"):
        return average_pool(node, x.movedim(-1, 1)).movedim(1, -1)
    return average_pool(node, x)


def _global_mean(node: Node, x: Tensor) -> Tensor:
    first = 1 if node.integer("channels_last") else 2
    return x.mean(tuple(range(first, first + x.dim() - 2)), keepdim=True)


def concat(node: Node, y_scale: Tensor, y_zero: Given, *given: Tensor) -> Tensor:
    """Compute QLinearConcat; each tensor comes with its scale and zero point."""
    parts = [from_steps(*given[at : at + 3]) for at in range(0, len(given), 3)]
    return quantize(node, torch.cat(parts, node.integer("axis")), y_scale, y_zero)


def gemm(
    node: Node, a: Tensor, a_scale: Tensor, a_zero: Given, b: Tensor, b_scale: Tensor,
    b_zero: Given, c: Given = None, y_scale: Given = None, y_zero: Given = None,
) -> Tensor:  # fmt: skip
    """Compute QGemm; without a scale of the result it stays in floating point."""
    left = from_steps(a, a_scale, a_zero)
    is_turned = bool(node.integer("transB"))
    per_row = is_turned and b_scale.dim() == 1 and b_scale.numel() > 1
    scale = b_scale.unsqueeze(-1) if per_row else b_scale
    zero = b_zero.unsqueeze(-1) if per_row and b_zero is not None else b_zero
    right = from_steps(b, scale, zero)
    y = (left.T if node.integer("transA") else left) @ (right.T if is_turned else right)
    y = node.number("alpha", 1.0) * y
    if c is not None:
        y = y + c.to(y.dtype) * a_scale * b_scale
    return y if y_scale is None else quantize(node, y, y_scale, y_zero)


def integer_to_float(
    node: Node, a: Tensor, b: Tensor, a_scale: Tensor, b_scale: Tensor,
    a_zero: Given = None, b_zero: Given = None, bias: Given = None,
) -> Tensor:  # fmt: skip
    """Compute MatMulIntegerToFloat."""
    y = from_steps(a, a_scale, a_zero) @ from_steps(b, b_scale, b_zero)
    return y if bias is None else y + bias


def dynamic_matmul(
    node: Node, a: Tensor, b: Tensor, b_scale: Tensor, b_zero: Given = None, bias: Given = None
) -> Tensor:
    """Compute DynamicQuantizeMatMul."""
    whole, scale, zero = dynamic_quantize(node, a)
    return integer_to_float(node, whole, b, scale, b_scale, zero, b_zero, bias)


OPERATORS = {
    "DynamicQuantizeMatMul": Operator(dynamic_matmul),
    "MatMulIntegerToFloat": Operator(integer_to_float),
    "QGemm": Operator(gemm),
    "QLinearAdd": _pair(lambda a, b: a + b),
    "QLinearAveragePool": _single(_pooled),
    "QLinearConcat": Operator(concat),
    "QLinearGlobalAveragePool": _single(_global_mean),
    "QLinearLeakyRelu": _single(
        lambda node, x: functional.leaky_relu(x, node.number("alpha", 0.01))
    ),
    "QLinearMul": _pair(lambda a, b: a * b),
    "QLinearSigmoid": _single(lambda node, x: torch.sigmoid(x)),
    "QLinearSoftmax": _single(lambda node, x: torch.softmax(x, node.integer("axis", -1))),
}
