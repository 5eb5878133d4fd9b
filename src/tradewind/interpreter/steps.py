"""Operators of quantized graphs."""

import onnx_ir as ir

from tradewind.interpreter.convolutions import conv
from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.interpreter.quantizing import from_steps, rounded, spread, to_steps
from tradewind.interpreter.weights import WHOLE, limits


def _limits(node: Node, zero: Tensor | None) -> tuple[int, int]:
    """Return the range of the whole numbers that a quantizer makes."""
    written = ir.DataType(node.integer("output_dtype"))
    if written is not ir.DataType.UNDEFINED:
        if written not in WHOLE:
            node.refuse("whole numbers", written.name)
        return limits(written)
    if zero is None or zero.is_floating_point():  # a float holds what another quantizer made
        return 0, 255
    info = torch.iinfo(zero.dtype)
    return info.min, info.max


def quantize(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """Compute QuantizeLinear; what comes out are whole numbers in floating point."""
    axis, block = node.integer("axis", 1), node.integer("block_size")
    low, high = _limits(node, zero)
    shape = tuple(x.shape)
    zeros = None if zero is None else spread(zero, shape, axis, block)
    return to_steps(x, spread(scale, shape, axis, block).to(x.dtype), zeros, low, high)


def dequantize(node: Node, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    """Compute DequantizeLinear."""
    axis, block = node.integer("axis", 1), node.integer("block_size")
    shape = tuple(x.shape)
    zeros = None if zero is None else spread(zero, shape, axis, block)
    return from_steps(x, spread(scale, shape, axis, block), zeros)


def dynamic_quantize(node: Node, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute DynamicQuantizeLinear, whose range is that of the tensor with zero in it."""
    low = torch.minimum(x.min(), torch.zeros_like(x.min()))
    high = torch.maximum(x.max(), torch.zeros_like(x.max()))
    scale = (high - low) / 255
    safe = torch.where(scale > 0, scale, torch.ones_like(scale))
    zero = rounded((-low / safe).clamp(0, 255)).detach()
    return to_steps(x, safe, zero, 0, 255), scale, zero.to(torch.uint8)


def linear_conv(
    node: Node,
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    weight_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    bias: Tensor | None = None,
) -> Tensor:
    """Compute QLinearConv, in floating point between a dequantizer and a quantizer."""
    shape = tuple(weight.shape)
    scale, zero = spread(weight_scale, shape, 0), spread(weight_zero, shape, 0)
    real = None if bias is None else bias.to(x_scale.dtype) * x_scale * weight_scale
    y = conv(node, from_steps(x, x_scale, x_zero), from_steps(weight, scale, zero), real)
    return quantize(node, y, y_scale, y_zero)


def linear_matmul(
    node: Node,
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
) -> Tensor:
    """Compute QLinearMatMul; one scale for each row of A and column of B is allowed."""
    left = from_steps(a, _rows(a_scale, a), _rows(a_zero, a))
    right = from_steps(b, b_scale, b_zero)
    return quantize(node, left @ right, _rows(y_scale, a), _rows(y_zero, a))


def _rows(steps: Tensor, a: Tensor) -> Tensor:
    return steps.unsqueeze(-1) if steps.dim() == 1 and steps.numel() == a.shape[-2] > 1 else steps


OPERATORS = {
    "DequantizeLinear": Operator(dequantize),
    "DynamicQuantizeLinear": Operator(dynamic_quantize),
    "QLinearConv": Operator(linear_conv),
    "QLinearMatMul": Operator(linear_matmul),
    "QuantizeLinear": Operator(quantize),
}
