"""Maxima and means over windows."""

import math

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Function, Operator
from tradewind.interpreter.pytorch import Tensor, functional, torch
from tradewind.interpreter.windows import Windows, pad_ends, windows


def _windows(node: Node, x: Tensor) -> tuple[Windows, tuple[int, ...]]:
    """Return the windows, and what `ceil_mode` adds behind them."""
    sizes = tuple(x.shape[2:])
    shape = windows(node, sizes, tuple(node.integers("kernel_shape")))
    return shape, shape.ceiled(sizes) if node.integer("ceil_mode") else (0,) * len(sizes)


def max_pool(node: Node, x: Tensor) -> tuple[Tensor, ...]:
    """Compute MaxPool, with the places of the maxima where they are wanted."""
    if not x.is_floating_point():
        y, *places = max_pool(node, x.double())
        return (y.to(x.dtype), *places)
    shape, more = _windows(node, x)
    end = tuple(map(sum, zip(shape.end, more, strict=True)))
    padded = pad_ends(x, shape.begin, end, float("-inf"))
    function = getattr(functional, f"max_pool{len(shape.kernel)}d")
    slide = (padded, shape.kernel, shape.strides, 0, shape.dilations)
    if node.outputs < 2:
        return (function(*slide),)
    y, places = function(*slide, return_indices=True)
    return y, _flat(node, x, places, padded.shape, shape.begin)


def _flat(
    node: Node, x: Tensor, places: Tensor, padded: tuple[int, ...], begin: tuple[int, ...]
) -> Tensor:
    """Return places in padded images as places in the whole unpadded tensor."""
    sizes, rest = x.shape[2:], places
    along: list[Tensor] = []
    for dim in reversed(range(len(sizes))):
        along.insert(0, rest % padded[2 + dim] - begin[dim])
        rest = rest // padded[2 + dim]
    order = list(range(len(sizes)))
    if node.integer("storage_order"):
        order.reverse()
    flat = torch.zeros_like(places)
    for dim in order:
        flat = flat * sizes[dim] + along[dim]
    images = torch.arange(x.shape[0] * x.shape[1], device=x.device).reshape(*x.shape[:2])
    return flat + images.reshape(*x.shape[:2], *(1,) * len(sizes)) * math.prod(sizes)


def average_pool(node: Node, x: Tensor) -> Tensor:
    """Compute AveragePool."""
    shape, more = _windows(node, x)
    counts_pads = bool(node.integer("count_include_pad"))
    if shape.is_symmetric and not any(more) and set(shape.dilations) == {1}:
        half = all(2 * pad <= size for pad, size in zip(shape.begin, shape.kernel, strict=True))
        if half:
            function = getattr(functional, f"avg_pool{len(shape.kernel)}d")
            return function(
                x, shape.kernel, shape.strides, shape.begin, count_include_pad=counts_pads
            )
    inside = torch.ones_like(x[:1, :1])
    inside = shape.padded(inside, 1.0 if counts_pads else 0.0)
    behind = (0,) * len(more)
    total = _sums(pad_ends(shape.padded(x), behind, more), shape)
    return total / _sums(pad_ends(inside, behind, more), shape)


def _sums(x: Tensor, shape: Windows) -> Tensor:
    """Return the sum over every window: a convolution of each channel with ones."""
    rank = len(shape.kernel)
    flat = x.reshape(-1, 1, *x.shape[2:])
    ones = torch.ones(1, 1, *shape.kernel, dtype=x.dtype, device=x.device)
    function = getattr(functional, f"conv{rank}d")
    y = function(flat, ones, None, shape.strides, 0, shape.dilations)
    return y.reshape(*x.shape[:2], *y.shape[2:])


def lp_pool(node: Node, x: Tensor) -> Tensor:
    """Compute LpPool."""
    shape, more = _windows(node, x)
    degree = node.number("p", 2)
    padded = pad_ends(shape.padded(x.abs() ** degree), (0,) * len(more), more)
    return _sums(padded, shape) ** (1 / degree)


def _image(x: Tensor) -> tuple[int, ...]:
    return tuple(range(2, x.dim()))


def global_average_pool(node: Node, x: Tensor) -> Tensor:
    """Compute GlobalAveragePool."""
    return x.mean(_image(x), keepdim=True)


def global_max_pool(node: Node, x: Tensor) -> Tensor:
    """Compute GlobalMaxPool."""
    return x.amax(_image(x), keepdim=True)


def global_lp_pool(node: Node, x: Tensor) -> Tensor:
    """Compute GlobalLpPool."""
    degree = node.number("p", 2)
    return (x.abs() ** degree).sum(_image(x), keepdim=True) ** (1 / degree)


def max_unpool(node: Node, x: Tensor, places: Tensor, sizes: Tensor | None = None) -> Tensor:
    """Compute MaxUnpool: every maximum goes back to where it was, all else is zero."""
    kernel = tuple(node.integers("kernel_shape"))
    shape = windows(node, tuple(x.shape[2:]), kernel)
    natural = [
        (size - 1) * stride + extent - before - after
        for size, stride, extent, before, after in zip(
            x.shape[2:], shape.strides, kernel, shape.begin, shape.end, strict=True
        )
    ]
    flat = torch.zeros(math.prod(x.shape[:2]) * math.prod(natural), dtype=x.dtype, device=x.device)
    y = flat.scatter(0, places.reshape(-1), x.reshape(-1)).reshape(*x.shape[:2], *natural)
    if sizes is None:
        return y
    wanted = sizes.tolist()[2:]
    more = tuple(int(want) - size for want, size in zip(wanted, natural, strict=True))
    return pad_ends(y, (0,) * len(more), more)


_FUNCTIONS: dict[str, Function] = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalLpPool": global_lp_pool,
    "GlobalMaxPool": global_max_pool,
    "LpPool": lp_pool,
    "MaxPool": max_pool,
}
OPERATORS = {
    **{name: Operator(function) for name, function in _FUNCTIONS.items()},
    "MaxUnpool": Operator(max_unpool, host=(2,)),
}
