"""The whole way from a TensorFlow Lite file to an ONNX model."""

from collections.abc import Sequence

import onnx
from onnx import helper

from . import contracting, elementwise, picking, recurrent, shaping, spatial
from .reading import LiteFile, Tensor
from .writing import Names, Writer

_OPSET = 20
_IR_VERSION = 9


def convert(file: LiteFile, output_shapes: Sequence[tuple[int, ...]] | None) -> onnx.ModelProto:
    """Return the graph of a file, with the public names of its inputs and outputs.

    Args:
        file: what was read.
        output_shapes: where the number of examples may vary, what the outputs' shapes are; None
            where sizes that the file leaves open are 1.

    Raises:
        ValueError: it holds an operator that is not known here.
    """
    graph = file.graphs[0]
    writer = Writer(graph, file, Names({*file.input_names, *file.output_names}))
    inputs = []
    for index, name in zip(graph.inputs, file.input_names, strict=True):
        writer.put_raw(index, name)
        shape = graph.tensors[index].shape
        inputs.append(_described(graph.tensors[index], name, shape, output_shapes is not None))
    _convert(writer)
    outputs = []
    for position, (index, name) in enumerate(zip(graph.outputs, file.output_names, strict=True)):
        writer.nodes.append(helper.make_node("Identity", [writer.raw(index)], [name]))
        tensor = graph.tensors[index]
        shape = tensor.shape if output_shapes is None else output_shapes[position]
        outputs.append(_described(tensor, name, shape, output_shapes is not None))
    proto = helper.make_graph(writer.nodes, "tflite", inputs, outputs, writer.initializers)
    opsets = [helper.make_opsetid("", _OPSET)]
    return helper.make_model(
        _tidied(proto), opset_imports=opsets, ir_version=_IR_VERSION, producer_name="tradewind"
    )


def _convert(writer: Writer) -> None:
    for operator in writer.graph.operators:
        step = _OPERATORS.get(operator.code)
        if step is None:
            hint = "convert the original model another way, for example to a SavedModel."
            raise ValueError("operators that can be imported", operator.code, hint)
        step(writer, operator)


_OPERATORS: dict[str, elementwise.Step] = {
    **elementwise.OPERATORS,
    **shaping.OPERATORS,
    **picking.OPERATORS,
    **spatial.OPERATORS,
    **contracting.OPERATORS,
    **recurrent.OPERATORS,
    "WHILE": recurrent.loop(_convert),
}


def _described(
    tensor: Tensor, name: str, shape: Sequence[int], is_free: bool
) -> onnx.ValueInfoProto:
    kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
    sizes = [size if size >= 0 else ("N" if is_free else 1) for size in shape]
    return helper.make_tensor_value_info(name, kind, sizes)


def _tidied(graph: onnx.GraphProto) -> onnx.GraphProto:
    """Let operators write outputs themselves, and drop what nobody needs."""
    used: dict[str, int] = {}
    for node in _all_nodes(graph):
        for name in node.input:
            used[name] = used.get(name, 0) + 1
    makers = {name: node for node in graph.node for name in node.output}
    kept = []
    for node in graph.node:
        source = node.input[0] if node.op_type == "Identity" else ""
        maker = makers.get(source)
        is_last = node.output[0] in {output.name for output in graph.output}
        if is_last and maker is not None and used[source] == 1:
            maker.output[list(maker.output).index(source)] = node.output[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)
    _drop_unused(graph)
    return graph


def _drop_unused(graph: onnx.GraphProto) -> None:
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(name for inner in _within(node) for name in inner.input)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)


def _all_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [inner for node in graph.node for inner in _within(node)]


def _within(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return an operator with those in its body."""
    inner = [
        part
        for attribute in node.attribute
        if attribute.HasField("g")
        for part in _all_nodes(attribute.g)
    ]
    return [node, *inner]
