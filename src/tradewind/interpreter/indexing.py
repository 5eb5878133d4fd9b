"""Parts of tensors: read, written, sorted and padded."""

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator, integers, number, wide_unsigned
from tradewind.interpreter.pytorch import Tensor, functional, torch


def take_slice(
    node: Node,
    x: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    """Compute Slice; before opset 10 everything is an attribute."""
    first = node.integers("starts") if starts is None else integers(starts)
    last = node.integers("ends") if ends is None else integers(ends)
    dims = node.integers("axes", tuple(range(len(first)))) if axes is None else integers(axes)
    by = [1] * len(first) if steps is None else integers(steps)
    for dim, start, end, step in zip(dims, first, last, by, strict=True):
        x = _along(x, dim % x.dim(), start, end, step)
    return x


def _along(x: Tensor, dim: int, start: int, end: int, step: int) -> Tensor:
    start, end, step = slice(start, end, step).indices(x.shape[dim])
    if step > 0:
        chosen = [slice(None)] * dim + [slice(start, max(end, start), step)]
        return x[tuple(chosen)]
    # tensors have no negative steps
    return x.index_select(dim, torch.arange(start, end, step, device=x.device))


def pad(
    node: Node,
    x: Tensor,
    pads: Tensor | None = None,
    value: Tensor | None = None,
    axes: Tensor | None = None,
) -> Tensor:
    """Compute Pad."""
    sizes = node.integers("pads") if pads is None else integers(pads)
    dims = list(range(x.dim())) if axes is None else [dim % x.dim() for dim in integers(axes)]
    around = {dim: (sizes[at], sizes[at + len(dims)]) for at, dim in enumerate(dims)}
    mode = node.text("mode", "constant")
    if mode == "constant":
        fill = node.number("value") if value is None else number(value)
        flat = [size for dim in reversed(range(x.dim())) for size in around.get(dim, (0, 0))]
        return functional.pad(x, flat, value=fill if x.dtype != torch.bool else bool(fill))
    for dim, (before, after) in around.items():
        if before or after:
            x = x.index_select(dim, _mirrored(x, dim, before, after, mode))
    return x


def _mirrored(x: Tensor, dim: int, before: int, after: int, mode: str) -> Tensor:
    """Return which element of a dimension stands at each place of the padded one."""
    size = x.shape[dim]
    places = torch.arange(-before, size + after, device=x.device)
    if mode == "edge":
        return places.clamp(0, size - 1)
    if mode == "wrap":
        return places % size
    period = max(2 * size - 2, 1)
    turned = places % period
    return torch.where(turned < size, turned, period - turned)


def _inside(indices: Tensor, size: int) -> Tensor:
    """Return indices counted from the front as 64-bit integers."""
    wide = indices.to(torch.int64)
    return torch.where(wide < 0, wide + size, wide)


def gather(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """Compute Gather."""
    axis = node.integer("axis") % max(x.dim(), 1)
    places = _inside(indices, x.shape[axis])
    found = x.index_select(axis, places.reshape(-1))
    return found.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


def gather_elements(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """Compute GatherElements."""
    axis = node.integer("axis")
    return x.gather(axis, _inside(indices, x.shape[axis]))


def gather_nd(node: Node, x: Tensor, indices: Tensor) -> Tensor:
    """Compute GatherND."""
    batch = node.integer("batch_dims")
    rows = 1
    for size in x.shape[:batch]:
        rows *= size
    depth = indices.shape[-1]
    flat = x.reshape(rows, *x.shape[batch:])
    places = indices.reshape(rows, -1, depth)
    chosen = tuple(_inside(places[..., at], flat.shape[1 + at]) for at in range(depth))
    row = torch.arange(rows, device=x.device).reshape(-1, 1).expand(places.shape[:2])
    return flat[(row, *chosen)].reshape([*indices.shape[:-1], *x.shape[batch + depth :]])


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def scatter_elements(node: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """Compute ScatterElements."""
    axis = node.integer("axis")
    places = _inside(indices, x.shape[axis])
    kind = node.text("reduction", "none")
    if kind == "none":
        return x.scatter(axis, places, updates)
    return x.scatter_reduce(axis, places, updates, _REDUCTIONS[kind])


def scatter_nd(node: Node, x: Tensor, indices: Tensor, updates: Tensor) -> Tensor:
    """Compute ScatterND, on the tensor with its indexed dimensions made one."""
    depth = indices.shape[-1]
    flat = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=x.device)
    for at in range(depth):
        flat = flat * x.shape[at] + _inside(indices[..., at], x.shape[at])
    count = 1
    for size in x.shape[:depth]:
        count *= size
    rows = x.reshape(count, -1)
    places = flat.reshape(-1, 1).expand(-1, rows.shape[1])
    given = updates.reshape(places.shape)
    kind = node.text("reduction", "none")
    if kind == "none":
        return rows.scatter(0, places, given).reshape(x.shape)
    return rows.scatter_reduce(0, places, given, _REDUCTIONS[kind]).reshape(x.shape)


def one_hot(node: Node, indices: Tensor, depth: Tensor, values: Tensor) -> Tensor:
    """Compute OneHot; what lies outside is nowhere hot."""
    count = int(number(depth))
    axis = node.integer("axis", -1) % (indices.dim() + 1)
    wide = indices.to(torch.int64)
    places = torch.where((wide >= -count) & (wide < count), wide % count, -1).unsqueeze(axis)
    line = torch.arange(count, device=indices.device)
    line = line.reshape(*(1,) * axis, count, *(1,) * (indices.dim() - axis))
    return torch.where(places == line, values[1], values[0])


def top_k(node: Node, x: Tensor, k: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute TopK; of equal values the first comes first."""
    axis = node.integer("axis", -1)
    count = node.integer("k") if k is None else integers(k)[0]
    is_most = bool(node.integer("largest", 1))
    values, places = torch.sort(_ordered(x), dim=axis, descending=is_most, stable=True)
    values = values.to(x.dtype)
    return values.narrow(axis, 0, count), places.narrow(axis, 0, count)


def _ordered(x: Tensor) -> Tensor:
    """Return a tensor of a type that PyTorch sorts."""
    return x.to(torch.int64) if x.dtype in wide_unsigned() else x


def compress(node: Node, x: Tensor, condition: Tensor) -> Tensor:
    """Compute Compress."""
    chosen = condition.nonzero().reshape(-1)
    if node.has("axis"):
        return x.index_select(node.integer("axis"), chosen)
    return x.reshape(-1).index_select(0, chosen)


def nonzero(node: Node, x: Tensor) -> Tensor:
    """Compute NonZero."""
    return x.nonzero().T


def reverse_sequence(node: Node, x: Tensor, lengths: Tensor) -> Tensor:
    """Compute ReverseSequence: the first elements of each sequence, last to first."""
    time, batch = node.integer("time_axis"), node.integer("batch_axis", 1)
    turned = x.movedim((batch, time), (0, 1))
    line = torch.arange(turned.shape[1], device=x.device).reshape(1, -1)
    ends = lengths.reshape(-1, 1)
    places = torch.where(line < ends, ends - 1 - line, line)
    places = places.reshape(*places.shape, *(1,) * (turned.dim() - 2)).expand(turned.shape)
    return turned.gather(1, places).movedim((0, 1), (batch, time))


OPERATORS = {
    "Compress": Operator(compress),
    "Gather": Operator(gather),
    "GatherElements": Operator(gather_elements),
    "GatherND": Operator(gather_nd),
    "NonZero": Operator(nonzero),
    "OneHot": Operator(one_hot, host=(1,)),
    "Pad": Operator(pad, host=(1, 2, 3)),
    "ReverseSequence": Operator(reverse_sequence),
    "Scatter": Operator(scatter_elements),
    "ScatterElements": Operator(scatter_elements),
    "ScatterND": Operator(scatter_nd),
    "Slice": Operator(take_slice, host=(1, 2, 3, 4)),
    "TopK": Operator(top_k, host=(1,)),
}
