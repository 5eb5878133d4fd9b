"""Signed weights whose products saturate on some processors."""

import numpy as np
import onnx_ir as ir

from tradewind.model import Model

_MOST = 64
"""Of 7 bits: 2 * 255 * 64 is the largest sum of two products, and fits into 16 bits."""

_ROUNDING = {
    "QuantizeLinear", "DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "QLinearMatMul",
    "QLinearConv", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QGemm", "DynamicQuantizeLSTM",
}  # fmt: skip
"""What comes with activations in whole numbers."""


def has_wide_weights(model: Model) -> bool:
    """Say whether any int8 weight has more than 7 bits.

    Without instructions for dot products x86 adds pairs of products of unsigned and signed numbers
    in 16 bits, where the sum saturates at 32,767. Unsigned weights are added in 32 bits: slower,
    but right. Weights that are multiplied in float are none of these; ONNX Runtime breaks on those
    with many scales and no zero point when it is told to make them unsigned, though not on weights
    of int8 products, which lack zero points where they come from TensorFlow Lite.
    """
    rounds = any(node.op_type in _ROUNDING for node in model.graph.graph.all_nodes())
    return rounds and any(
        constant.dtype == ir.DataType.INT8
        and len(constant.shape) > 1
        and bool((np.abs(constant.numpy().astype(np.int16)) > _MOST).any())
        for graph in model.graph.graphs()
        for value in graph.initializers.values()
        if (constant := value.const_value) is not None
    )
