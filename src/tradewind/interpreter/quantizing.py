"""Whole numbers that stand for real ones.

What a quantizer makes travels as floating point that holds whole numbers, so that gradients pass:
backwards, rounding is the identity, and what was cut off gets none.
"""

from tradewind.interpreter.pytorch import Tensor, torch


def rounded(x: Tensor) -> Tensor:
    """Return whole numbers, whose gradient is that of `x` (straight-through)."""
    return x + (torch.round(x) - x).detach() if x.requires_grad else torch.round(x)


def spread(steps: Tensor, shape: tuple[int, ...], axis: int, block: int = 0) -> Tensor:
    """Return step sizes or zero points so that they fit a tensor.

    Args:
        steps: one for all, one for each place along the axis, or one for each block of it.
        shape: of the tensor.
        axis: the dimension that they belong to.
        block: how many elements along the axis share one; 0 where there are no blocks.
    """
    if block:
        return steps.repeat_interleave(block, axis).narrow(axis, 0, shape[axis])
    if steps.dim() == 0 or steps.numel() == 1:
        return steps.reshape(())
    if steps.dim() > 1:
        return steps
    return steps.reshape([-1 if dim == axis % len(shape) else 1 for dim in range(len(shape))])


def to_steps(x: Tensor, scale: Tensor, zero: Tensor | None, low: int, high: int) -> Tensor:
    """Return round(x / scale) + zero, cut off at `low` and `high`, as floating point."""
    whole = rounded(x / scale)
    return (whole if zero is None else whole + zero.to(whole.dtype)).clamp(low, high)


def from_steps(whole: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
    """Return (whole - zero) * scale."""
    values = whole.to(scale.dtype)
    return (values if zero is None else values - zero.to(values.dtype)) * scale
