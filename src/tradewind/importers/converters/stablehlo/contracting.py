"""Matrix products and convolutions."""

from typing import Any

import numpy as np

from .reading import Operation
from .writing import Value, refused

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def dot_general(op: Operation) -> list[Value]:
    """Convert a product over some dimensions: as one of matrices where that is possible."""
    from jaxlib.mlir.dialects import stablehlo

    numbers = stablehlo.DotDimensionNumbers(op.attribute("dot_dimension_numbers"))
    batch = list(numbers.lhs_batching_dimensions), list(numbers.rhs_batching_dimensions)
    summed = list(numbers.lhs_contracting_dimensions), list(numbers.rhs_contracting_dimensions)
    free = [
        [axis for axis in range(value.rank) if axis not in batch[side] + summed[side]]
        for side, value in enumerate(op.inputs[:2])
    ]
    right = op.inputs[1]
    if not batch[0] and None not in right.shape and op.inputs[0].rank > len(summed[0]):
        name = _linear(op, summed, free)
    elif len(summed[0]) == 1 and len(free[0]) == len(free[1]) == 1:
        left_name = _permuted(op, 0, batch[0] + free[0] + summed[0])
        right_name = _permuted(op, 1, batch[1] + summed[1] + free[1])
        name = op.add("MatMul", [left_name, right_name])
    else:
        name = _einsum(op, batch, summed, free)
    return [op.named(_typed(op, name))]


def _typed(op: Operation, name: str) -> str:
    """Return the product in the type that was asked for."""
    asked = op.result().type
    return name if asked == op.inputs[0].type else op.graph.cast(name, asked)


def _permuted(op: Operation, index: int, order: list[int]) -> str:
    value = op.inputs[index]
    if order == list(range(value.rank)):
        return op.graph.name(value)
    if value.known is not None:
        return op.graph.constant(np.ascontiguousarray(value.known.transpose(order)))
    return str(op.add("Transpose", [op.graph.name(value)], perm=order))


def _linear(op: Operation, summed: tuple[list[int], list[int]], free: list[list[int]]) -> str:
    """Multiply by a matrix: the second tensor [summed, free], the first [free ..., summed]."""
    right = op.inputs[1]
    depth = int(np.prod([right.shape[axis] or 0 for axis in summed[1]], dtype=int))
    width = int(np.prod([right.shape[axis] or 0 for axis in free[1]], dtype=int))
    order = summed[1] + free[1]
    if right.known is not None:
        matrix = op.graph.constant(right.known.transpose(order).reshape(depth, width))
    else:
        matrix = _permuted(op, 1, order)
        if right.rank != 2:
            sizes = op.graph.constant([depth, width], np.int64)
            matrix = op.add("Reshape", [matrix, sizes])
    left = _permuted(op, 0, free[0] + summed[0])
    if len(summed[0]) != 1:
        sizes = op.graph.constant([0] * len(free[0]) + [depth], np.int64)
        left = op.add("Reshape", [left, sizes])
    name = op.add("MatMul", [left, matrix])
    if len(free[1]) != 1:
        kept = [right.shape[axis] or 0 for axis in free[1]]
        name = op.add("Reshape", [name, op.graph.constant([0] * len(free[0]) + kept, np.int64)])
    return str(name)


def _einsum(
    op: Operation,
    batch: tuple[list[int], list[int]],
    summed: tuple[list[int], list[int]],
    free: list[list[int]],
) -> str:
    letters = iter(_LETTERS)
    names: list[dict[int, str]] = [{}, {}]
    for pairs in (zip(*batch, strict=True), zip(*summed, strict=True)):
        for left, right in pairs:
            names[0][left] = names[1][right] = next(letters)
    for side in (0, 1):
        names[side].update({axis: next(letters) for axis in free[side]})
    terms = ["".join(side[axis] for axis in sorted(side)) for side in names]
    out = [names[0][axis] for axis in batch[0] + free[0]] + [names[1][axis] for axis in free[1]]
    equation = f"{terms[0]},{terms[1]}->{''.join(out)}"
    return str(op.add("Einsum", [op.name(0), op.name(1)], equation=equation))


def convolution(op: Operation) -> list[Value]:
    """Convert a convolution in any order of dimensions."""
    from jaxlib.mlir.dialects import stablehlo

    numbers = stablehlo.ConvDimensionNumbers(op.attribute("dimension_numbers"))
    seen = [
        numbers.input_batch_dimension,
        numbers.input_feature_dimension,
        *numbers.input_spatial_dimensions,
    ]
    kernel = [
        numbers.kernel_output_feature_dimension,
        numbers.kernel_input_feature_dimension,
        *numbers.kernel_spatial_dimensions,
    ]
    given = [
        numbers.output_batch_dimension,
        numbers.output_feature_dimension,
        *numbers.output_spatial_dimensions,
    ]
    if op.number("batch_group_count", 1) != 1:
        raise refused("groups of channels", "groups of examples")
    x = _permuted(op, 0, [int(axis) for axis in seen])
    name = _convolved(op, x, [int(axis) for axis in kernel])
    back = [int(axis) for axis in np.argsort(given)]
    if back != list(range(len(back))):
        name = op.add("Transpose", [name], perm=back)
    return [op.named(_typed(op, name))]


def _convolved(op: Operation, x: str, kernel: list[int]) -> str:
    """Convolve [batch, channels, ...]."""
    rank = len(kernel) - 2
    groups = op.number("feature_group_count", 1)
    strides = op.numbers("window_strides") or [1] * rank
    spread = op.numbers("lhs_dilation") or [1] * rank
    dilations = op.numbers("rhs_dilation") or [1] * rank
    padding = op.attribute("padding")
    pads = np.zeros((rank, 2), int) if padding is None else np.array(padding).reshape(rank, 2)
    flipped = op.attribute("window_reversal")
    if flipped is not None and any(bool(flag) for flag in np.array(flipped).ravel()):
        raise refused("kernels as they are", "kernels turned around")
    if set(spread) != {1}:
        return _transposed(op, x, kernel, spread, dilations, pads)
    if pads.min() < 0:
        raise refused("borders added", "borders cut off")
    return str(
        op.add(
            "Conv",
            [x, _permuted(op, 1, kernel)],
            group=groups,
            strides=strides,
            dilations=dilations,
            pads=[int(n) for n in pads.T.ravel()],
        )
    )


def _transposed(
    op: Operation, x: str, kernel: list[int], spread: list[int], dilations: list[int], pads: Any
) -> str:
    """Convolve what has zeros between its elements, as a transposed convolution."""
    weights = op.inputs[1].known
    strides = op.numbers("window_strides") or [1] * len(spread)
    if weights is None or set(strides) != {1} or op.number("feature_group_count", 1) != 1:
        raise refused("known weights in one group, moved by one", "a dilated input with others")
    # ONNX has [in, out, ...], and walks through the kernel from the other end
    turned = weights.transpose([kernel[1], kernel[0], *kernel[2:]])
    turned = np.flip(turned, tuple(range(2, turned.ndim)))
    reach = [(size - 1) * gap for size, gap in zip(turned.shape[2:], dilations, strict=True)]
    cut = np.array([[r - low, r - high] for r, (low, high) in zip(reach, pads, strict=True)])
    if cut[:, 0].min() < 0:
        raise refused("borders no wider than the kernel", f"{pads.tolist()}")
    extra = [max(-int(high), 0) for high in cut[:, 1]]
    return str(
        op.add(
            "ConvTranspose",
            [x, op.graph.constant(np.ascontiguousarray(turned))],
            strides=spread,
            dilations=dilations,
            pads=[int(n) for n in np.maximum(cut, 0).T.ravel()],
            output_padding=extra if any(extra) else None,
        )
    )


CONTRACTING = {"dot_general": dot_general, "convolution": convolution}
