"""Convolutions and their transposes, over one to three dimensions."""

from collections.abc import Callable

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor, functional
from tradewind.interpreter.windows import pad_ends, windows


def conv(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute Conv."""
    kernel = tuple(weight.shape[2:])
    shape = windows(node, tuple(x.shape[2:]), kernel)
    function = _of_rank(node, len(kernel), "conv")
    padding = shape.begin
    if not shape.is_symmetric:
        x, padding = shape.padded(x), (0,) * len(kernel)
    return function(
        x, weight, bias, shape.strides, padding, shape.dilations, node.integer("group", 1)
    )


def conv_transpose(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Compute ConvTranspose: the whole result first, then what pads and sizes leave of it."""
    rank = len(weight.shape) - 2
    function = _of_rank(node, rank, "conv_transpose")
    strides = node.integers("strides", (1,) * rank)
    dilations = node.integers("dilations", (1,) * rank)
    extra = node.integers("output_padding", (0,) * rank)
    groups = node.integer("group", 1)
    y = function(x, weight, None, strides, 0, 0, groups, dilations)
    whole = [size + more for size, more in zip(y.shape[2:], extra, strict=True)]
    begin, end = _cropped(node, whole, [a * b for a, b in zip(x.shape[2:], strides, strict=True)])
    y = pad_ends(
        y,
        tuple(-size for size in begin),
        tuple(more - size for more, size in zip(extra, end, strict=True)),
    )
    return y if bias is None else y + bias.reshape(-1, *(1,) * rank)


def _cropped(node: Node, whole: list[int], same: list[int]) -> tuple[list[int], list[int]]:
    """Return how much is taken away at the beginning and at the end of each dimension."""
    rank = len(whole)
    kind = node.text("auto_pad", "NOTSET")
    wanted = node.integers("output_shape")[-rank:] if node.has("output_shape") else []
    if not wanted and kind in ("SAME_UPPER", "SAME_LOWER"):
        wanted = same
    if wanted:
        total = [size - want for size, want in zip(whole, wanted, strict=True)]
        less = [size // 2 for size in total]
        more = [size - half for size, half in zip(total, less, strict=True)]
        return (less, more) if kind != "SAME_LOWER" else (more, less)
    pads = node.integers("pads", (0,) * 2 * rank)
    return pads[:rank], pads[rank:]


def conv_integer(
    node: Node,
    x: Tensor,
    weight: Tensor,
    x_zero: Tensor | None = None,
    weight_zero: Tensor | None = None,
) -> Tensor:
    """Compute ConvInteger in floating point, which holds its sums and has gradients."""
    x, weight = x.float(), weight.float()
    if x_zero is not None:
        x = x - x_zero.float()
    if weight_zero is not None:
        weight = weight - weight_zero.float().reshape(-1, *(1,) * (weight.dim() - 1))
    return conv(node, x, weight)


def _of_rank(node: Node, rank: int, name: str) -> Callable[..., Tensor]:
    if not 1 <= rank <= 3:
        node.refuse("one to three spatial dimensions", str(rank))
    found: Callable[..., Tensor] = getattr(functional, f"{name}{rank}d")
    return found


OPERATORS = {
    "Conv": Operator(conv),
    "ConvTranspose": Operator(conv_transpose),
    "ConvInteger": Operator(conv_integer),
}
