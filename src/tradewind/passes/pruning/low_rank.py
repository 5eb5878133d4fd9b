"""Products of small matrices that are close to a large one, on what flows through it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from tradewind.passes.repair.layers import Layer
from tradewind.tensors import Array

_DAMPING = 1e-4


@dataclass(frozen=True)
class Factors:
    """Nodes that stand for one.

    Args:
        nodes: in the order in which they run.
        weights: their weights by name; the bias is that of the node they stand for.
        macs_share: multiplications, as a share of those before.
    """

    nodes: Sequence[onnx.NodeProto]
    weights: Sequence[tuple[str, Array]]
    macs_share: float = 1.0


def factors_of(
    node: onnx.NodeProto, layer: Layer, weight: Array, gram: Array, loss: float
) -> Iterator[Factors]:
    """Yield the ways to take a layer apart, each of the lowest rank that loses little enough.

    Args:
        node: the layer.
        layer: how its weight is laid out.
        weight: its weight.
        gram: the sum of x x' over what flows in, float64[inputs, inputs].
        loss: share of the energy of the result that may be lost.
    """
    matrix = layer.as_matrix(weight, 1)[0]
    first, second = split(matrix, gram, loss)
    rank = first.shape[1]
    names = (f"{layer.weight}_in", f"{layer.weight}_out")
    middle = f"{node.output[0]}_narrow"
    if layer.window is None:
        yield _dense(node, names, middle, first, second)
        return
    out, kernel = weight.shape[0], weight.shape[2:]
    narrow = first.T.reshape(rank, weight.shape[1], *kernel)
    wide = second.T.reshape(out, rank, *(1 for _ in kernel))
    one = _copy(node, [node.input[0], names[0]], middle)
    ones = [1] * len(kernel)
    two = helper.make_node("Conv", [middle, names[1], *node.input[2:]], [node.output[0]],
                           kernel_shape=ones)  # fmt: skip
    share = rank * (matrix.shape[0] + out) / matrix.size
    yield Factors((one, two), ((names[0], narrow), (names[1], wide)), share)
    stride = int(np.prod(layer.window.strides))
    if int(np.prod(kernel)) > 1:
        yield _tucker(node, layer, weight, gram, loss / 2, stride)


def split(matrix: Array, gram: Array, loss: float) -> tuple[Array, Array]:
    """Return A [inputs, rank] and B [rank, outputs] with X A B close to X W.

    With G = X'X = L L', ||X (W - A B)|| = ||L' (W - A B)||, which the largest singular values of
    L' W make smallest.
    """
    size = len(gram)
    damped = gram + (_DAMPING * np.trace(gram) / size + 1e-12) * np.eye(size)
    root = np.linalg.cholesky(damped).T
    left, values, right = np.linalg.svd(root @ matrix, full_matrices=False)
    rank = _rank(values, loss)
    first = np.linalg.solve(root, left[:, :rank])
    return first, values[:rank, None] * right[:rank]


def _rank(values: Array, loss: float) -> int:
    """Return how many singular values hold all but a share of the energy."""
    energy = np.cumsum(values[::-1] ** 2)[::-1]  # of all from here on
    return max(1, int(np.sum(energy > loss * max(float(energy[0]), 1e-300))))


def _dense(
    node: onnx.NodeProto, names: tuple[str, str], middle: str, first: Array, second: Array
) -> Factors:
    rank = first.shape[1]
    share = rank * (len(first) + second.shape[1]) / (len(first) * second.shape[1])
    one = helper.make_node("MatMul", [node.input[0], names[0]], [middle])
    kind = "Gemm" if node.op_type == "Gemm" else "MatMul"
    two = helper.make_node(kind, [middle, names[1], *node.input[2:]], [node.output[0]])
    return Factors((one, two), ((names[0], first), (names[1], second)), share)


def _tucker(
    node: onnx.NodeProto, layer: Layer, weight: Array, gram: Array, loss: float, stride: int
) -> Factors:
    """Return 1x1, a narrow convolution with the kernel, 1x1."""
    out, channels, *kernel = weight.shape
    area = int(np.prod(kernel))
    # of channels alone: the mean over places in the kernel
    blocks = gram.reshape(channels, area, channels, area)
    mean = np.einsum("apbp->ab", blocks) / area
    unfolded = weight.reshape(out, channels, area).astype(np.float64)
    inputs = unfolded.transpose(1, 0, 2).reshape(channels, -1)
    first, rest = split(inputs, mean, loss)
    middle_rank = first.shape[1]
    core = rest.reshape(middle_rank, out, area)  # [narrow in, out, kernel]
    # what flows into the core is X A: its sums follow from those of X
    turned = np.kron(first, np.eye(area))
    narrow_gram = turned.T @ gram @ turned
    matrix = core.transpose(0, 2, 1).reshape(middle_rank * area, out)
    second, third = split(matrix, narrow_gram, loss)
    last_rank = second.shape[1]
    names = [f"{layer.weight}_{part}" for part in ("in", "core", "out")]
    values = [f"{node.output[0]}_{part}" for part in ("few", "narrow")]
    ones = [1] * len(kernel)
    nodes = (
        helper.make_node("Conv", [node.input[0], names[0]], [values[0]], kernel_shape=ones),
        _copy(node, [values[0], names[1]], values[1]),
        helper.make_node("Conv", [values[1], names[2], *node.input[2:]], [node.output[0]],
                         kernel_shape=ones),
    )  # fmt: skip
    weights = (
        (names[0], first.T.reshape(middle_rank, channels, *ones)),
        (names[1], second.T.reshape(last_rank, middle_rank, *kernel)),
        (names[2], third.T.reshape(out, last_rank, *ones)),
    )
    products = channels * middle_rank * stride + last_rank * (middle_rank * area + out)
    return Factors(nodes, weights, products / weight.size)


def _copy(node: onnx.NodeProto, inputs: Sequence[str], out: str) -> onnx.NodeProto:
    """Return a node that looks at its input in the same way, with another weight."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = ""
    del copy.input[:]
    copy.input.extend(inputs)
    copy.output[0] = out
    return copy
