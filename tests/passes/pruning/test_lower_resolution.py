"""Networks that look at coarser inputs."""

import numpy as np
import pytest
from onnx import helper
from tests.cases.building import graph, normal, scalar, weight

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.errors import PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes import LowerResolution, Observed
from tradewind.tensors import Array


def _network(
    random: np.random.Generator, sides: tuple[int, ...], *, is_pooled: bool = True
) -> Model:
    """Return scale, two convolutions, and the mean over all places if wanted."""
    kernel = [3] * len(sides)
    nodes = [
        helper.make_node("Mul", ["x", "scale"], ["s"]),
        helper.make_node(
            "Conv", ["s", "w1"], ["c1"], kernel_shape=kernel, pads=[1] * 2 * len(sides)
        ),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node(
            "Conv", ["r1", "w2"], ["c2"], kernel_shape=kernel, pads=[1] * 2 * len(sides)
        ),
        helper.make_node("GlobalAveragePool" if is_pooled else "Identity", ["c2"], ["y"]),
    ]
    left = (1,) * len(sides) if is_pooled else sides
    proto = graph(
        nodes,
        {"x": (np.float32, ("N", 2, *sides))},
        {"y": (np.float32, ("N", 5, *left))},
        {
            "scale": scalar(float(random.uniform(0.5, 2))),
            "w1": weight(random, 4, 2, *kernel), "w2": weight(random, 5, 4, *kernel),
        },
    )  # fmt: skip
    return Model.from_proto(proto, Origin("onnx", "places.onnx"))


def _answers(model: Model, inputs: dict[str, Array]) -> Array:
    with OnnxRuntime().compile(model) as runner:
        return runner(inputs)["y"]


@pytest.mark.parametrize("sides", [(8, 12), (16,)], ids=["image", "signal"])
def test_blocks_are_averaged_before_the_first_convolution(
    random: np.random.Generator, sides: tuple[int, ...]
) -> None:
    model = _network(random, sides)
    inputs: dict[str, Array] = {"x": normal(random, 3, 2, *sides)}
    change = LowerResolution().apply(model, Observed(inputs))
    halves = tuple(side // 2 for side in sides)
    assert change.summary == f"{'x'.join(map(str, sides))} became {'x'.join(map(str, halves))}"
    assert change.model.signature == model.signature
    # the same network, asked about the means of pairs
    coarse = inputs["x"]
    for axis, half in enumerate(halves, start=2):
        shape = (*coarse.shape[:axis], half, 2, *coarse.shape[axis + 1 :])
        coarse = coarse.reshape(shape).mean(axis=axis + 1)
    free = model.to_proto()
    for at, half in enumerate(halves, start=2):
        free.graph.input[0].type.tensor_type.shape.dim[at].dim_value = half
    wanted = _answers(Model.from_proto(free, model.origin), {"x": coarse.astype(np.float32)})
    np.testing.assert_allclose(_answers(change.model, inputs), wanted, rtol=1e-4, atol=1e-5)


def test_sides_that_are_not_whole_blocks_are_interpolated(random: np.random.Generator) -> None:
    model = _network(random, (9, 12))
    inputs: dict[str, Array] = {"x": np.ones((2, 2, 9, 12), np.float32)}
    change = LowerResolution(0.7).apply(model, Observed(inputs))
    assert change.summary == "9x12 became 6x8"
    assert "Resize" in [node.op_type for node in change.model.graph.graph]
    with OpenVINO().compile(change.model) as runner:
        np.testing.assert_allclose(
            runner(inputs)["y"], _answers(change.model, inputs), rtol=1e-3, atol=1e-4
        )


def test_what_puts_out_a_value_for_every_place_is_refused(random: np.random.Generator) -> None:
    inputs: dict[str, Array] = {"x": normal(random, 2, 2, 8, 8)}
    with pytest.raises(PassError, match="does not depend on the size of the input"):
        LowerResolution().apply(_network(random, (8, 8), is_pooled=False), Observed(inputs))


def test_a_dense_layer_behind_all_places_is_refused(random: np.random.Generator) -> None:
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("Flatten", ["c"], ["f"]),
        helper.make_node("Gemm", ["f", "d"], ["y"]),
    ]
    proto = graph(
        nodes,
        {"x": (np.float32, ("N", 1, 4, 4))},
        {"y": (np.float32, ("N", 3))},
        {"w": weight(random, 2, 1, 1, 1), "d": weight(random, 32, 3)},
    )
    model = Model.from_proto(proto, Origin("onnx", "dense.onnx"))
    with pytest.raises(PassError, match="can run"):
        LowerResolution().apply(model, Observed({"x": normal(random, 2, 1, 4, 4)}))


def test_without_a_convolution_there_is_nothing_to_do(random: np.random.Generator) -> None:
    proto = graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"x": (np.float32, ("N", 4))},
        {"y": (np.float32, ("N", 3))},
        {"w": weight(random, 4, 3)},
    )
    model = Model.from_proto(proto, Origin("onnx", "dense.onnx"))
    with pytest.raises(PassError, match="a convolution near an input"):
        LowerResolution().apply(model, Observed({"x": normal(random, 2, 4)}))


@pytest.mark.parametrize("scale", [0.0, 1.0, float("nan")])
def test_a_scale_outside_its_range_is_refused(scale: float) -> None:
    with pytest.raises(SettingError, match="scale"):
        LowerResolution(scale)
