from dataclasses import replace

import numpy as np
import pytest
from onnx import helper
from tests.cases.building import graph, normal

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.measure.roofline import LayerGroup, Peaks, Rate, Roofline, limits, standing
from tradewind.model import Model, Origin
from tradewind.runners import Runner
from tradewind.tensors import Tensors

PEAKS = Peaks(
    {"f32": Rate(1e9, 1e9), "int8": Rate(4e9, 4e9)}, Rate(1e8, 1e8), Rate(1e9, 1e9), 10**6
)
"""Of a machine that nobody has."""


def _net(random: np.random.Generator, width: int = 64) -> Model:
    """Return a convolution and a dense layer."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "v"], ["y"]),
    ]
    weights = {"w": normal(random, width, 3, 3, 3), "v": normal(random, width, 10)}
    proto = graph(
        nodes, {"x": (np.float32, ("N", 3, 16, 16))}, {"y": (np.float32, ("N", 10))}, weights
    )
    return Model.from_proto(proto, Origin("onnx", "test"))


def _load(found: Roofline, group: LayerGroup) -> float:
    return next(one.limit_ms for one in found.groups if one.group is group)


def test_a_limit_is_set_by_arithmetic_or_by_bytes(random: np.random.Generator) -> None:
    found = limits(_net(random), PEAKS)
    macs = 64 * 16 * 16 * 3 * 9  # 0.44 ms of arithmetic, and 0.08 ms of bytes
    assert _load(found, LayerGroup.CONVOLUTION) == pytest.approx(macs / 1e9 * 1e3)
    moved = 4 * (64 * 10 + 64 + 10)  # 0.003 ms of bytes, and 0.0006 ms of arithmetic
    assert _load(found, LayerGroup.DENSE) == pytest.approx(moved / 1e9 * 1e3)
    assert found.limit_ms == pytest.approx(sum(one.limit_ms for one in found.groups))
    assert found.uncounted == 0


def test_weights_that_no_cache_holds_come_from_memory(random: np.random.Generator) -> None:
    model = _net(random)
    small = replace(PEAKS, cache_bytes=1000)
    assert _load(limits(model, small), LayerGroup.DENSE) == pytest.approx(
        4 * 64 * 10 / 1e8 * 1e3 + 4 * (64 + 10) / 1e9 * 1e3  # its activations still fit
    )


def test_a_batch_counts_all_its_examples(random: np.random.Generator) -> None:
    model = _net(random)
    one, four = limits(model, PEAKS), limits(model, PEAKS, {"x": (4, 3, 16, 16)})
    assert (one.batch_size, four.batch_size) == (1, 4)
    assert [load.macs * 4 for load in one.groups] == [load.macs for load in four.groups]


@pytest.mark.parametrize(
    "engine", [OnnxRuntime(), OpenVINO(), OpenVINO(batch_sizes=(1,))], ids=lambda one: one.label
)
def test_an_engines_profile_is_matched_to_the_layers(
    engine: Engine, random: np.random.Generator
) -> None:
    inputs: Tensors = {"x": normal(random, 1, 3, 16, 16)}
    found = standing(_net(random), engine, inputs, PEAKS)
    took = {load.group: load.measured_ms for load in found.groups}
    assert found.measured_ms is not None
    assert sum(time or 0.0 for time in took.values()) == pytest.approx(found.measured_ms)
    assert took[LayerGroup.CONVOLUTION]
    assert took[LayerGroup.DENSE]
    assert found.share == pytest.approx(found.limit_ms / found.measured_ms)


class _Silent(Engine):
    """An engine that keeps no profile."""

    name = "silent"

    @classmethod
    def version(cls) -> str:
        return "1"

    @property
    def label(self) -> str:
        return "silent"

    def compile(self, model: Model) -> Runner:
        return OnnxRuntime(threads=1).compile(model)


def test_without_a_profile_only_the_whole_is_measured(random: np.random.Generator) -> None:
    found = standing(_net(random), _Silent(), {"x": normal(random, 1, 3, 16, 16)}, PEAKS)
    assert found.share
    assert all(load.measured_ms is None and load.share is None for load in found.groups)
