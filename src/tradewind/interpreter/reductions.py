"""One value from many along some axes."""

from collections.abc import Callable

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator, integers
from tradewind.interpreter.pytorch import Tensor, torch

Reduction = Callable[[Tensor, tuple[int, ...], bool], Tensor]


def _reducing(function: Reduction) -> Operator:
    """Return the operator of a reduction; its axes are an attribute or the second input."""

    def apply(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
        given = node.integers("axes") if axes is None else integers(axes)
        if not given:
            if node.integer("noop_with_empty_axes"):
                # the axes are none, but what is done to each element is done
                return function(x.unsqueeze(-1), (-1,), False)
            given = list(range(x.dim()))
        if not x.dim():
            return function(x.reshape(1), (0,), False)
        # several reductions take one axis at a time and keep their order
        dims = tuple(sorted({axis % x.dim() for axis in given}, reverse=True))
        return function(x, dims, bool(node.integer("keepdims", 1)))

    return Operator(apply, host=(1,))


def _product(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    for axis in axes:
        x = torch.prod(x, axis, keepdim=keep, dtype=x.dtype)
    return x


def _extreme(x: Tensor, axes: tuple[int, ...], keep: bool, is_most: bool) -> Tensor:
    """Return maxima or minima; those of nothing are the type's lowest or highest value."""
    if not all(x.shape[axis] for axis in axes):
        sizes = [1 if dim in axes else size for dim, size in enumerate(x.shape)]
        if x.is_floating_point():
            lowest, highest = float("-inf"), float("inf")
        elif x.dtype == torch.bool:
            lowest, highest = False, True
        else:
            info = torch.iinfo(x.dtype)
            lowest, highest = info.min, info.max
        full = torch.full(sizes, lowest if is_most else highest, dtype=x.dtype, device=x.device)
        return full if keep else full.reshape([s for d, s in enumerate(sizes) if d not in axes])
    return (torch.amax if is_most else torch.amin)(x, axes, keepdim=keep)


def _mean(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    if x.is_floating_point():
        return x.mean(axes, keepdim=keep)
    return x.double().mean(axes, keepdim=keep).to(x.dtype)


def _root(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    wide = x if x.is_floating_point() else x.double()
    return torch.linalg.vector_norm(wide, 2, axes, keepdim=keep).to(x.dtype)


def _sum(x: Tensor, axes: tuple[int, ...], keep: bool) -> Tensor:
    return x.sum(axes, keepdim=keep, dtype=x.dtype)


_REDUCTIONS: dict[str, Reduction] = {
    "ReduceL1": lambda x, axes, keep: _sum(x.abs(), axes, keep),
    "ReduceL2": _root,
    "ReduceLogSum": lambda x, axes, keep: torch.log(_sum(x, axes, keep)),
    "ReduceLogSumExp": lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep),
    "ReduceMax": lambda x, axes, keep: _extreme(x, axes, keep, is_most=True),
    "ReduceMean": _mean,
    "ReduceMin": lambda x, axes, keep: _extreme(x, axes, keep, is_most=False),
    "ReduceProd": _product,
    "ReduceSum": _sum,
    "ReduceSumSquare": lambda x, axes, keep: _sum(x.square(), axes, keep),
}


def _arg(node: Node, x: Tensor, is_most: bool) -> Tensor:
    """Return where the extreme is: the first of equal ones, or the last if that is asked for."""
    axis = node.integer("axis") % max(x.dim(), 1)
    is_last = bool(node.integer("select_last_index"))
    best = x == (torch.amax if is_most else torch.amin)(x, axis, keepdim=True)
    found = (best.flip(axis) if is_last else best).to(torch.uint8).argmax(axis, keepdim=True)
    found = x.shape[axis] - 1 - found if is_last else found
    return found if node.integer("keepdims", 1) else found.squeeze(axis)


def cumulate(node: Node, x: Tensor, axis: Tensor, is_product: bool = False) -> Tensor:
    """Compute CumSum or CumProd, forwards or backwards, each element in or out."""
    dim = integers(axis)[0]
    x = x.flip(dim) if node.integer("reverse") else x
    y = (torch.cumprod if is_product else torch.cumsum)(x, dim, dtype=x.dtype)
    if node.integer("exclusive"):
        first = y.narrow(dim, 0, 1)
        start = torch.ones_like(first) if is_product else torch.zeros_like(first)
        y = torch.cat([start, y.narrow(dim, 0, y.shape[dim] - 1)], dim)
    return y.flip(dim) if node.integer("reverse") else y


def cumulative_product(node: Node, x: Tensor, axis: Tensor) -> Tensor:
    """Compute CumProd."""
    return cumulate(node, x, axis, is_product=True)


OPERATORS = {
    **{name: _reducing(function) for name, function in _REDUCTIONS.items()},
    "ArgMax": Operator(lambda node, x: _arg(node, x, is_most=True)),
    "ArgMin": Operator(lambda node, x: _arg(node, x, is_most=False)),
    "CumProd": Operator(cumulative_product, host=(1,)),
    "CumSum": Operator(cumulate, host=(1,)),
}
