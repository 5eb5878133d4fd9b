from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import openvino as ov
import pytest
from openvino import opset1, opset4, opset5, opset8, opset14
from openvino import opset16 as op
from tests.importers.rewriting import rewritten

from tradewind.importers.converters.openvino_graphs.converting import OPERATORS
from tradewind.tensors import Array

Build = Callable[[np.random.Generator, Any], Any]
"""From a generator and a parameter [?, 4, 6, 8] to an operator, or an output of one."""


def weights(random: np.random.Generator, *shape: int) -> Array:
    return random.normal(size=shape).astype(np.float32)


def positive(x: Any) -> Any:
    return op.add(op.abs(x), np.float32(0.5))


def inside(x: Any) -> Any:
    """Values between -0.9 and 0.9."""
    return op.multiply(op.tanh(x), np.float32(0.9))


def integers(x: Any) -> Any:
    return op.convert(op.round(op.clamp(x, -9.0, 9.0), "half_to_even"), "i64")


def line(x: Any) -> Any:
    """[?, 48, 4], as sequences are."""
    return op.reshape(x, np.array([0, -1, 4]), special_zero=True)


def lstm(random: np.random.Generator, x: Any, direction: str) -> Any:
    count = 2 if direction == "bidirectional" else 1
    batch = op.gather(op.shape_of(x), np.array([0]), np.array(0))
    state = op.broadcast(np.float32(0.5), op.concat([batch, op.constant([count, 5])], 0))
    lengths = op.broadcast(np.int64(48), batch)
    w, r, b = (weights(random, count, 20, *size) for size in ((4,), (5,), ()))
    return opset5.lstm_sequence(line(x), state, state, lengths, w, r, b, 5, direction)


def gru(random: np.random.Generator, x: Any, resets: bool) -> Any:
    batch = op.gather(op.shape_of(x), np.array([0]), np.array(0))
    state = op.broadcast(np.float32(0.5), op.concat([batch, op.constant([1, 5])], 0))
    lengths = op.broadcast(np.int64(48), batch)
    w, r = weights(random, 1, 15, 4), weights(random, 1, 15, 5)
    b = weights(random, 1, 20 if resets else 15)
    return opset5.gru_sequence(
        line(x), state, lengths, w, r, b, 5, "forward", linear_before_reset=resets
    )


def rnn(random: np.random.Generator, x: Any) -> Any:
    batch = op.gather(op.shape_of(x), np.array([0]), np.array(0))
    state = op.broadcast(np.float32(0.5), op.concat([batch, op.constant([1, 5])], 0))
    lengths = op.broadcast(np.int64(48), batch)
    w, r, b = weights(random, 1, 5, 4), weights(random, 1, 5, 5), weights(random, 1, 5)
    return opset5.rnn_sequence(line(x), state, lengths, w, r, b, 5, "reverse")


def one_step(random: np.random.Generator, x: Any, kind: str) -> Any:
    given = op.reduce_mean(line(x), np.array([1]), False)  # [?, 4]
    state = op.matmul(given, weights(random, 4, 5), False, False)
    gates = {"lstm": 20, "gru": 15}[kind]
    w, r, b = (weights(random, gates, *size) for size in ((4,), (5,), ()))
    if kind == "gru":
        return opset4.gru_cell(given, state, w, r, b, 5)
    return opset4.lstm_cell(given, state, state, w, r, b, 5)


def resized(x: Any, mode: str, rule: str, size: Sequence[int], **settings: Any) -> Any:
    settings = {"mode": mode, "coordinate_transformation_mode": rule, **settings}
    return op.interpolate(
        x,
        np.array(size),
        shape_calculation_mode="sizes",
        axes=np.array([2, 3]),
        **settings,
    )


def strided(x: Any, begin: Sequence[int], end: Sequence[int], **masks: list[int]) -> Any:
    zeros = [0] * len(begin)
    return op.strided_slice(
        x,
        np.array(begin),
        np.array(end),
        np.array([masks.pop("step", [1])[0]] * len(begin)),
        masks.pop("begin_mask", zeros),
        masks.pop("end_mask", zeros),
        *(masks.get(name, zeros) for name in ("new_axis_mask", "shrink_axis_mask")),
        masks.get("ellipsis_mask", zeros),
    )


def named(name: str, before: Callable[[Any], Any] = lambda x: x) -> Build:
    return lambda r, x: getattr(op, name)(before(x))


def binary(name: str) -> Build:
    return lambda r, x: getattr(op, name)(x, weights(r, 6, 1))


def reduction(name: str) -> Build:
    return lambda r, x: getattr(op, name)(x, np.array([1, -1]), True)


NARROW = ("acos", "asin", "atanh", "cosh", "exp", "sinh", "tan")
BINARY = (
    "add", "subtract", "multiply", "maximum", "minimum", "divide", "squared_difference",
    "less", "less_equal", "greater", "greater_equal", "not_equal",
)  # fmt: skip
REDUCTIONS = (
    "reduce_mean", "reduce_max", "reduce_min", "reduce_sum", "reduce_l1", "reduce_l2",
)  # fmt: skip
UNARY = (
    "abs", "ceiling", "cos", "erf", "floor", "hswish", "hsigmoid", "mish", "negative",
    "relu", "sigmoid", "sign", "sin", "softplus", "softsign", "tanh", "atan", "asinh", "is_nan",
)  # fmt: skip

CASES: dict[str, Build] = {
    **{name: named(name) for name in UNARY},
    **{name: named(name, inside) for name in NARROW},
    **{name: named(name, positive) for name in ("log", "sqrt")},
    "acosh": lambda r, x: op.acosh(op.add(positive(x), np.float32(1))),
    **{name: binary(name) for name in BINARY},
    # whole numbers: near a multiple a rounding would decide
    "mod": lambda r, x: op.mod(op.round(x, "half_to_even"), np.float32(-3)),
    "floor mod": lambda r, x: op.floor_mod(op.round(x, "half_to_even"), np.float32(-3)),
    "equal": lambda r, x: op.equal(op.round(x, "half_to_even"), np.float32(0)),
    "power": lambda r, x: op.power(positive(inside(x)), weights(r, 8)),
    "integer divide": lambda r, x: op.convert(op.divide(op.abs(integers(x)), np.int64(4)), "f32"),
    "integer mod": lambda r, x: op.convert(op.mod(integers(x), np.int64(-4)), "f32"),
    "integer floor mod": lambda r, x: op.convert(op.floor_mod(integers(x), np.int64(-4)), "f32"),
    "logical": lambda r, x: op.logical_or(
        op.logical_not(op.greater(x, np.float32(1))), op.less(x, np.float32(-1))
    ),
    "logical and xor": lambda r, x: op.logical_xor(
        op.logical_and(op.less(x, np.float32(1)), op.greater(x, np.float32(0))),
        op.greater(x, np.float32(0.5)),
    ),
    "prelu": lambda r, x: op.prelu(x, weights(r, 4)),
    "clamp": lambda r, x: op.clamp(x, -0.3, 0.7),
    "elu": lambda r, x: op.elu(x, 0.7),
    "selu": lambda r, x: op.selu(x, np.float32(1.6), np.float32(1.05)),
    "hard sigmoid": lambda r, x: op.hard_sigmoid(x, np.float32(0.3), np.float32(0.4)),
    "gelu erf": lambda r, x: op.gelu(x, "erf"),
    "gelu tanh": lambda r, x: op.gelu(x, "tanh"),
    "swish": lambda r, x: op.swish(x, np.float32(1.3)),
    "round away": lambda r, x: op.round(
        op.round(op.multiply(x, np.float32(2)), "half_to_even"), "half_away_from_zero"
    ),
    "select": lambda r, x: op.select(op.greater(x, np.float32(0)), x, weights(r, 6, 8)),
    "convert like": lambda r, x: op.convert_like(op.greater(x, np.float32(0)), x),
    "cumulative sum": lambda r, x: op.cum_sum(x, np.array(2), True, True),
    **{name: reduction(name) for name in REDUCTIONS},
    "reduce prod": lambda r, x: op.reduce_prod(inside(x), np.array([3]), False),
    "reduce all": lambda r, x: op.reduce_logical_and(
        op.less(x, np.float32(1)), np.array([2]), False
    ),
    "reduce any": lambda r, x: op.reduce_logical_or(op.greater(x, np.float32(1)), np.array([2])),
    "reshape": lambda r, x: op.reshape(x, np.array([0, 24, -1]), True),
    "squeeze unsqueeze": lambda r, x: op.squeeze(op.unsqueeze(x, np.array([1, -1])), np.array([1])),
    "transpose": lambda r, x: op.transpose(x, np.array([0, 3, 1, 2])),
    "concat": lambda r, x: op.concat([x, op.relu(x)], 2),
    "split": lambda r, x: op.add(op.split(x, np.array(3), 2).output(1), np.float32(1)),
    "variadic split": lambda r, x: op.relu(
        op.variadic_split(x, np.array(2), np.array([1, -1, 2])).output(1)
    ),
    "slice": lambda r, x: op.slice(
        x, np.array([1, 7]), np.array([4, 0]), np.array([2, -2]), np.array([1, 3])
    ),
    "strided slice": lambda r, x: strided(
        x, [0, 1, 0, 2], [0, 3, 0, 7], begin_mask=[1, 0, 1, 0], end_mask=[1, 0, 1, 0]
    ),
    "strided backwards": lambda r, x: strided(
        x, [0, 0], [0, 0], begin_mask=[1, 1], end_mask=[1, 1], step=[1]
    ),
    "shrinking": lambda r, x: strided(
        x, [0, -1], [0, 0], begin_mask=[1, 0], end_mask=[1, 0], shrink_axis_mask=[0, 1]
    ),
    "new axis": lambda r, x: strided(
        x, [0, 0, 1], [0, 0, 3], begin_mask=[1, 0, 0], end_mask=[1, 0, 0], new_axis_mask=[0, 1, 0]
    ),
    "ellipsis": lambda r, x: strided(x, [0, 2], [0, 5], ellipsis_mask=[1, 0]),
    "gather": lambda r, x: op.gather(x, np.array([[2, 0], [-1, 1]]), np.array(1)),
    "gather pairs": lambda r, x: op.gather(
        op.relu(x),
        integers(op.clamp(op.reduce_sum(x, np.array([2, 3]), False), 0.0, 3.0)),
        np.array(1),
        1,
    ),
    "gather elements": lambda r, x: op.gather_elements(x, integers(op.clamp(x, 0.0, 3.0)), 1),
    "gather nd": lambda r, x: opset8.gather_nd(x, np.array([[0, 1], [0, 3]])),
    "scatter nd": lambda r, x: op.scatter_nd_update(
        x, np.array([[0, 1], [0, 3]]), weights(r, 2, 6, 8)
    ),
    "scatter elements": lambda r, x: op.scatter_elements_update(
        x,
        op.broadcast(np.int64(2), op.shape_of(op.gather(x, np.array([0]), np.array(1)))),
        op.gather(x, np.array([0]), np.array(1)),
        np.array(1),
        "sum",
    ),
    "scatter": lambda r, x: op.scatter_update(
        x, np.array([0]), weights(r, 1, 4, 6, 8), np.array(0)
    ),
    "broadcast": lambda r, x: op.broadcast(op.reduce_sum(x, np.array([1]), True), op.shape_of(x)),
    "tile": lambda r, x: op.tile(x, np.array([1, 2, 1, 3])),
    "pad": lambda r, x: op.pad(
        x, np.array([0, 1, 2, 0]), np.array([0, 0, 1, 3]), "constant", np.float32(0.5)
    ),
    "pad edge": lambda r, x: op.pad(x, np.array([0, 1, 2, 0]), np.array([0, 0, 1, 3]), "edge"),
    "pad reflect": lambda r, x: op.pad(
        x, np.array([0, 0, 2, 0]), np.array([0, 0, 1, 3]), "reflect"
    ),
    "range": lambda r, x: op.add(x, op.range(np.float32(0), np.float32(8), np.float32(1), "f32")),
    "one hot": lambda r, x: opset1.one_hot(
        integers(op.clamp(op.reduce_sum(x, np.array([2, 3]), False), -2.0, 3.0)),
        np.array(4),
        np.float32(2),
        np.float32(-1),
        -1,
    ),
    "top k": lambda r, x: op.topk(x, np.array(3), -1, "max", "value"),
    "non zero": lambda r, x: op.non_zero(op.relu(x)),
    "bucketize": lambda r, x: op.bucketize(x, np.array([-1, 0, 0.5], np.float32), "i32"),
    "reverse sequence": lambda r, x: op.reverse_sequence(
        x, op.broadcast(np.int64(3), op.gather(op.shape_of(x), np.array([0]), np.array(0))), 0, 1
    ),
    "shuffle channels": lambda r, x: op.shuffle_channels(x, 1, 2),
    "depth to space": lambda r, x: op.depth_to_space(x, "blocks_first", 2),
    "depth first to space": lambda r, x: op.depth_to_space(x, "depth_first", 2),
    "space to depth": lambda r, x: op.space_to_depth(x, "blocks_first", 2),
    "convolution": lambda r, x: op.add(
        op.convolution(x, weights(r, 5, 4, 3, 3), [2, 1], [1, 0], [0, 1], [1, 2]),
        weights(r, 1, 5, 1, 1),
    ),
    "same convolution": lambda r, x: op.convolution(
        x, weights(r, 5, 4, 3, 3), [2, 2], [0, 0], [0, 0], [1, 1], "same_lower"
    ),
    "two users of a convolution": lambda r, x: (
        lambda c: op.add(op.add(c, weights(r, 1, 5, 1, 1)), op.relu(c))
    )(op.convolution(x, weights(r, 5, 4, 1, 1), [1, 1], [0, 0], [0, 0], [1, 1])),
    "group convolution": lambda r, x: op.group_convolution(
        x, weights(r, 2, 3, 2, 3, 3), [1, 1], [1, 1], [1, 1], [1, 1]
    ),
    "transposed convolution": lambda r, x: op.convolution_backprop_data(
        x, weights(r, 4, 3, 3, 3), [2, 2], None, [1, 1], [1, 1], [1, 1], output_padding=[1, 1]
    ),
    "transposed group convolution": lambda r, x: op.group_convolution_backprop_data(
        x, weights(r, 2, 2, 3, 3, 3), [2, 2], None, [0, 0], [0, 0], [1, 1]
    ),
    "matmul": lambda r, x: op.matmul(x, weights(r, 5, 8), False, True),
    "matmul of two": lambda r, x: op.matmul(x, op.relu(x), True, False),
    "average pool": lambda r, x: opset14.avg_pool(x, [2, 2], [1, 1], [0, 1], [3, 2], True, "ceil"),
    "average pool with border": lambda r, x: opset14.avg_pool(
        x, [1, 2], [1, 1], [1, 1], [3, 3], False
    ),
    "max pool": lambda r, x: op.max_pool(x, [2, 2], [1, 1], [1, 0], [1, 0], [3, 2]).output(0),
    "adaptive pool": lambda r, x: op.adaptive_avg_pool(x, np.array([3, 4])),
    "global pool": lambda r, x: op.adaptive_avg_pool(x, np.array([1, 1])),
    "softmax": lambda r, x: op.softmax(x, 2),
    "log softmax": lambda r, x: op.log_softmax(x, -1),
    "mvn": lambda r, x: op.mvn(x, np.array([-1]), True, 1e-5, "inside_sqrt"),
    "mvn across": lambda r, x: op.mvn(x, np.array([1, 3]), True, 1e-3, "outside_sqrt"),
    "mvn of means": lambda r, x: op.mvn(x, np.array([2]), False, 1e-3, "inside_sqrt"),
    "normalize": lambda r, x: op.normalize_l2(x, np.array([1]), 1e-3, "add"),
    "normalize max": lambda r, x: op.normalize_l2(x, np.array([1, 2]), 1e-3, "max"),
    "batch norm": lambda r, x: opset5.batch_norm_inference(
        x, *(weights(r, 4) for _ in range(3)), np.abs(weights(r, 4)) + 0.5, 1e-4
    ),
    "group norm": lambda r, x: op.group_normalization(x, weights(r, 4), weights(r, 4), 2, 1e-4),
    "local response": lambda r, x: op.lrn(x, np.array([1]), 0.3, 0.6, 1.0, 3),
    "nearest": lambda r, x: resized(x, "nearest", "asymmetric", [12, 16], nearest_mode="floor"),
    "linear": lambda r, x: resized(x, "linear_onnx", "half_pixel", [9, 13]),
    "linear corners": lambda r, x: resized(x, "linear_onnx", "align_corners", [9, 13]),
    "cubic": lambda r, x: resized(x, "cubic", "half_pixel", [12, 16]),
    "einsum": lambda r, x: op.einsum([x, op.relu(x)], "nchw,nkhw->nck"),
    "attention": lambda r, x: (
        opset14.scaled_dot_product_attention(x, op.relu(x), op.tanh(x))
        if hasattr(opset14, "scaled_dot_product_attention")
        else op.scaled_dot_product_attention(x, op.relu(x), op.tanh(x))
    ),
    "lstm": lambda r, x: lstm(r, x, "forward"),
    "lstm both ways": lambda r, x: lstm(r, x, "bidirectional"),
    "gru": lambda r, x: gru(r, x, resets=False),
    "gru that resets late": lambda r, x: gru(r, x, resets=True),
    "rnn backwards": rnn,
    "lstm cell": lambda r, x: one_step(r, x, "lstm"),
    "gru cell": lambda r, x: one_step(r, x, "gru"),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_answers_as_in_openvino(name: str, random: np.random.Generator) -> None:
    x = op.parameter([-1, 4, 6, 8], np.float32, "x")
    built = CASES[name](random, x)
    outputs = [built] if isinstance(built, ov.Output) else built.outputs()
    model = rewritten(ov.Model(outputs, [x], name))
    assert model.origin.parity is not None
    assert model.origin.parity.examples >= 12
    assert model.signature.inputs[0].shape == ("N", 4, 6, 8)


def test_every_operator_is_among_the_cases(random: np.random.Generator) -> None:
    seen = set()
    for build in CASES.values():
        x = op.parameter([-1, 4, 6, 8], np.float32, "x")
        built = build(random, x)
        outputs = [built] if isinstance(built, ov.Output) else built.outputs()
        seen |= {node.get_type_name() for node in ov.Model(outputs, [x]).get_ordered_ops()}
    assert set(OPERATORS) - seen <= ELSEWHERE


ELSEWHERE = {"FakeQuantize", "SoftMax", "IsInf", "IsFinite", "Identity", "GridSample", "RNNCell"}
"""Tested with quantized graphs, of the same converter as another, or too new for older OpenVINO."""
