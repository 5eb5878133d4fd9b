"""Operators that treat every element on its own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import helper

from .reading import Operator
from .writing import Layout, Writer

Step = Callable[[Writer, Operator], None]
"""Adds one operator of the file to the graph."""


def activated(writer: Writer, value: str, function: int, name: str) -> str:
    """Add the activation that the file has fused into an operator.

    Raises:
        ValueError: it is one that no other operator has.
    """
    kinds = schema.ActivationFunctionType
    if function == kinds.NONE:
        return value
    if function == kinds.RELU:
        return writer.node("Relu", [value], name)
    if function == kinds.TANH:
        return writer.node("Tanh", [value], name)
    limits = {kinds.RELU6: (0.0, 6.0), kinds.RELU_N1_TO_1: (-1.0, 1.0)}
    if function not in limits:
        hint = "convert the model again with the activation as an operator of its own."
        raise ValueError("an activation that is known", f"number {function}", hint)
    return clipped(writer, value, *limits[function], name)


def clipped(writer: Writer, value: str, low: float, high: float, name: str) -> str:
    """Add limits to float32 numbers."""
    limits = [writer.constant(np.float32(low), "low"), writer.constant(np.float32(high), "high")]
    return writer.node("Clip", [value, *limits], name)


def fused(operator: Operator) -> int:
    """Return the activation that is fused into an operator."""
    return int(getattr(operator.options, "fusedActivationFunction", 0))


def result_name(writer: Writer, operator: Operator, layout: Layout = "last") -> str:
    """Return what to call the result of an operator, before its fused activation if it has one."""
    name = writer.output_name(operator.outputs[0], layout)
    return f"{name}:linear" if fused(operator) else name


def finish(writer: Writer, operator: Operator, value: str, layout: Layout = "last") -> None:
    """Put the result of an operator after its fused activation."""
    (output,) = operator.outputs[:1]
    value = activated(writer, value, fused(operator), writer.output_name(output, layout))
    writer.put(output, value, layout)


def elementwise(op: str, **attributes: Any) -> Step:
    """Return the step for an operator that ONNX has too, broadcasting alike."""

    def step(writer: Writer, operator: Operator) -> None:
        layout = writer.layout(operator.inputs)
        inputs = [writer.real(index, layout) for index in operator.inputs]
        name = result_name(writer, operator, layout)
        finish(writer, operator, writer.node(op, inputs, name, **attributes), layout)

    return step


def composed(function: Callable[[Writer, Sequence[str], str], str]) -> Step:
    """Return the step for an operator that takes several in ONNX."""

    def step(writer: Writer, operator: Operator) -> None:
        layout = writer.layout(operator.inputs)
        inputs = [writer.real(index, layout) for index in operator.inputs]
        name = result_name(writer, operator, layout)
        finish(writer, operator, function(writer, inputs, name), layout)

    return step


def _square(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return writer.node("Mul", [inputs[0], inputs[0]], name)


def _squared_difference(writer: Writer, inputs: Sequence[str], name: str) -> str:
    difference = writer.node("Sub", inputs, f"{name}:difference")
    return writer.node("Mul", [difference, difference], name)


def _rsqrt(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return writer.node("Reciprocal", [writer.node("Sqrt", inputs, f"{name}:root")], name)


def _floor_div(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return writer.node("Floor", [writer.node("Div", inputs, f"{name}:quotient")], name)


def _floor_mod(writer: Writer, inputs: Sequence[str], name: str) -> str:
    # a - floor(a / b) * b has the sign of b, as in Python
    quotient = writer.node("Div", inputs, f"{name}:quotient")
    whole = writer.node("Mul", [writer.node("Floor", [quotient]), inputs[1]])
    return writer.node("Sub", [inputs[0], whole], name)


def _relu_n1_to_1(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return clipped(writer, inputs[0], -1.0, 1.0, name)


def _relu6(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return clipped(writer, inputs[0], 0.0, 6.0, name)


def _relu_0_to_1(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return clipped(writer, inputs[0], 0.0, 1.0, name)


def _not_equal(writer: Writer, inputs: Sequence[str], name: str) -> str:
    return writer.node("Not", [writer.node("Equal", inputs)], name)


def _zeros(writer: Writer, inputs: Sequence[str], name: str) -> str:
    shape = writer.node("Shape", inputs)
    zero = writer.node("ConstantOfShape", [shape])
    return writer.node("CastLike", [zero, inputs[0]], name)


def _integer_floor(only_float: Callable[[Writer, Sequence[str], str], str], op: str) -> Step:
    """Return the step for a division that rounds down, which ONNX's does for floats alone."""
    floats = composed(only_float)

    def step(writer: Writer, operator: Operator) -> None:
        kind = writer.tensor(operator.outputs[0]).dtype.kind
        if kind == "f":
            floats(writer, operator)
            return
        first, second = (writer.raw(index) for index in operator.inputs)
        name = writer.named(operator.outputs[0])
        remainder = writer.node("Mod", [first, second], name if op == "Mod" else "")
        if op == "Mod":
            writer.put_raw(operator.outputs[0], remainder)
            return
        # what is left divides without a remainder, so that it does not matter how it rounds
        exact = writer.node("Sub", [first, remainder])
        writer.put_raw(operator.outputs[0], writer.node("Div", [exact, second], name))

    return step


def _leaky_relu(writer: Writer, operator: Operator) -> None:
    elementwise("LeakyRelu", alpha=float(operator.options.alpha))(writer, operator)


def _gelu(writer: Writer, operator: Operator) -> None:
    approximate = "tanh" if operator.options.approximate else "none"
    elementwise("Gelu", approximate=approximate)(writer, operator)


def _softmax(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs, operator.outputs
    value = writer.real(source)
    beta = float(operator.options.beta)
    if beta != 1:
        value = writer.node("Mul", [value, writer.constant(np.float32(beta), "beta")])
    writer.put(output, writer.node("Softmax", [value], writer.output_name(output), axis=-1))


def _log_softmax(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs, operator.outputs
    name = writer.output_name(output)
    writer.put(output, writer.node("LogSoftmax", [writer.real(source)], name, axis=-1))


def _l2_normalization(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs[:1], operator.outputs
    value = writer.real(source)
    squares = writer.node("ReduceSumSquare", [value, writer.integers([-1])], keepdims=1)
    # the reference divides by nothing smaller than the root of 1e-6
    floor = writer.node("Max", [squares, writer.constant(np.float32(1e-6), "epsilon")])
    length = writer.node("Sqrt", [floor])
    name = writer.output_name(output)
    finish(writer, operator, writer.node("Div", [value, length], name))


def _cast(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs, operator.outputs
    layout = writer.layout([source])
    kind = helper.np_dtype_to_tensor_dtype(writer.tensor(output).dtype)
    name = writer.named(output, layout)
    writer.put_raw(output, writer.node("Cast", [writer.raw(source, layout)], name, to=kind), layout)


def _dequantize(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs, operator.outputs
    tensor = writer.tensor(source)
    if tensor.constant is not None:
        writer.stand_ins[output] = source  # so that weights are turned before, not while it runs
    if tensor.dtype == np.float16:
        value = writer.node("Cast", [writer.raw(source)], to=onnx.TensorProto.FLOAT)
        writer.put_raw(output, value)
        return
    layout = writer.layout([source])
    writer.put_raw(output, writer.real(source, layout), layout)


def _quantize(writer: Writer, operator: Operator) -> None:
    (source,), (output,) = operator.inputs, operator.outputs
    layout = writer.layout([source])
    writer.put(output, writer.real(source, layout), layout)


def _select(writer: Writer, operator: Operator) -> None:
    test, *choices = operator.inputs
    condition = writer.raw(test)
    rank = writer.tensor(choices[0]).rank
    if operator.code == "SELECT" and writer.tensor(test).rank == 1 and rank > 1:
        condition = writer.node("Unsqueeze", [condition, writer.integers(range(1, rank))])
    inputs = [condition, *(writer.real(index) for index in choices)]
    (output,) = operator.outputs
    writer.put(output, writer.node("Where", inputs, writer.output_name(output)))


_SAME = {
    "ABS": "Abs", "ADD": "Add", "ADD_N": "Sum", "CEIL": "Ceil", "COS": "Cos", "DIV": "Div",
    "ELU": "Elu", "EQUAL": "Equal", "EXP": "Exp", "FLOOR": "Floor", "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual", "HARD_SWISH": "HardSwish", "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual", "LOG": "Log", "LOGICAL_AND": "And", "LOGICAL_NOT": "Not",
    "LOGICAL_OR": "Or", "LOGISTIC": "Sigmoid", "MAXIMUM": "Max", "MINIMUM": "Min", "MUL": "Mul",
    "NEG": "Neg", "POW": "Pow", "PRELU": "PRelu", "RELU": "Relu", "ROUND": "Round",
    "SIGN": "Sign", "SIN": "Sin", "SQRT": "Sqrt", "SUB": "Sub", "TANH": "Tanh",
}  # fmt: skip

OPERATORS: dict[str, Step] = {
    **{code: elementwise(op) for code, op in _SAME.items()},
    "CAST": _cast,
    "DEQUANTIZE": _dequantize,
    "FLOOR_DIV": _integer_floor(_floor_div, "Div"),
    "FLOOR_MOD": _integer_floor(_floor_mod, "Mod"),
    "GELU": _gelu,
    "L2_NORMALIZATION": _l2_normalization,
    "LEAKY_RELU": _leaky_relu,
    "LOG_SOFTMAX": _log_softmax,
    "NOT_EQUAL": composed(_not_equal),
    "QUANTIZE": _quantize,
    "RELU6": composed(_relu6),
    "RELU_0_TO_1": composed(_relu_0_to_1),
    "RELU_N1_TO_1": composed(_relu_n1_to_1),
    "RSQRT": composed(_rsqrt),
    "SELECT": _select,
    "SELECT_V2": _select,
    "SOFTMAX": _softmax,
    "SQUARE": composed(_square),
    "SQUARED_DIFFERENCE": composed(_squared_difference),
    "ZEROS_LIKE": composed(_zeros),
}
