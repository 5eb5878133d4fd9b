"""Signed weights of 8 bits on processors whose sums of products saturate."""

from typing import Any

import numpy as np
import pytest
from onnx import NodeProto, helper
from tests.cases.building import graph, scalar

from tradewind.engines import OnnxRuntime
from tradewind.engines.wide_weights import has_wide_weights
from tradewind.model import Model, Origin

WIDE, NARROW = 127, 64
_IN, _OUT = 64, 16


def _model(
    nodes: list[NodeProto],
    x: tuple[Any, tuple[int | str, ...]],
    y: tuple[Any, tuple[int | str, ...]],
    constants: dict[str, Any],
) -> Model:
    proto = graph(nodes, {"x": x}, {"y": y}, constants, opset=18)
    return Model.from_proto(proto, Origin("onnx", "rounded.onnx"))


def _drawn(random: np.random.Generator, shape: tuple[int, ...], most: int) -> np.ndarray:
    """Return weights of which most are as large as may be: sums of two products are, too."""
    large = random.choice([-most, most - 1, most - 1], shape)
    return np.where(random.random(shape) < 0.8, large, 1).astype(np.int8)


def _product(weights: np.ndarray) -> Model:
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    return _model([node], (np.uint8, ("N", _IN)), (np.int32, ("N", _OUT)), {"w": weights})


def _convolution(weights: np.ndarray) -> Model:
    steps = {
        "sx": scalar(1.0),
        "zx": scalar(0, np.uint8),
        "sw": scalar(1.0),
        "zw": scalar(0, np.int8),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "sx", "zx"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "sw", "zw"], ["k"]),
        helper.make_node("Conv", ["d", "k"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["c", "sy", "zx"], ["r"]),
        helper.make_node("DequantizeLinear", ["r", "sy", "zx"], ["y"]),
    ]
    return _model(
        nodes,
        (np.float32, ("N", 16, 6, 6)),
        (np.float32, ("N", _OUT, 6, 6)),
        {**steps, "w": weights, "sy": scalar(16 * 9 * 255 * 0.5)},
    )


@pytest.mark.parametrize("most", [WIDE, NARROW])
def test_products_of_whole_numbers_are_exact(most: int, random: np.random.Generator) -> None:
    weights = _drawn(random, (_IN, _OUT), most)
    x = random.integers(200, 256, (5, _IN)).astype(np.uint8)
    with OnnxRuntime().compile(_product(weights)) as runner:
        answers = runner({"x": x})["y"]
    assert np.array_equal(answers, x.astype(np.int64) @ weights.astype(np.int64))


@pytest.mark.parametrize("most", [WIDE, NARROW])
def test_quantized_convolutions_do_not_saturate(most: int, random: np.random.Generator) -> None:
    model = _convolution(_drawn(random, (_OUT, 16, 3, 3), most))
    x = random.integers(200, 256, (3, 16, 6, 6)).astype(np.float32)
    with (
        OnnxRuntime().compile(model) as runner,
        OnnxRuntime(optimization="none").compile(model) as right,
    ):
        # in whole steps of the output; a sum that lies between two may be rounded either way
        step = 16 * 9 * 255 * 0.5
        off = np.abs(runner({"x": x})["y"] - right({"x": x})["y"]) / step
    assert off.max() <= 1.0


def test_only_signed_weights_of_eight_bits_are_wide(random: np.random.Generator) -> None:
    shape = (_IN, _OUT)
    assert has_wide_weights(_product(_drawn(random, shape, WIDE)))
    assert has_wide_weights(_product(np.full(shape, -128, np.int8)))
    assert not has_wide_weights(_product(_drawn(random, shape, NARROW)))
    unsigned = np.full(shape, 255, np.uint8)
    assert not has_wide_weights(_product(unsigned))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("has_zero", [True, False])
def test_weights_that_are_multiplied_in_float_are_left_alone(
    axis: int, has_zero: bool, random: np.random.Generator
) -> None:
    weights = _drawn(random, (_IN, _OUT), WIDE)
    many = weights.shape[axis]
    constants: dict[str, Any] = {"w": weights, "s": np.full(many, 0.01, np.float32)}
    constants |= {"z": np.zeros(many, np.int8)} if has_zero else {}
    parts = ["w", "s", "z"] if has_zero else ["w", "s"]
    nodes = [
        helper.make_node("DequantizeLinear", parts, ["k"], axis=axis),
        helper.make_node("MatMul", ["x", "k"], ["y"]),
    ]
    model = _model(nodes, (np.float32, ("N", _IN)), (np.float32, ("N", _OUT)), constants)
    x = random.uniform(-1, 1, (5, _IN)).astype(np.float32)
    expected = x @ (weights * np.float32(0.01))
    assert not has_wide_weights(model)
    with OnnxRuntime().compile(model) as runner:
        off = np.abs(runner({"x": x})["y"] - expected)
    assert off.max() <= 0.02 * np.abs(expected).max()


def test_weights_of_a_branch_are_seen(random: np.random.Generator) -> None:
    weights = _drawn(random, (_IN, _OUT), WIDE)
    branch = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["out"])],
        "branch",
        [],
        [helper.make_tensor_value_info("out", 6, None)],
        [helper.make_tensor("w", 3, weights.shape, weights.tobytes(), raw=True)],
    )
    node = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    model = _model(
        [node],
        (np.uint8, ("N", _IN)),
        (np.int32, ("N", _OUT)),
        {"yes": scalar(True, np.bool_)},
    )
    assert has_wide_weights(model)
