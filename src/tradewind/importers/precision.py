"""Graphs that compute in double precision and are handed float32."""

import onnx
from onnx import TensorProto, helper


def take_floats(proto: onnx.ModelProto) -> None:
    """Let a graph take and give float32 in place of float64.

    scikit-learn scales in float64, and a boosted tree may compare with the very number that came
    out: in float32 rows would end in other leaves.

    Args:
        proto: changed.
    """
    graph = proto.graph
    before, after = [], []
    for value in graph.input:
        if _is_double(value):
            inner = f"{value.name}/double"
            _rename(graph, value.name, inner)
            before.append(helper.make_node("Cast", [value.name], [inner], to=TensorProto.DOUBLE))
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for value in graph.output:
        if _is_double(value):
            inner = f"{value.name}/double"
            _rename(graph, value.name, inner)
            after.append(helper.make_node("Cast", [inner], [value.name], to=TensorProto.FLOAT))
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    nodes = [*before, *graph.node, *after]
    del graph.node[:]
    graph.node.extend(nodes)


def _is_double(value: onnx.ValueInfoProto) -> bool:
    return value.type.tensor_type.elem_type == TensorProto.DOUBLE


def _rename(graph: onnx.GraphProto, name: str, wanted: str) -> None:
    for node in graph.node:
        node.input[:] = [wanted if one == name else one for one in node.input]
        node.output[:] = [wanted if one == name else one for one in node.output]
