"""Normalizations: of channels, rows, groups and vectors."""

import math

from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Function, Operator
from tradewind.interpreter.pytorch import Tensor, functional, torch


def _by_channel(values: Tensor, rank: int) -> Tensor:
    return values.reshape(-1, *(1,) * (rank - 2))


def batch_norm(
    node: Node, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor
) -> Tensor | tuple[Tensor, ...]:
    """Compute BatchNormalization with the statistics that the model keeps, or of the batch."""
    epsilon = node.number("epsilon", 1e-5)
    if node.integer("training_mode"):
        return _batch_norm_by_batch(node, x, scale, shift, mean, var, epsilon)
    if not mean.requires_grad and not var.requires_grad:
        return functional.batch_norm(x, mean, var, scale, shift, eps=epsilon)
    factor = scale * torch.rsqrt(var + epsilon)
    return (x - _by_channel(mean, x.dim())) * _by_channel(factor, x.dim()) + _by_channel(
        shift, x.dim()
    )


def _batch_norm_by_batch(
    node: Node, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, var: Tensor, epsilon: float
) -> tuple[Tensor, ...]:
    """Normalize by the statistics of the batch; those that are kept move towards them."""
    kept = node.number("momentum", 0.9)
    means, variances = mean.detach().clone(), var.detach().clone()
    y = functional.batch_norm(
        x, means, variances, scale, shift, training=True, momentum=1.0 - kept, eps=epsilon
    )
    # PyTorch keeps the unbiased variance, the standard that of the batch itself
    count = x.numel() // x.shape[1]
    variances = kept * var.detach() + (variances - kept * var.detach()) * (count - 1) / count
    return (y, means, variances)[: max(node.outputs, 1)]


def instance_norm(node: Node, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Compute InstanceNormalization."""
    axes = tuple(range(2, x.dim()))
    mean = x.mean(axes, keepdim=True)
    var = (x - mean).square().mean(axes, keepdim=True)
    y = (x - mean) * torch.rsqrt(var + node.number("epsilon", 1e-5))
    return y * _by_channel(scale, x.dim()) + _by_channel(shift, x.dim())


def layer_norm(
    node: Node, x: Tensor, scale: Tensor, shift: Tensor | None = None
) -> tuple[Tensor, ...]:
    """Compute LayerNormalization, with mean and 1 / deviation where they are wanted."""
    axis = node.integer("axis", -1) % x.dim()
    epsilon = node.number("epsilon", 1e-5)
    sizes = tuple(x.shape[axis:])
    is_plain = tuple(scale.shape) == sizes and (shift is None or tuple(shift.shape) == sizes)
    if node.outputs < 2 and is_plain:
        return (functional.layer_norm(x, sizes, scale, shift, epsilon),)
    axes = tuple(range(axis, x.dim()))
    mean = x.mean(axes, keepdim=True)
    inverse = torch.rsqrt((x - mean).square().mean(axes, keepdim=True) + epsilon)
    y = (x - mean) * inverse * scale
    return (y if shift is None else y + shift, mean, inverse)[: max(node.outputs, 1)]


def group_norm(node: Node, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Compute GroupNormalization; before opset 21 there is one factor for each group."""
    groups = node.integer("num_groups")
    if node.opset < 21 and len(scale) != x.shape[1]:
        each = x.shape[1] // groups
        scale, shift = scale.repeat_interleave(each), shift.repeat_interleave(each)
    return functional.group_norm(x, groups, scale, shift, node.number("epsilon", 1e-5))


def rms_norm(node: Node, x: Tensor, scale: Tensor) -> Tensor:
    """Compute RMSNormalization: x / sqrt(mean(x**2) + epsilon) * scale."""
    axes = tuple(range(node.integer("axis", -1) % x.dim(), x.dim()))
    size = x.square().mean(axes, keepdim=True)
    return x * torch.rsqrt(size + node.number("epsilon", 1e-5)) * scale


def lp_norm(node: Node, x: Tensor) -> Tensor:
    """Compute LpNormalization; a vector of zeros stays as it is."""
    axis = node.integer("axis", -1)
    if node.integer("p", 2) == 1:
        size = x.abs().sum(axis, keepdim=True)
    else:
        square = x.square().sum(axis, keepdim=True)
        # the root of zero has no gradient
        size = torch.where(square > 0, square, torch.ones_like(square)).sqrt()
    return x / torch.where(size > 0, size, torch.ones_like(size))


def local_response(node: Node, x: Tensor) -> Tensor:
    """Compute LRN: x / (bias + alpha / size * sum of squares over neighbouring channels)**beta."""
    size = node.integer("size")
    before = math.floor((size - 1) / 2)
    square = x.square().reshape(x.shape[0], 1, x.shape[1], -1)
    padded = functional.pad(square, (0, 0, before, size - 1 - before))
    total = functional.avg_pool2d(padded, (size, 1), stride=1).reshape(x.shape)
    base = node.number("bias", 1.0) + node.number("alpha", 1e-4) * total
    return x / base ** node.number("beta", 0.75)


def mean_variance(node: Node, x: Tensor) -> Tensor:
    """Compute MeanVarianceNormalization."""
    axes = tuple(node.integers("axes", (0, 2, 3)))
    mean = x.mean(axes, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(axes, keepdim=True).sqrt() + 1e-9)


_FUNCTIONS: dict[str, Function] = {
    "BatchNormalization": batch_norm,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LRN": local_response,
    "LayerNormalization": layer_norm,
    "LpNormalization": lp_norm,
    "MeanVarianceNormalization": mean_variance,
    "RMSNormalization": rms_norm,
    "SimplifiedLayerNormalization": rms_norm,  # ONNX Runtime's name for it
}
OPERATORS = {name: Operator(function) for name, function in _FUNCTIONS.items()}
