"""The groups of layers that a roofline tells apart."""

from collections.abc import Collection
from enum import StrEnum

import onnx

from tradewind.measure.multiplications import operands
from tradewind.measure.shaping import Shaped


class LayerGroup(StrEnum):
    """What a layer does, as far as its limit depends on it; heavier ones come first."""

    CONVOLUTION = "convolution"
    DEPTHWISE = "depthwise convolution"
    DENSE = "dense"
    ATTENTION = "attention"
    RECURRENT = "recurrent"
    EMBEDDING = "embedding"
    TREES = "trees"
    ELEMENTWISE = "normalization and elementwise"
    MOVEMENT = "data movement"
    OTHER = "other"


_CONVOLUTIONS = ("Conv", "ConvTranspose", "QLinearConv", "ConvInteger", "DeformConv", "FusedConv")
_RECURRENT = ("LSTM", "GRU", "RNN")
_ATTENTION = ("Attention", "MultiHeadAttention", "GroupQueryAttention", "QAttention")
_PRODUCTS = ("MatMul", "Gemm", "QLinearMatMul", "MatMulInteger", "Einsum", "FusedMatMul")

_MOVEMENT = frozenset(
    (
        *("Transpose", "Concat", "Slice", "Split", "Pad", "Gather", "GatherElements", "GatherND"),
        *("Expand", "Tile", "DepthToSpace", "SpaceToDepth", "ScatterND", "ScatterElements"),
        *("Compress", "ReverseSequence", "Shape", "Size", "Range", "ConstantOfShape", "NonZero"),
        *("OneHot", "Trilu", "Unique", "TopK", "EyeLike", "Scatter", "TensorScatter"),
    )
)
VIEWS = frozenset(("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout"))
"""Another way to look at the same memory: nothing is moved."""

POINTWISE = frozenset(
    (
        *("Relu", "LeakyRelu", "PRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish"),
        *("Elu", "Selu", "Celu", "Softplus", "Softsign", "Gelu", "Mish", "Swish", "Erf", "Exp"),
        *("Log", "Sqrt", "Neg", "Abs", "Reciprocal", "Pow", "Add", "Sub", "Mul", "Div", "Min"),
        *("Max", "Sum", "Mean", "Mod", "Where", "Cast", "CastLike", "Sign", "Floor", "Ceil"),
        *("Round", "Sin", "Cos", "Tan", "Equal", "Greater", "GreaterOrEqual", "Less", "Not"),
        *("LessOrEqual", "And", "Or", "Xor", "IsNaN", "IsInf", "ThresholdedRelu", "Shrink"),
        *("BatchNormalization", "QuantizeLinear", "BitShift", "BitwiseAnd", "BitwiseOr"),
        *("FastGelu", "QuickGelu", "BiasGelu"),
    )
)
"""Each number depends on those at the same place, so it is computed while they are at hand."""

ROWWISE = frozenset(
    (
        *("LayerNormalization", "RMSNormalization", "GroupNormalization", "Softmax", "LogSoftmax"),
        *("InstanceNormalization", "LpNormalization", "MeanVarianceNormalization", "Hardmax"),
        *("SkipLayerNormalization", "SimplifiedLayerNormalization", "DynamicQuantizeLinear"),
        *("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare"),
        *("ReduceL1", "ReduceLogSumExp", "ReduceLogSum", "ReduceProd", "CumSum", "ArgMax"),
        *("ArgMin", "Resize", "Upsample", "LRN"),
    )
)
"""They need several numbers of what came before them."""


def group_of(node: onnx.NodeProto, found: Shaped, scores: Collection[str] = ()) -> LayerGroup:
    """Return the group that a node begins.

    Args:
        node: one of `found`.
        found: the graph.
        scores: products of two activations, whose softmax is a part of attention.
    """
    kind = node.op_type
    if kind in _CONVOLUTIONS:
        return _convolution(node, found)
    if kind in _PRODUCTS:
        is_weighted = any(name in found.constants for name in operands(node))
        return LayerGroup.DENSE if is_weighted else LayerGroup.ATTENTION
    if kind in _ATTENTION or (kind == "Softmax" and node.input[0] in scores):
        return LayerGroup.ATTENTION
    if kind in _RECURRENT:
        return LayerGroup.RECURRENT
    if kind.startswith("TreeEnsemble"):
        return LayerGroup.TREES
    if kind == "Gather" and node.input[0] in found.constants:
        return LayerGroup.EMBEDDING
    if kind in _MOVEMENT or kind in VIEWS:
        return LayerGroup.MOVEMENT
    if kind in POINTWISE or kind in ROWWISE or kind == "DequantizeLinear" or "Pool" in kind:
        return LayerGroup.ELEMENTWISE
    return LayerGroup.OTHER


def _convolution(node: onnx.NodeProto, found: Shaped) -> LayerGroup:
    """Return whether each channel meets only itself: nothing is summed over channels."""
    shape = found.shapes.get(operands(node)[1])
    groups = next((item.i for item in node.attribute if item.name == "group"), 1)
    if groups == 1 or shape is None:
        return LayerGroup.CONVOLUTION
    per_group = shape[0] // groups if node.op_type == "ConvTranspose" else shape[1]
    return LayerGroup.DEPTHWISE if per_group == 1 else LayerGroup.CONVOLUTION
