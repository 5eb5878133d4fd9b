"""A graph in which shapes and stored sizes of tensors are known, as far as they can be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import onnx
from onnx import inliner

from tradewind.model import Model

Shape = tuple[int, ...]

ITEM_BYTES: dict[int, float] = {
    onnx.TensorProto.DOUBLE: 8.0,
    onnx.TensorProto.INT64: 8.0,
    onnx.TensorProto.UINT64: 8.0,
    onnx.TensorProto.FLOAT16: 2.0,
    onnx.TensorProto.BFLOAT16: 2.0,
    onnx.TensorProto.INT16: 2.0,
    onnx.TensorProto.UINT16: 2.0,
    onnx.TensorProto.INT8: 1.0,
    onnx.TensorProto.UINT8: 1.0,
    onnx.TensorProto.BOOL: 1.0,
    onnx.TensorProto.INT4: 0.5,
    onnx.TensorProto.UINT4: 0.5,
}
"""Bytes of one number; what is not named takes 4."""


@dataclass(frozen=True)
class Shaped:
    """A graph with what is known of its tensors.

    Args:
        graph: what shape inference made of it.
        weights: shapes of the initializers.
        shapes: of every tensor whose sizes are all known, the weights included.
        types: element types as ONNX numbers them, likewise.
    """

    graph: onnx.GraphProto
    weights: dict[str, Shape]
    shapes: dict[str, Shape]
    types: dict[str, int]
    constants: frozenset[str] = field(default_factory=frozenset)

    def bytes_of(self, name: str, float_bytes: float = 4.0) -> float:
        """Return the size of a tensor; 0 when its shape is unknown.

        Args:
            name: of the tensor.
            float_bytes: what a float32 takes when the engine stores it in another format.
        """
        shape, kind = self.shapes.get(name), self.types.get(name, onnx.TensorProto.FLOAT)
        if shape is None:
            return 0.0
        size = float_bytes if kind == onnx.TensorProto.FLOAT else ITEM_BYTES.get(kind, 4.0)
        return prod(shape) * size


def shaped(model: Model, inputs: Mapping[str, Shape] | None = None) -> Shaped:
    """Infer all shapes.

    Args:
        model: what is looked at.
        inputs: shapes of what goes in; symbolic batch sizes are taken as 1 where it is None.
    """
    proto = onnx.load_model_from_string(model.content)
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    _fix_inputs(proto, inputs or {})
    proto = onnx.shape_inference.infer_shapes(proto, data_prop=True)
    weights = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]
    }
    types |= {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    return Shaped(proto.graph, weights, _shapes(proto) | weights, types, _constants(proto.graph))


def _fix_inputs(proto: onnx.ModelProto, inputs: Mapping[str, Shape]) -> None:
    for value in proto.graph.input:
        dims = value.type.tensor_type.shape.dim
        for dim, size in zip(dims, inputs.get(value.name, ()), strict=False):
            dim.dim_value = size
        if dims and not dims[0].HasField("dim_value"):
            dims[0].dim_value = 1
    for value in [*proto.graph.output, *proto.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim[: None if inputs else 1]:
            if dim.HasField("dim_param"):
                dim.Clear()


def _shapes(proto: onnx.ModelProto) -> dict[str, Shape]:
    found = {}
    for value in [*proto.graph.input, *proto.graph.value_info, *proto.graph.output]:
        dims = value.type.tensor_type.shape.dim
        if value.type.tensor_type.HasField("shape") and all(
            dim.HasField("dim_value") for dim in dims
        ):
            found[value.name] = tuple(dim.dim_value for dim in dims)
    return found


def _constants(graph: onnx.GraphProto) -> frozenset[str]:
    """Return what can be computed before any input is known, which engines do."""
    found = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        inputs = [name for name in node.input if name]
        if node.op_type.startswith(("Random", "Bernoulli", "Multinomial")):
            continue
        has_body = any(item.HasField("g") for item in node.attribute)
        if not has_body and all(name in found for name in inputs):
            found.update(node.output)
    return frozenset(found)
