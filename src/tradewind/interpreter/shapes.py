"""Operators that make, measure and change shapes, and leave the values alone."""

import onnx_ir as ir

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator, integers
from tradewind.interpreter.pytorch import Tensor, torch


def shape_of(node: Node, x: Tensor) -> Tensor:
    """Compute Shape."""
    sizes = list(x.shape)[slice(node.integer("start"), node.integer("end", x.dim()))]
    return torch.tensor(sizes, dtype=torch.int64)


def size_of(node: Node, x: Tensor) -> Tensor:
    """Compute Size."""
    return torch.tensor(x.numel(), dtype=torch.int64)


def reshape(node: Node, x: Tensor, shape: Tensor | None = None) -> Tensor:
    """Compute Reshape; a zero keeps the size unless `allowzero` says that it is one."""
    wanted = node.integers("shape") if shape is None else integers(shape)
    if not node.integer("allowzero"):
        wanted = [size or x.shape[dim] for dim, size in enumerate(wanted)]
    return x.reshape(wanted)


def flatten(node: Node, x: Tensor) -> Tensor:
    """Compute Flatten."""
    axis = node.integer("axis", 1)
    rows = 1
    for size in x.shape[: axis if axis >= 0 else axis + x.dim()]:
        rows *= size
    return x.reshape(rows, x.numel() // rows if rows else 0)


def squeeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Compute Squeeze."""
    given = node.integers("axes") if axes is None else integers(axes)
    if not given:
        given = [dim for dim, size in enumerate(x.shape) if size == 1]
    return x.squeeze(tuple(given))


def unsqueeze(node: Node, x: Tensor, axes: Tensor | None = None) -> Tensor:
    """Compute Unsqueeze."""
    given = node.integers("axes") if axes is None else integers(axes)
    rank = x.dim() + len(given)
    for axis in sorted(axis % rank for axis in given):
        x = x.unsqueeze(axis)
    return x


def transpose(node: Node, x: Tensor) -> Tensor:
    """Compute Transpose."""
    return x.permute(node.integers("perm", tuple(reversed(range(x.dim())))))


def expand(node: Node, x: Tensor, shape: Tensor) -> Tensor:
    """Compute Expand: both shapes are repeated to fit each other."""
    return x.expand(torch.broadcast_shapes(tuple(x.shape), tuple(integers(shape))))


def tile(node: Node, x: Tensor, repeats: Tensor) -> Tensor:
    """Compute Tile."""
    return x.repeat(integers(repeats))


def concat(node: Node, *given: Tensor) -> Tensor:
    """Compute Concat."""
    return torch.cat(given, node.integer("axis", 1))


def split(node: Node, x: Tensor, sizes: Tensor | None = None) -> tuple[Tensor, ...]:
    """Compute Split; without sizes the parts are equal, and the last may be smaller."""
    axis = node.integer("axis")
    given = node.integers("split") if sizes is None else integers(sizes)
    if given:
        return tuple(torch.split(x, given, axis))
    parts = node.integer("num_outputs", node.outputs)
    return tuple(torch.split(x, -(-x.shape[axis] // parts), axis))


def constant(node: Node) -> Tensor:
    """Compute Constant, in whichever form it is written down."""
    if node.has("value"):
        return node.datatypes.tensor(node.tensor("value"), node.where)
    floats = node.datatypes.of(ir.DataType.FLOAT)
    if node.has("value_float"):
        return torch.tensor(node.number("value_float"), dtype=floats)
    if node.has("value_floats"):
        return torch.tensor(node.numbers("value_floats"), dtype=floats)
    if node.has("value_int"):
        return torch.tensor(node.integer("value_int"), dtype=torch.int64)
    if node.has("value_ints"):
        return torch.tensor(node.integers("value_ints"), dtype=torch.int64)
    return node.refuse("a dense tensor of numbers", ", ".join(node.attributes))


def constant_of_shape(node: Node, shape: Tensor) -> Tensor:
    """Compute ConstantOfShape."""
    if node.has("value"):
        value = node.datatypes.tensor(node.tensor("value"), node.where).reshape(())
    else:
        value = torch.zeros((), dtype=node.datatypes.of(ir.DataType.FLOAT))
    return value.expand(integers(shape)).clone()


def make_range(node: Node, start: Tensor, limit: Tensor, step: Tensor) -> Tensor:
    """Compute Range."""
    first, last, by = (one.flatten().tolist()[0] for one in (start, limit, step))
    return torch.arange(first, last, by, dtype=start.dtype)


def eye_like(node: Node, x: Tensor) -> Tensor:
    """Compute EyeLike."""
    datatype = node.datatypes.of(node.integer("dtype")) if node.has("dtype") else x.dtype
    ones = torch.ones(x.shape, dtype=datatype, device=x.device)
    k = node.integer("k")
    return ones.triu(k).tril(k)


def trilu(node: Node, x: Tensor, k: Tensor | None = None) -> Tensor:
    """Compute Trilu."""
    diagonal = 0 if k is None else integers(k)[0]
    return x.triu(diagonal) if node.integer("upper", 1) else x.tril(diagonal)


def depth_to_space(node: Node, x: Tensor) -> Tensor:
    """Compute DepthToSpace."""
    block = node.integer("blocksize")
    batch, depth, height, width = x.shape
    rest = depth // (block * block)
    if node.text("mode", "DCR") == "DCR":
        apart = x.reshape(batch, block, block, rest, height, width).permute(0, 3, 4, 1, 5, 2)
    else:
        apart = x.reshape(batch, rest, block, block, height, width).permute(0, 1, 4, 2, 5, 3)
    return apart.reshape(batch, rest, height * block, width * block)


def space_to_depth(node: Node, x: Tensor) -> Tensor:
    """Compute SpaceToDepth."""
    block = node.integer("blocksize")
    batch, depth, height, width = x.shape
    apart = x.reshape(batch, depth, height // block, block, width // block, block)
    is_depth_first = node.text("mode", "DCR") == "DCR"
    turned = apart.permute(0, 3, 5, 1, 2, 4) if is_depth_first else apart.permute(0, 1, 3, 5, 2, 4)
    return turned.reshape(batch, depth * block * block, height // block, width // block)


OPERATORS = {
    "Concat": Operator(concat),
    "Constant": Operator(constant),
    "ConstantOfShape": Operator(constant_of_shape, host=(0,)),
    "DepthToSpace": Operator(depth_to_space),
    "Expand": Operator(expand, host=(1,)),
    "EyeLike": Operator(eye_like),
    "Flatten": Operator(flatten),
    "Range": Operator(make_range, host=(0, 1, 2)),
    "Reshape": Operator(reshape, host=(1,)),
    "Shape": Operator(shape_of),
    "Size": Operator(size_of),
    "SpaceToDepth": Operator(space_to_depth),
    "Split": Operator(split, host=(1,)),
    "Squeeze": Operator(squeeze, host=(1,)),
    "Tile": Operator(tile, host=(1,)),
    "Transpose": Operator(transpose),
    "Trilu": Operator(trilu, host=(1,)),
    "Unsqueeze": Operator(unsqueeze, host=(1,)),
}
