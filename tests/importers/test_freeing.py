"""Files for one example at a time, which take several where that is the same."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases.building import Shape, graph, normal, weight

from tradewind.engines import OnnxRuntime
from tradewind.importers import OnnxImporter, load_model, notes_of
from tradewind.tensors import Array

F32 = np.float32


def alone(
    nodes: Sequence[onnx.NodeProto], weights: dict[str, Array], shape: Shape = (1, 2, 6)
) -> onnx.ModelProto:
    """Return a graph from `x`, one example of [2, 6], to `y`."""
    return graph(nodes, {"x": (F32, shape)}, {"y": (F32, (shape[0], 4))}, weights)


def flattening(shape: Sequence[int]) -> Callable[[np.random.Generator], onnx.ModelProto]:
    """Return what makes a graph that flattens by a constant of this shape."""

    def made(random: np.random.Generator) -> onnx.ModelProto:
        nodes = [
            helper.make_node("Reshape", ["x", "flat"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["y"]),
        ]
        return alone(nodes, {"flat": np.array(shape), "w": weight(random, 12, 4)})

    return made


def with_tail(*tail: onnx.NodeProto) -> Callable[[np.random.Generator], onnx.ModelProto]:
    """Return what makes a graph that ends with these nodes, from `h` to `y`."""

    def made(random: np.random.Generator) -> onnx.ModelProto:
        nodes = [
            helper.make_node("Flatten", ["x"], ["f"]),
            helper.make_node("MatMul", ["f", "w"], ["h"]),
            *tail,
        ]
        return alone(nodes, {"w": weight(random, 12, 4), "row": normal(random, 1, 4)})

    return made


def recurrent(random: np.random.Generator) -> onnx.ModelProto:
    """Return a graph whose first state is a constant for one example."""
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
        helper.make_node("GRU", ["t", "w", "r", "", "", "h0"], ["", "h"], hidden_size=4),
        helper.make_node("Squeeze", ["h", "first"], ["y"]),
    ]
    weights = {
        "w": normal(random, 1, 12, 6), "r": normal(random, 1, 12, 4),
        "h0": normal(random, 1, 1, 4), "first": np.array([0]),
    }  # fmt: skip
    return alone(nodes, weights)


FREE = {
    "flat": flattening((1, 12)),
    "flat and rest": flattening((1, -1)),
    "no constant": with_tail(helper.make_node("Relu", ["h"], ["y"])),
    "row added": with_tail(helper.make_node("Add", ["h", "row"], ["y"])),
}
BOUND = {
    "first state": recurrent,
    "share of all": with_tail(helper.make_node("Softmax", ["h"], ["y"], axis=0)),
    "mean of all": with_tail(
        helper.make_node("ReduceMean", ["h"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["h", "m"], ["d"]),
        helper.make_node("Add", ["d", "row"], ["y"]),
    ),
    "small mean of all": with_tail(  # far below what an absolute tolerance sees
        helper.make_node("Constant", [], ["tiny"], value_float=1e-7),
        helper.make_node("ReduceMean", ["h"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Add", ["h", "m"], ["s"]),
        helper.make_node("Mul", ["s", "tiny"], ["y"]),
    ),
    "row joined": with_tail(
        helper.make_node("Concat", ["h", "row"], ["c"], axis=0),
        helper.make_node("ReduceMax", ["c"], ["y"], axes=[0], keepdims=1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FREE)
def test_a_graph_that_computes_each_example_alone_takes_several(
    name: str, random: np.random.Generator
) -> None:
    proto = FREE[name](random)
    before, after = OnnxImporter().load(proto), load_model(proto)
    assert before.signature.fixed_batch == 1
    assert [spec.shape for spec in after.signature.inputs] == [("N", 2, 6)]
    assert [spec.shape for spec in after.signature.outputs] == [("N", 4)]
    x = normal(random, 7, 2, 6)
    with OnnxRuntime().compile(before) as one, OnnxRuntime().compile(after) as many:
        wanted = np.concatenate([one({"x": row[None]})["y"] for row in x])
        assert many({"x": x})["y"] == pytest.approx(wanted, abs=1e-5)
        assert many({"x": x[:1]})["y"] == pytest.approx(wanted[:1], abs=1e-5)
    [note] = notes_of(after)
    assert "any number may be given" in note
    assert load_model(after.to_proto()).content == after.content


@pytest.mark.parametrize("name", BOUND)
def test_a_graph_whose_examples_touch_stays_as_it_is(
    name: str, random: np.random.Generator
) -> None:
    proto = BOUND[name](random)
    assert load_model(proto) == OnnxImporter().load(proto)


def test_answers_whose_size_depends_on_the_example_stay_alone() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Reshape", ["r", "flat"], ["f"]),
        helper.make_node("NonZero", ["f"], ["y"]),
    ]
    weights = {"flat": np.array([-1])}
    proto = graph(nodes, {"x": (F32, (1, 6))}, {"y": (np.int64, (1, "found"))}, weights)
    assert load_model(proto) == OnnxImporter().load(proto)


def test_a_reshape_from_before_opset_5_is_read(random: np.random.Generator) -> None:
    nodes = [helper.make_node("Reshape", ["x"], ["y"], shape=[1, 6])]
    proto = graph(nodes, {"x": (F32, (1, 2, 3))}, {"y": (F32, (1, 6))}, {}, opset=4)
    assert load_model(proto) == OnnxImporter().load(proto)


def test_other_sizes_and_partners_stay(random: np.random.Generator) -> None:
    relu = helper.make_node("Relu", ["x"], ["y"])
    several = graph([relu], {"x": (F32, (4, 3))}, {"y": (F32, (4, 3))}, {})
    assert load_model(several).signature.fixed_batch == 4
    add = helper.make_node("Add", ["x", "z"], ["y"])
    mixed = graph([add], {"x": (F32, (1, 3)), "z": (F32, (3,))}, {"y": (F32, (1, 3))}, {})
    assert load_model(mixed) == OnnxImporter().load(mixed)


def test_the_name_is_one_that_means_nothing_else(random: np.random.Generator) -> None:
    relu = helper.make_node("Relu", ["x"], ["y"])
    proto = graph([relu], {"x": (F32, (1, "N"))}, {"y": (F32, (1, "N"))}, {})
    assert load_model(proto).signature.inputs[0].shape == ("batch", "N")


@pytest.mark.parametrize(
    "file", ["mlperf_tiny/vww_96_float.onnx", "mlperf_tiny/pretrainedResnet_nchw.onnx",
             "mlperf_tiny/pretrainedResnet_nhwc.onnx", "dtln/model_1.onnx"],
)  # fmt: skip
def test_real_files_for_one_example_take_several(
    file: str, shared_data: Path, random: np.random.Generator
) -> None:
    before, after = OnnxImporter().load(shared_data / file), load_model(shared_data / file)
    assert (before.signature.fixed_batch, after.signature.fixed_batch) == (1, None)
    given = {
        spec.name: normal(random, 9, *(size for size in spec.shape[1:] if isinstance(size, int)))
        for spec in before.signature.inputs
    }
    with OnnxRuntime().compile(before) as one, OnnxRuntime().compile(after) as many:
        rows = [one({name: array[[at]] for name, array in given.items()}) for at in range(9)]
        for name, got in many(given).items():
            wanted = np.concatenate([row[name] for row in rows])
            assert got == pytest.approx(wanted, abs=1e-4 * float(np.abs(wanted).max()))
