"""Layers with a memory, and loops."""

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper

from .elementwise import Step
from .hybrid import real_values
from .limited import Cell, limited
from .reading import Array, Graph, Operator
from .writing import Writer

_GATES = (0, 3, 1, 2)
"""ONNX has input, output, forget, cell; the file input, forget, cell, output."""


def _lstm(writer: Writer, operator: Operator) -> None:
    """Add a whole sequence; projections, peepholes and normalized layers are left to others."""
    options, source = operator.options, operator.inputs[0]
    if any(operator.input(i) >= 0 for i in (9, 10, 11, 16, 17, 20, 21, 22, 23)):
        raise ValueError("an LSTM as Keras makes it", "one with peepholes or projections", "")
    if options.fusedActivationFunction != schema.ActivationFunctionType.TANH:
        raise ValueError("an LSTM as Keras makes it", "one without tanh", "")
    if operator.input(1) < 0:
        raise ValueError("an LSTM as Keras makes it", "one with coupled gates", "")
    weights, recurrent, bias = (
        np.concatenate([_plain(writer, operator.inputs[first + gate]) for gate in _GATES])
        for first in (1, 5, 12)
    )
    sequence = writer.real(source)
    if not options.timeMajor:
        sequence = writer.node("Transpose", [sequence], perm=(1, 0, 2))
    frames = writer.tensor(source).shape[0 if options.timeMajor else 1]
    # every frame adds 1 to the memory at most, so that a limit is reached by as many
    if not options.cellClip or 0 <= frames <= options.cellClip:
        outputs = _unlimited(writer, sequence, weights, recurrent, bias)
    else:
        cell = Cell(weights, recurrent, bias, float(options.cellClip))
        outputs = limited(writer, sequence, cell)
    (output,) = operator.outputs
    name = writer.output_name(output)
    if not options.timeMajor:
        outputs = writer.node("Transpose", [outputs], name, perm=(1, 0, 2))
    writer.put(output, outputs)


def _unlimited(writer: Writer, sequence: str, weights: Array, recurrent: Array, bias: Array) -> str:
    outputs = writer.node(
        "LSTM",
        [
            sequence,
            writer.constant(weights[None], "weights"),
            writer.constant(recurrent[None], "recurrent"),
            writer.constant(np.concatenate([bias, np.zeros_like(bias)])[None], "bias"),
        ],
        hidden_size=recurrent.shape[1],
    )  # [time, 1, batch, units]
    return writer.node("Squeeze", [outputs, writer.integers([1])])


def _plain(writer: Writer, index: int) -> Any:
    tensor = writer.tensor(index)
    if tensor.constant is None:
        hint = "convert the model again with its weights inside."
        raise ValueError("an LSTM with known weights", tensor.name, hint)
    return real_values(tensor)


def loop(convert: Callable[[Writer], None]) -> Step:
    """Return the step for loops.

    Args:
        convert: adds all operators of a graph.
    """

    def step(writer: Writer, operator: Operator) -> None:
        condition = writer.file.graphs[operator.options.condSubgraphIndex]
        body = writer.file.graphs[operator.options.bodySubgraphIndex]
        state = [writer.raw(index) for index in operator.inputs]
        first = _inlined(writer, condition, state, convert)[0]
        turn = _body(writer, body, condition, convert)
        names = [writer.named(output) for output in operator.outputs]
        outputs = writer.split("Loop", ["", first, *state], names, body=turn)
        for output, value in zip(operator.outputs, outputs, strict=True):
            writer.put_raw(output, value)

    return step


def _inlined(
    writer: Writer, graph: Graph, inputs: list[str], convert: Callable[[Writer], None]
) -> list[str]:
    """Add the operators of another graph to this one; return what comes out."""
    inner = Writer(graph, writer.file, writer.names, writer.names.new("loop") + "/")
    for index, value in zip(graph.inputs, inputs, strict=True):
        inner.put_raw(index, value)
    convert(inner)
    found = [inner.raw(index) for index in graph.outputs]
    writer.nodes.extend(inner.nodes)
    writer.initializers.extend(inner.initializers)
    return found


def _body(writer: Writer, body: Graph, condition: Graph, convert: Callable[[Writer], None]) -> Any:
    """Return one turn of a loop as ONNX has it: number, condition and state in, the same out."""
    turn = Writer(body, writer.file, writer.names, writer.names.new("turn") + "/")
    number, again = turn.names.new("turn_number"), turn.names.new("turn_again")
    inputs = [
        helper.make_tensor_value_info(number, TensorProto.INT64, []),
        helper.make_tensor_value_info(again, TensorProto.BOOL, []),
    ]
    for index in body.inputs:
        tensor = turn.tensor(index)
        name = turn.names.new(turn.named(index))
        kind = helper.np_dtype_to_tensor_dtype(tensor.dtype)
        inputs.append(helper.make_tensor_value_info(name, kind, None))
        turn.put_raw(index, name)
    convert(turn)
    state = [turn.node("Identity", [turn.raw(index)]) for index in body.outputs]
    test = _inlined(turn, condition, state, convert)[0]
    test = turn.node("Reshape", [test, turn.integers([])])
    outputs = [helper.make_tensor_value_info(test, TensorProto.BOOL, [])]
    for index, name in zip(body.outputs, state, strict=True):
        kind = helper.np_dtype_to_tensor_dtype(turn.tensor(index).dtype)
        outputs.append(helper.make_tensor_value_info(name, kind, None))
    return helper.make_graph(turn.nodes, "turn", inputs, outputs, turn.initializers)


OPERATORS: dict[str, Step] = {"UNIDIRECTIONAL_SEQUENCE_LSTM": _lstm}
