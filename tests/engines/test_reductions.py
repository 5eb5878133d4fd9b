"""Int8 reductions on OpenVINO, whose own kernel answers for the first example only."""

import numpy as np
import pytest
from onnx import helper
from tests.cases.building import graph, scalar
from tests.cases.comparing import assert_close

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.engines.reductions import repair_reductions
from tradewind.engines.untracked import ov
from tradewind.model import Model, Origin

STEP = 0.03


def _reducing(kind: str, shape: tuple[int, ...], axes: list[int], keep: int) -> Model:
    rank = len(shape) + 1 if keep else len(shape) + 1 - len(axes)
    proto = graph(
        [
            helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
            helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
            helper.make_node(kind, ["d", "axes"], ["y"], keepdims=keep),
        ],
        {"x": (np.float32, ("N", *shape))},
        {"y": (np.float32, [f"s{axis}" for axis in range(rank)])},
        {"scale": scalar(STEP), "zero": scalar(0, np.int8), "axes": np.array(axes)},
        opset=18,
    )
    return Model.from_proto(proto, Origin("onnx", "reducing.onnx"))


@pytest.mark.parametrize("kind", ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((6, 8), [1]),
        ((6, 8), [-2]),
        ((6, 8), [2]),
        ((6, 8), [1, 2]),
        ((40, 64), [1]),
        ((3, 6, 8), [2, 3]),
        ((3, 6, 8), [1]),
        ((8,), [1]),
    ],
)
@pytest.mark.parametrize("keep", [0, 1])
def test_all_examples_of_a_batch_are_reduced(
    kind: str, shape: tuple[int, ...], axes: list[int], keep: int, random: np.random.Generator
) -> None:
    model = _reducing(kind, shape, axes, keep)
    # whole steps of the quantizer: nothing lies where one engine rounds up, the other down
    steps = random.integers(-20, 100, (4, *shape))
    inputs = {"x": (steps * STEP).astype(np.float32)}
    with (
        OpenVINO().compile(model) as ours,
        OnnxRuntime(optimization="none").compile(model) as right,
    ):
        # the same integers are summed, in another order
        assert_close(ours(inputs), right(inputs), 1e-5)


def test_a_graph_without_int8_is_left_as_it_was() -> None:
    proto = graph(
        [helper.make_node("ReduceMean", ["x", "axes"], ["y"], keepdims=0)],
        {"x": (np.float32, ("N", 6, 8))},
        {"y": (np.float32, ("N", 8))},
        {"axes": np.array([1])},
        opset=18,
    )
    read = ov.Core().read_model(proto.SerializeToString())
    before = [node.get_type_name() for node in read.get_ordered_ops()]
    repair_reductions(read)
    assert [node.get_type_name() for node in read.get_ordered_ops()] == before
