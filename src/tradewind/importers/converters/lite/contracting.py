"""Operators that multiply, sum or choose along dimensions."""

from typing import Any

import numpy as np
from onnx import helper

from .elementwise import Step, finish, result_name
from .reading import Operator
from .shaping import known
from .writing import TO_FIRST, Writer


def _fully_connected(writer: Writer, operator: Operator) -> None:
    source, kernel = operator.inputs[:2]
    tensor, weights = writer.tensor(source), writer.tensor(kernel)
    keeps = bool(operator.options.keepNumDims) and tensor.rank != 2
    value = writer.real(source)
    bias = writer.real(operator.input(2)) if operator.input(2) >= 0 else ""
    name = result_name(writer, operator)
    if keeps:
        value = writer.node(
            "MatMul", [value, writer.weights(kernel, (1, 0))], (bias and f"{name}:product") or name
        )
        value = writer.node("Add", [value, bias], name) if bias else value
    else:
        if tensor.rank != 2:
            value = writer.node("Reshape", [value, writer.integers([-1, weights.shape[1]])])
        inputs = [value, writer.weights(kernel, (0, 1))]
        value = writer.node("Gemm", [*inputs, bias] if bias else inputs, name, transB=1)
    finish(writer, operator, value)


def _batch_matmul(writer: Writer, operator: Operator) -> None:
    turned = (operator.options.adjX, operator.options.adjY)
    inputs = []
    for index, is_turned in zip(operator.inputs, turned, strict=True):
        value = writer.real(index)
        if is_turned:
            order = list(range(writer.tensor(index).rank))
            order[-2:] = order[:-3:-1]
            value = writer.node("Transpose", [value], perm=order)
        inputs.append(value)
    (output,) = operator.outputs
    writer.put(output, writer.node("MatMul", inputs, writer.output_name(output)))


def _reduction(op: str) -> Step:
    def step(writer: Writer, operator: Operator) -> None:
        source, over = operator.inputs
        (output,) = operator.outputs
        rank = writer.tensor(source).rank
        axes = [int(axis) % rank for axis in np.ravel(known(writer, over, "axes"))]
        keeps = int(operator.options.keepDims)
        layout = writer.layout([source])
        if layout == "first" and not keeps and set(axes) != {1, 2}:
            layout = "last"  # what is left would be in another order
        where = [TO_FIRST.index(axis) for axis in axes] if layout == "first" else axes
        inputs = [writer.real(source, layout), writer.integers(where)]
        result = layout if keeps else "last"
        name = writer.output_name(output, result)
        writer.put(output, writer.node(op, inputs, name, keepdims=keeps), result)

    return step


def _truth_reduction(op: str) -> Step:
    """Return the step for "any" and "all", which ONNX has for numbers."""

    def step(writer: Writer, operator: Operator) -> None:
        source, over = operator.inputs
        (output,) = operator.outputs
        axes = [int(axis) for axis in np.ravel(known(writer, over, "axes"))]
        numbers = writer.node("Cast", [writer.raw(source)], to=_kind(np.uint8))
        inputs = [numbers, writer.integers(axes)]
        found = writer.node(op, inputs, keepdims=int(operator.options.keepDims))
        writer.put_raw(
            output, writer.node("Cast", [found], writer.named(output), to=_kind(np.bool_))
        )

    return step


def _arg(op: str) -> Step:
    def step(writer: Writer, operator: Operator) -> None:
        source, over = operator.inputs
        (output,) = operator.outputs
        axis = int(np.ravel(known(writer, over, "an axis"))[0])
        found = writer.node(op, [writer.real(source)], axis=axis, keepdims=0)
        kind = _kind(writer.tensor(output).dtype)
        writer.put_raw(output, writer.node("Cast", [found], writer.named(output), to=kind))

    return step


def _top(writer: Writer, operator: Operator) -> None:
    source, count = operator.inputs
    values, places = operator.outputs
    number = writer.integers([int(np.ravel(known(writer, count, "a count"))[0])])
    names = [writer.output_name(values), f"{writer.named(places)}:long"]
    top, where = writer.split("TopK", [writer.real(source), number], names, axis=-1)
    writer.put(values, top)
    kind = _kind(writer.tensor(places).dtype)
    writer.put_raw(places, writer.node("Cast", [where], writer.named(places), to=kind))


def _one_hot(writer: Writer, operator: Operator) -> None:
    indices, depth, on, off = operator.inputs
    (output,) = operator.outputs
    choices = [writer.node("Reshape", [writer.raw(i), writer.integers([1])]) for i in (off, on)]
    values = writer.node("Concat", choices, axis=0)
    inputs = [writer.raw(indices), writer.raw(depth), values]
    axis = int(operator.options.axis)
    writer.put_raw(output, writer.node("OneHot", inputs, writer.named(output), axis=axis))


def _running_sum(writer: Writer, operator: Operator) -> None:
    source, axis = operator.inputs
    (output,) = operator.outputs
    inputs = [
        writer.real(source),
        writer.integers(np.ravel(known(writer, axis, "an axis")).tolist()[:1]),
    ]
    options = operator.options
    value = writer.node(
        "CumSum",
        [inputs[0], writer.node("Squeeze", [inputs[1]])],
        writer.output_name(output),
        exclusive=int(options.exclusive),
        reverse=int(options.reverse),
    )
    writer.put(output, value)


def _kind(dtype: Any) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


OPERATORS: dict[str, Step] = {
    "ARG_MAX": _arg("ArgMax"),
    "ARG_MIN": _arg("ArgMin"),
    "BATCH_MATMUL": _batch_matmul,
    "CUMSUM": _running_sum,
    "FULLY_CONNECTED": _fully_connected,
    "MEAN": _reduction("ReduceMean"),
    "ONE_HOT": _one_hot,
    "REDUCE_ALL": _truth_reduction("ReduceMin"),
    "REDUCE_ANY": _truth_reduction("ReduceMax"),
    "REDUCE_MAX": _reduction("ReduceMax"),
    "REDUCE_MIN": _reduction("ReduceMin"),
    "REDUCE_PROD": _reduction("ReduceProd"),
    "SUM": _reduction("ReduceSum"),
    "TOPK_V2": _top,
}
