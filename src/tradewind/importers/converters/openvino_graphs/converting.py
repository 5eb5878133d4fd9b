"""A whole OpenVINO graph rewritten as ONNX."""

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import openvino as ov
from onnx import helper

from .arithmetic import ARITHMETIC, Converter
from .layers import LAYERS
from .normalizing import NORMALIZING
from .picking import PICKING
from .quantized import QUANTIZED, compressed_weights
from .rearranging import REARRANGING
from .sequences import SEQUENCES
from .writing import (
    MAX_FOLDED,
    OPSET,
    Array,
    Operation,
    Writer,
    key_of,
    numpy_type,
    onnx_type,
    preferred,
    refused,
    sizes,
)

OPERATORS: dict[str, Converter] = {
    **ARITHMETIC, **REARRANGING, **PICKING, **LAYERS, **NORMALIZING, **SEQUENCES, **QUANTIZED,
}  # fmt: skip
"""Every operator that can be converted, by OpenVINO's names."""

_FRAME = ("Parameter", "Constant", "Result")
_UNFOLDED = ("FakeQuantize", "RandomUniform")


def to_onnx(graph: ov.Model) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Rewrite a graph; return it with OpenVINO's outputs by their names in ONNX.

    Args:
        graph: stays as it is.

    Raises:
        ValueError: it holds an operator that has no converter, or one set up in a way that ONNX
            does not know.
    """
    nodes = list(graph.get_ordered_ops())
    _check_operators(nodes)
    writer = Writer(any(node.get_type_name() == "FakeQuantize" for node in nodes))
    for node in nodes:
        if node.get_type_name() == "Parameter":
            output = node.output(0)
            writer.bound[key_of(output)] = writer.free(preferred(output))
    for node in nodes:
        if node.get_type_name() == "Constant":
            writer.known[key_of(node.output(0))] = _constant(node)
        elif node.get_type_name() not in _FRAME and node.get_name() not in writer.done:
            _convert(node, writer)
    proto = _assembled(graph, writer)
    by_name = {
        writer.bound[key_of(output)]: output
        for node in nodes
        for output in node.outputs()
        if key_of(output) in writer.bound
    }
    return proto, by_name


def _check_operators(nodes: list[Any]) -> None:
    kinds = {str(node.get_type_name()) for node in nodes} - set(OPERATORS) - set(_FRAME)
    if kinds:
        raise refused(
            "operators that can be rewritten as ONNX",
            ", ".join(sorted(kinds)),
            "give the model that it was made from, or its ONNX file.",
        )


def _constant(node: Any) -> Array:
    type_name = str(node.get_output_element_type(0).get_type_name())
    if type_name in ("u4", "i4"):
        return _unpacked(node, is_signed=type_name == "i4")
    if type_name == "string" or type_name in ("nf4", "u1", "u2", "u3", "u6") or "f8" in type_name:
        got = f"a constant of {type_name}"
        raise refused("numbers that ONNX has", f"{got} ({node.get_friendly_name()})")
    return _viewed(np.asarray(node.data), type_name)


def _unpacked(node: Any, *, is_signed: bool) -> Array:
    """Return integers of four bits, two to a byte, the lower half first."""
    packed = np.asarray(node.get_data()).view(np.uint8).ravel()
    halves = np.stack([packed & 15, packed >> 4], axis=1).ravel()
    shape = tuple(node.get_output_shape(0))
    found = halves[: int(np.prod(shape, dtype=int))].reshape(shape)
    return (
        np.where(found > 7, found.astype(np.int8) - 16, found).astype(np.int8)
        if is_signed
        else found
    )


def _viewed(array: Array, type_name: str) -> Array:
    """Return an array as what it is: OpenVINO shows bfloat16 as float16."""
    if type_name == "bf16" and array.dtype == np.float16:
        return array.view(ml_dtypes.bfloat16)
    return array.astype(numpy_type(type_name), copy=False)


def _convert(node: Any, writer: Writer) -> None:
    op = Operation(node, writer)
    start = len(writer.nodes)
    names: str | list[str] | None = compressed_weights(op)
    if names is None and _fold(op):
        return
    if names is None:
        names = OPERATORS[op.kind](op)
    writer.bind(node, [names] if isinstance(names, str) else names, start)


def _fold(op: Operation) -> bool:
    """Compute an operator whose inputs are all known; say whether that was possible."""
    if op.kind == "ShapeOf":
        shape = op.shape(0)
        if shape is None or None in shape:
            return False
        found = np.asarray(shape, numpy_type(op.output_type()))
        op.writer.known[key_of(op.node.output(0))] = found
        return True
    values = [op.known(index) for index in range(op.count)]
    if op.kind in _UNFOLDED or any(value is None for value in values):
        return False
    outputs = op.node.outputs()
    if any(output.get_partial_shape().is_dynamic for output in outputs):
        return False
    if (
        sum(int(np.prod(tuple(output.get_shape()), dtype=object)) for output in outputs)
        > MAX_FOLDED
    ):
        raise op.refused(f"constants of at most {MAX_FOLDED} elements", "more")
    results = [ov.Tensor(output.get_element_type(), output.get_shape()) for output in outputs]
    if op.kind == "Convert" and values[0] is not None:  # four bits are unpacked here already
        op.writer.known[key_of(outputs[0])] = values[0].astype(numpy_type(op.output_type()))
        return True
    inputs = [
        _tensor(value, op.node.get_input_element_type(index))
        for index, value in enumerate(values)
        if value is not None
    ]
    try:
        is_done = op.node.evaluate(results, inputs)
    except (RuntimeError, TypeError):  # no reference implementation
        return False
    if is_done:
        for index, (output, tensor) in enumerate(zip(outputs, results, strict=True)):
            array = _viewed(np.array(tensor.data), op.output_type(index))
            op.writer.known[key_of(output)] = array
    return bool(is_done)


def _tensor(value: Array, element_type: Any) -> ov.Tensor:
    tensor = ov.Tensor(element_type, ov.Shape(value.shape))
    array = tensor.data
    array[...] = value.view(np.float16) if value.dtype == ml_dtypes.bfloat16 else value
    return tensor


def _assembled(graph: ov.Model, writer: Writer) -> onnx.ModelProto:
    inputs = [_value(writer.bound[key_of(port)], port) for port in _ports(graph)]
    outputs, given = [], {value.name for value in inputs}
    for result in graph.get_results():
        source = result.input_value(0)
        name, wanted = writer.name(source), preferred(source)
        if name in given or name in writer.initializers or name != wanted:
            name = writer.free(wanted)
            writer.nodes.append(helper.make_node("Identity", [writer.name(source)], [name], name))
        given.add(name)
        outputs.append(_value(name, source))
    _prune(writer, {value.name for value in outputs})
    made = helper.make_graph(
        writer.nodes,
        graph.get_friendly_name() or "model",
        inputs,
        outputs,
        list(writer.initializers.values()),
    )
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8, producer_name="tradewind")


def _ports(graph: ov.Model) -> list[Any]:
    return [parameter.output(0) for parameter in graph.get_parameters()]


def _value(name: str, output: Any) -> onnx.ValueInfoProto:
    kind = onnx_type(str(output.get_element_type().get_type_name()))
    return helper.make_tensor_value_info(name, kind, sizes(output.get_partial_shape()))


def _prune(writer: Writer, wanted: set[str]) -> None:
    """Drop what nothing needs, such as weights that were turned around."""
    kept = []
    for node in reversed(writer.nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    writer.nodes[:] = reversed(kept)
    for name in [name for name in writer.initializers if name not in wanted]:
        del writer.initializers[name]
