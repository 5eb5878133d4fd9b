"""How many numbers one operator multiplies and adds up."""

from collections.abc import Mapping
from math import prod

import onnx

Shape = tuple[int, ...]

COUNTED = frozenset(
    (
        *("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN", "Einsum", "Attention"),
        *("QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger"),
    )
)
"""Operators that multiply and add up; others cost their bytes alone."""

_RECURRENT = ("LSTM", "GRU", "RNN")


def operands(node: onnx.NodeProto) -> tuple[str, str]:
    """Return the names of the two tensors that a counted operator multiplies."""
    second = 3 if node.op_type in ("QLinearConv", "QLinearMatMul") else 1
    return node.input[0], node.input[second] if len(node.input) > second else ""


def macs_of(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int | None:
    """Return the multiply-accumulate operations of a counted operator.

    A convolution has out * weight[1:], a product out * inner, a cell batch * steps * weights.

    Args:
        node: one of `COUNTED`.
        shapes: of the tensors that are known.

    Returns:
        None when a shape that it needs is unknown.
    """
    data, weight = (shapes.get(name) for name in operands(node))
    out = shapes.get(node.output[0]) if node.output else None
    if data is None:
        return None
    if node.op_type == "Einsum":
        return _einsum(node, shapes)
    if weight is None:
        return None
    if node.op_type in _RECURRENT:  # weight [directions, gates * hidden, input]
        hidden = shapes.get(node.input[2])
        return None if hidden is None else data[0] * data[1] * (prod(weight) + prod(hidden))
    if node.op_type == "ConvTranspose":  # every input value meets [out / group, *kernel]
        return prod(data) * prod(weight[1:])
    if out is None:
        return None
    if node.op_type in ("Conv", "QLinearConv", "ConvInteger"):  # [in / group, *kernel] for each
        return prod(out) * prod(weight[1:])
    if node.op_type == "Attention":  # query times key, and what comes out times value
        return (prod(data) + prod(out)) * weight[-2]
    if node.op_type == "Gemm":
        transposed = any(item.name == "transA" and item.i for item in node.attribute)
        return prod(out) * data[0 if transposed else -1]
    return prod(out) * data[-1]


def _einsum(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int | None:
    """Return the product of all sizes that the equation names; None for more than two factors."""
    equation = next(item.s.decode() for item in node.attribute if item.name == "equation")
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, name in zip(terms, node.input, strict=False):
        shape = shapes.get(name)
        if shape is None or "." in term or len(term) != len(shape):
            return None
        for label, size in zip(term, shape, strict=True):
            sizes[label] = max(size, sizes.get(label, 1))
    return prod(sizes.values()) if len(terms) == 2 else None
