"""Signed weights whose products saturate on some processors."""

import numpy as np
import onnx_ir as ir

from tradewind.model import Model

_MOST = 64
"""Of 7 bits: 2 * 255 * 64 is the largest sum of two products, and fits into 16 bits."""


def has_wide_weights(model: Model) -> bool:
    """Say whether any int8 weight has more than 7 bits, and ONNX Runtime can make it unsigned.

    Without instructions for dot products x86 adds pairs of products of unsigned and signed numbers
    in 16 bits, where the sum saturates at 32,767. Unsigned weights are added in 32 bits: slower,
    but right. ONNX Runtime 1.27 breaks on weights with many scales and no zero point when it is
    told to make them unsigned; a graph that has such weights stays as it is.
    """
    graphs = model.graph.graphs()
    wide = any(_is_wide(value) for graph in graphs for value in graph.initializers.values())
    return wide and not any(_breaks(node) for node in model.graph.graph.all_nodes())


def _is_wide(value: ir.Value) -> bool:
    constant = value.const_value
    return (
        constant is not None
        and constant.dtype == ir.DataType.INT8
        and len(constant.shape) > 1
        and bool((np.abs(constant.numpy().astype(np.int16)) > _MOST).any())
    )


def _breaks(node: ir.Node) -> bool:
    """Say whether a weight is dequantized with many scales, and no zero point is given."""
    if node.op_type != "DequantizeLinear":
        return False
    weight, scale, zero = (*node.inputs, None)[:3]
    many = scale is not None and scale.const_value is not None and scale.const_value.size > 1
    return many and zero is None and weight is not None and weight.const_value is not None
