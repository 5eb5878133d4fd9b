"""Convolutions and their transposes, over one to three dimensions."""

from collections.abc import Callable

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor, functional, torch
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
        return (less, more) if kind == "SAME_UPPER" else (more, less)
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


def deform_conv(
    node: Node,
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Compute DeformConv over two dimensions: every window's elements are read where they lie.

    y[n, m, p] = sum over c and k of weight[m, c, k] * mask[n, k, p] * x[n, c, p + k + offset]
    """
    kernel = tuple(weight.shape[2:])
    if len(kernel) != 2:
        node.refuse("two spatial dimensions", str(len(kernel)))
    shape = windows(node, tuple(x.shape[2:]), kernel)
    batch, _, height, width = x.shape
    taps, parts = kernel[0] * kernel[1], node.integer("offset_group", 1)
    rows, columns = offset.shape[2:]
    offset = offset.reshape(batch, parts, taps, 2, rows, columns)
    grids = []
    for axis, (count, size) in enumerate(zip((rows, columns), (height, width), strict=True)):
        start = torch.arange(count, device=x.device) * shape.strides[axis] - shape.begin[axis]
        tap = torch.arange(kernel[axis], device=x.device) * shape.dilations[axis]
        along = (start.view(-1, 1) if axis == 0 else start.view(1, -1))[None]
        inside = (tap.view(-1, 1) if axis == 0 else tap.view(1, -1)).expand(kernel).reshape(-1)
        place = offset[:, :, :, axis] + along + inside.view(1, 1, -1, 1, 1)
        grids.append((2 * place + 1) / size - 1)  # pixel centres, as align_corners=False has them
    grid = torch.stack(grids[::-1], -1).reshape(batch * parts, taps * rows, columns, 2)
    split = x.reshape(batch * parts, -1, height, width)
    read = functional.grid_sample(split, grid.to(x.dtype), align_corners=False)
    read = read.reshape(batch, parts, -1, taps, rows * columns)
    if mask is not None:
        read = read * mask.reshape(batch, parts, 1, taps, rows * columns)
    groups = node.integer("group", 1)
    read = read.reshape(batch, groups, -1, rows * columns)
    by_group = weight.reshape(groups, weight.shape[0] // groups, -1)
    y = torch.einsum("gmk,ngkp->ngmp", by_group, read).reshape(batch, -1, rows, columns)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


OPERATORS = {
    "Conv": Operator(conv),
    "ConvTranspose": Operator(conv_transpose),
    "ConvInteger": Operator(conv_integer),
    "DeformConv": Operator(deform_conv),
}
