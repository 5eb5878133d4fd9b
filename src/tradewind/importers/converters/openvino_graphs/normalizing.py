"""Operators that normalize."""

from typing import Any

import numpy as np

from .arithmetic import Converter
from .writing import Operation, numpy_type


def softmax(op: Operation) -> str:
    """Convert the softmax or its logarithm along one axis."""
    kind = "Softmax" if op.kind == "Softmax" else "LogSoftmax"
    return str(op.add(kind, [op.name(0)], axis=int(op.attributes["axis"])))


def normalize_variance(op: Operation) -> str:
    """Subtract the mean and divide by the standard deviation, along some axes."""
    axes = sorted(int(axis) % op.rank(0) for axis in op.constant(1, "axes").ravel())
    eps = float(op.attributes["eps"])
    is_inside = str(op.attributes["eps_mode"]).lower() == "inside_sqrt"
    has_variance = bool(op.attributes["normalize_variance"])
    shape, rank = op.shape(0), op.rank(0)
    inner = None if shape is None else shape[axes[0] :]
    trailing = axes == list(range(axes[0], rank)) and inner is not None and None not in inner
    if trailing and is_inside and has_variance:
        ones = op.value(np.ones([size or 0 for size in inner or ()]), numpy_type(op.type(0)))
        normal = op.add("LayerNormalization", [op.name(0), ones], axis=axes[0], epsilon=eps)
        return str(normal)
    mean = op.add("ReduceMean", [op.name(0)], axes=axes, keepdims=1)
    centred = op.add("Sub", [op.name(0), mean])
    if not has_variance:
        return str(centred)
    variance = op.add("ReduceMean", [op.add("Mul", [centred, centred])], axes=axes, keepdims=1)
    if is_inside:
        deviation = op.add("Sqrt", [op.add("Add", [variance, op.like(eps)])])
    else:
        deviation = op.add("Add", [op.add("Sqrt", [variance]), op.like(eps)])
    return str(op.add("Div", [centred, deviation]))


def normalize_length(op: Operation) -> str:
    """Divide by the length of vectors."""
    axes = [int(axis) for axis in op.constant(1, "axes").ravel()]
    squares = op.add("Mul", [op.name(0), op.name(0)])
    total = op.add("ReduceSum", [squares, op.value(axes, np.int64)], keepdims=1)
    kind = "Add" if str(op.attributes["eps_mode"]).lower() == "add" else "Max"
    safe = op.add(kind, [total, op.like(float(op.attributes["eps"]))])
    return str(op.add("Div", [op.name(0), op.add("Sqrt", [safe])]))


def batch_norm(op: Operation) -> str:
    """Normalize by means and variances of the training."""
    order = (0, 1, 2, 3, 4)
    if op.node.get_type_info().version_id == "opset1":  # the data came third then
        order = (2, 0, 1, 3, 4)
    names = [op.name(index) for index in order]
    return str(op.add("BatchNormalization", names, epsilon=float(op.attributes["epsilon"])))


def group_norm(op: Operation) -> str:
    """Normalize groups of channels."""
    shape, groups = op.shape(0), int(op.attributes["num_groups"])
    if shape is None or shape[1] is None:
        raise op.refused("a known number of channels", f"{shape}")
    apart = op.add("Reshape", [op.name(0), op.value([0, groups, -1], np.int64)])
    eps = float(op.attributes["epsilon"])
    kind = numpy_type(op.type(0))
    ones, zeros = op.value(np.ones(groups), kind), op.value(np.zeros(groups), kind)
    normal = op.add("InstanceNormalization", [apart, ones, zeros], epsilon=eps)
    back = op.add("Reshape", [normal, op.add("Shape", [op.name(0)])])
    wide = op.value([1, shape[1], *[1] * (len(shape) - 2)], np.int64)
    scale, shift = (op.add("Reshape", [op.name(index), wide]) for index in (1, 2))
    return str(op.add("Add", [op.add("Mul", [back, scale]), shift]))


def local_response(op: Operation) -> str:
    """Normalize by neighbouring channels."""
    axes = op.constant(1, "axes").ravel().tolist()
    if axes != [1]:
        raise op.refused("neighbours among the channels", f"axes {axes}")
    found = op.attributes
    numbers: dict[str, Any] = {name: float(found[name]) for name in ("alpha", "beta", "bias")}
    return str(op.add("LRN", [op.name(0)], size=int(found["size"]), **numbers))


NORMALIZING: dict[str, Converter] = {
    "Softmax": softmax, "SoftMax": softmax, "LogSoftmax": softmax, "MVN": normalize_variance,
    "NormalizeL2": normalize_length, "BatchNormInference": batch_norm,
    "GroupNormalization": group_norm, "LRN": local_response,
}  # fmt: skip
