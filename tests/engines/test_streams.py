"""Several streams of OpenVINO, which share what they compute with."""

import numpy as np
from onnx import helper
from tests.cases import CASES
from tests.cases.building import graph, weight

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.engines.packing import has_packed_weights
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


def test_only_weights_alone_are_unpacked(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "dense")
    seen = Observed(case.inputs(random, 32))
    assert not has_packed_weights(case.model)
    assert not has_packed_weights(QuantizeStatic().apply(case.model, seen).model)
    assert has_packed_weights(QuantizeWeights().apply(case.model, seen).model)
