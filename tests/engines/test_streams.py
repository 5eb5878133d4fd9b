"""Several streams of OpenVINO, which share what they compute with."""

import numpy as np
from onnx import helper
from tests.cases import CASES
from tests.cases.building import graph, weight

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.engines.openvino import core
from tradewind.engines.packing import computes_weights, has_packed_weights
from tradewind.model import Model, Origin
from tradewind.passes import Observed, QuantizeStatic, QuantizeWeights
from tradewind.tensors import Array

_CHANNELS = 64


def _unpacked(random: np.random.Generator) -> Model:
    """Return convolutions one after the other, with weights that are kept in int8."""
    nodes, weights, last = [], dict[str, Array](), "x"
    for number in range(4):
        q, s, w, y = (f"{name}{number}" for name in "qswy")
        nodes += [
            helper.make_node("DequantizeLinear", [q, s], [w]),
            helper.make_node("Conv", [last, w], [y], kernel_shape=[1, 1]),
        ]
        whole = weight(random, _CHANNELS, _CHANNELS, 1, 1)
        weights[s] = np.array(np.abs(whole).max() / 127, np.float32)
        weights[q] = np.round(whole / weights[s]).astype(np.int8)
        last = y
    sides = {"x": (np.float32, ("N", _CHANNELS, 6, 6))}
    proto = graph(nodes, sides, {last: (np.float32, ("N", _CHANNELS, 6, 6))}, weights)
    return Model.from_proto(proto, Origin("onnx", "packed.onnx"))


def test_streams_that_unpack_weights_do_not_disturb_each_other(
    random: np.random.Generator,
) -> None:
    model = _unpacked(random)
    inputs: dict[str, Array] = {"x": random.normal(size=(3, _CHANNELS, 6, 6)).astype(np.float32)}
    with OnnxRuntime().compile(model) as runner:
        [wanted] = runner(inputs).values()
    assert has_packed_weights(model)
    for engine in [OpenVINO(streams=2), OpenVINO(streams=2, batch_sizes=(3,))] * 4:
        with engine.compile(model) as runner:
            for _ in range(3):
                [got] = runner(inputs).values()
                np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-4 * np.abs(wanted).max())


def _block_that_is_half_float(random: np.random.Generator) -> Model:
    """Return a residual block that halves the image, with int8 in its shorter branch alone."""
    shortcut, wide = (weight(random, _CHANNELS, _CHANNELS, size, size) for size in (1, 3))
    scale = np.array(np.abs(shortcut).max() / 127, np.float32)
    weights: dict[str, Array] = {
        "s": scale,
        "w": np.round(shortcut / scale).astype(np.int8),
        "step": np.array(4 / 255, np.float32),
        "zero": np.array(0, np.uint8),
        "wide": wide,
    }
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("QuantizeLinear", ["a", "step", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "s"], ["f"]),
        helper.make_node("Conv", ["d", "f"], ["b"], strides=[2, 2]),
        helper.make_node("Conv", ["a", "wide"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    sides = {"x": (np.float32, ("N", _CHANNELS, 8, 8))}
    proto = graph(nodes, sides, {"y": (np.float32, ("N", _CHANNELS, 4, 4))}, weights)
    return Model.from_proto(proto, Origin("onnx", "half.onnx"))


def test_streams_do_not_disturb_each_other_where_only_the_engine_unpacks(
    random: np.random.Generator,
) -> None:
    model = _block_that_is_half_float(random)
    assert not has_packed_weights(model)
    two = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": 2}
    assert computes_weights(core().compile_model(core().read_model(model.content), "CPU", two))
    inputs: dict[str, Array] = {"x": random.uniform(0, 4, (3, _CHANNELS, 8, 8)).astype(np.float32)}
    with OnnxRuntime().compile(model) as runner:
        [wanted] = runner(inputs).values()
    for engine in [OpenVINO(streams=2), OpenVINO(streams=2, batch_sizes=(3,))] * 10:
        with engine.compile(model) as runner:
            [got] = runner(inputs).values()
        np.testing.assert_allclose(got, wanted, rtol=1e-2, atol=1e-2 * np.abs(wanted).max())


def test_only_weights_alone_are_unpacked(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "dense")
    seen = Observed(case.inputs(random, 32))
    assert not has_packed_weights(case.model)
    assert not has_packed_weights(QuantizeStatic().apply(case.model, seen).model)
    assert has_packed_weights(QuantizeWeights().apply(case.model, seen).model)
