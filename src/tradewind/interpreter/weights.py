"""Which tensors of a graph are weights, and how they are written back."""

from dataclasses import dataclass
from typing import final

import ml_dtypes
import onnx_ir as ir

from tradewind.interpreter.datatypes import FLOATS
from tradewind.tensors import Array

_WEIGHTS: dict[str, tuple[int, ...]] = {
    "Attention": (1, 2),  # of com.microsoft; ONNX's own has activations there
    "BatchNormalization": (1, 2),
    "Conv": (1, 2),
    "ConvTranspose": (1, 2),
    "DeformConv": (1, 3),
    "EmbedLayerNormalization": (2, 3, 4, 5, 6),
    "FusedConv": (1, 2),
    "FusedGemm": (0, 1, 2),
    "FusedMatMul": (0, 1),
    "GRU": (1, 2, 3),
    "Gather": (0,),
    "Gemm": (0, 1, 2),
    "GroupNormalization": (1, 2),
    "InstanceNormalization": (1, 2),
    "LSTM": (1, 2, 3, 7),
    "LayerNormalization": (1, 2),
    "MatMul": (0, 1),
    "PRelu": (1,),
    "RMSNormalization": (1,),
    "RNN": (1, 2, 3),
    "SimplifiedLayerNormalization": (1,),
    "SkipLayerNormalization": (2, 3, 4),
    "SkipSimplifiedLayerNormalization": (2, 3),
}
"""Positions of inputs that are weights of whatever size."""

_CARRIED: dict[str, tuple[int, ...]] = {
    "Add": (0, 1),
    "BiasGelu": (1,),
    "Cast": (0,),
    "Concat": tuple(range(64)),
    "Div": (0, 1),
    "Einsum": (0, 1, 2),
    "Expand": (0,),
    "Flatten": (0,),
    "Identity": (0,),
    "Mul": (0, 1),
    "Reshape": (0,),
    "Slice": (0,),
    "Split": (0,),
    "Squeeze": (0,),
    "Sub": (0, 1),
    "Sum": tuple(range(64)),
    "Transpose": (0,),
    "Unsqueeze": (0,),
}
"""Positions of inputs that are weights where they hold more than one number; a single one is
taken for a constant of a formula."""


WHOLE = (
    ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16, ir.DataType.UINT16,
    ir.DataType.INT32, ir.DataType.INT4, ir.DataType.UINT4,
)  # fmt: skip
"""Types that stand for real numbers in quantized graphs."""


@final
@dataclass(frozen=True)
class Steps:
    """How whole numbers in a graph stand for real ones.

    Args:
        scale: the name of the step sizes.
        zero: the name of the numbers that stand for 0; empty when they are 0.
        axis: the dimension that step sizes belong to, where there are several.
        block: how many elements along the axis share a step size; 0 for one step for each.
    """

    scale: str
    zero: str
    axis: int
    block: int


@final
@dataclass(frozen=True)
class Weight:
    """A tensor of the graph that may be trained.

    Args:
        name: of the initializer, or of the output of the Constant node.
        steps: where whole numbers are kept; None for floating point.
    """

    name: str
    steps: Steps | None = None


def find_weights(graph: ir.Graph) -> list[Weight]:
    """Return the weights of a graph, also those that only graphs inside it use."""
    found: dict[str, Weight] = {}
    for node in graph.all_nodes():
        for value in [*node.inputs, *(node.outputs if node.op_type == "Constant" else ())]:
            if value is not None and value.name and value.name not in found:
                weight = _weight(value) if tensor_of(value) is not None else None
                if weight is not None:
                    found[value.name] = weight
    return list(found.values())


def tensor_of(value: ir.Value) -> ir.TensorProtocol | None:
    """Return the tensor that a value always is: of an initializer or of a Constant node."""
    producer = value.producer()
    if producer is None:
        return value.const_value if value.is_initializer() else None
    attribute = producer.attributes.get("value") if producer.op_type == "Constant" else None
    return None if attribute is None else attribute.as_tensor()


def replace_tensor(value: ir.Value, array: Array) -> None:
    """Put other numbers of the same type where a value has its tensor."""
    old = tensor_of(value)
    assert old is not None
    assert tuple(array.shape) == tuple(old.shape), value.name
    new = ir.Tensor(array.astype(old.dtype.numpy()), dtype=old.dtype, name=old.name)
    producer = value.producer()
    if producer is None:
        value.const_value = new
    else:
        producer.attributes["value"] = ir.AttrTensor("value", new)


def _weight(value: ir.Value) -> Weight | None:
    """Return what a constant tensor is as a weight; None where it is none."""
    tensor, uses = tensor_of(value), value.uses()
    assert tensor is not None
    name = value.name or ""
    if not uses or value.is_graph_output():
        return None
    if tensor.dtype in FLOATS:
        allowed = all(_is_weight(node, at, tensor.size) for node, at in uses)
        return Weight(name) if allowed else None
    if tensor.dtype not in WHOLE:
        return None
    steps = {_steps(node, at) for node, at in uses}
    only = steps.pop() if len(steps) == 1 else None
    return None if only is None else Weight(name, only)


def _is_weight(node: ir.Node, at: int, size: int) -> bool:
    if node.op_type == "Attention" and node.domain != "com.microsoft":
        return False
    return at in _WEIGHTS.get(node.op_type, ()) or (
        size > 1 and at in _CARRIED.get(node.op_type, ())
    )


def _steps(node: ir.Node, at: int) -> Steps | None:
    """Return how a DequantizeLinear reads its first input, if it is a constant one."""
    if node.op_type != "DequantizeLinear" or at != 0:
        return None
    parts = [*node.inputs[1:], None][:2]
    if any(part is not None and tensor_of(part) is None for part in parts):
        return None
    scale, zero = ("" if part is None else part.name or "" for part in parts)
    axis, block = (node.attributes.get(name) for name in ("axis", "block_size"))
    return Steps(
        scale, zero, 1 if axis is None else axis.as_int(), 0 if block is None else block.as_int()
    )


def limits(datatype: ir.DataType) -> tuple[int, int]:
    """Return the smallest and the largest whole number of a type."""
    info = ml_dtypes.iinfo(datatype.numpy())  # type: ignore[no-untyped-call]
    return int(info.min), int(info.max)
