"""What a graph costs on paper: parameters, multiplications, bytes."""

from collections import Counter
from dataclasses import dataclass
from math import prod

import onnx

from tradewind.model import Model

_ITEM_BYTES = {
    onnx.TensorProto.DOUBLE: 8,
    onnx.TensorProto.INT64: 8,
    onnx.TensorProto.UINT64: 8,
    onnx.TensorProto.FLOAT16: 2,
    onnx.TensorProto.BFLOAT16: 2,
    onnx.TensorProto.INT16: 2,
    onnx.TensorProto.UINT16: 2,
    onnx.TensorProto.INT8: 1,
    onnx.TensorProto.UINT8: 1,
    onnx.TensorProto.BOOL: 1,
}

Shape = tuple[int, ...]


@dataclass(frozen=True)
class GraphCost:
    """What one example costs on paper.

    Args:
        parameters: numbers in all weights.
        weight_bytes: size of all weights.
        macs: multiply-accumulate operations of convolutions, matrix products and recurrent
            cells; None when a shape that they need is unknown.
        activation_bytes: every tensor between two operators, written once.
        operators: how often each operator occurs, the most frequent first.
    """

    parameters: int
    weight_bytes: int
    macs: int | None
    activation_bytes: int
    operators: dict[str, int]

    @property
    def arithmetic_intensity(self) -> float | None:
        """Operations per byte moved, 2 * MACs / (weights + activations)."""
        moved = self.weight_bytes + self.activation_bytes
        return None if self.macs is None or not moved else 2 * self.macs / moved


def graph_cost(model: Model) -> GraphCost:
    """Count what one example costs; symbolic batch sizes are taken as 1."""
    proto = onnx.load_model_from_string(model.content)
    _fix_batch(proto)
    proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    weights = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    shapes = weights | _shapes(proto)
    counted = [_macs(node, shapes) for node in proto.graph.node if node.op_type in _COUNTED]
    known = [macs for macs in counted if macs is not None]
    return GraphCost(
        parameters=sum(prod(shape) for shape in weights.values()),
        weight_bytes=sum(
            prod(tensor.dims) * _ITEM_BYTES.get(tensor.data_type, 4)
            for tensor in proto.graph.initializer
        ),
        macs=sum(known) if len(known) == len(counted) else None,
        activation_bytes=_activation_bytes(proto),
        operators=dict(Counter(node.op_type for node in proto.graph.node).most_common()),
    )


def _fix_batch(proto: onnx.ModelProto) -> None:
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
    for value in [*proto.graph.output, *proto.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim[:1]:
            if dim.HasField("dim_param"):
                dim.Clear()


def _shapes(proto: onnx.ModelProto) -> dict[str, Shape]:
    found = {}
    for value in [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]:
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            found[value.name] = tuple(dim.dim_value for dim in dims)
    return found


def _activation_bytes(proto: onnx.ModelProto) -> int:
    total = 0
    for value in [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]:
        tensor = value.type.tensor_type
        if all(dim.HasField("dim_value") for dim in tensor.shape.dim):
            size = prod(dim.dim_value for dim in tensor.shape.dim)
            total += size * _ITEM_BYTES.get(tensor.elem_type, 4)
    return total


_COUNTED = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "RNN")


def _macs(node: onnx.NodeProto, shapes: dict[str, Shape]) -> int | None:
    data, weight = shapes.get(node.input[0]), shapes.get(node.input[1])
    out = shapes.get(node.output[0]) if node.output else None
    if data is None or weight is None:
        return None
    if node.op_type in ("LSTM", "GRU", "RNN"):  # weight [directions, gates * hidden, input]
        hidden = shapes.get(node.input[2])
        return None if hidden is None else data[0] * data[1] * (prod(weight) + prod(hidden))
    if node.op_type == "ConvTranspose":  # every input value meets [out / group, *kernel]
        return prod(data) * prod(weight[1:])
    if out is None:
        return None
    if node.op_type == "Conv":  # every output value meets [in / group, *kernel]
        return prod(out) * prod(weight[1:])
    if node.op_type == "Gemm":
        transposed = any(item.name == "transA" and item.i for item in node.attribute)
        return prod(out) * data[0 if transposed else -1]
    return prod(out) * data[-1]
