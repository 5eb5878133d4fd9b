"""The first operator that differs is named, and no other."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from tests.cases.building import graph, normal, scalar, weight

from tradewind.importers import load_model
from tradewind.importers.bisection import first_difference
from tradewind.importers.original import Original
from tradewind.tensors import Array, Tensors

LAYERS = 40
"""Twice as many tensors: more than are looked at in one run."""

TOLERANCE = 1e-4


class Reference(Original):
    """A graph, run by ONNX's own reference implementation, in the place of a framework."""

    def __init__(self, proto: onnx.ModelProto, known: Sequence[str] | None = None) -> None:
        self._proto = proto
        self._known = known

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        return self.inside(inputs, [output.name for output in self._proto.graph.output])

    def inside(self, inputs: Tensors, names: Sequence[str]) -> dict[str, Array]:
        shown = [name for name in names if self._known is None or name in self._known]
        exposed = onnx.ModelProto()
        exposed.CopyFrom(self._proto)
        del exposed.graph.output[:]
        exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in shown)
        return dict(zip(shown, ReferenceEvaluator(exposed).run(None, dict(inputs)), strict=True))


def layers(random: np.random.Generator) -> onnx.ModelProto:
    """x -> (Gemm, Relu) many times, with names like `gemm7`."""
    nodes, weights, last = [], {}, "x"
    for index in range(LAYERS):
        weights[f"w{index}"] = weight(random, 6, 6) * 1.5
        weights[f"b{index}"] = normal(random, 6)
        names = [last, f"w{index}", f"b{index}"]
        nodes.append(helper.make_node("Gemm", names, [f"g{index}"], name=f"gemm{index}"))
        nodes.append(helper.make_node("Relu", [f"g{index}"], [f"r{index}"], name=f"relu{index}"))
        last = f"r{index}"
    floats = (np.float32, ("N", 6))
    return graph(nodes, {"x": floats}, {last: floats}, weights)


def change(proto: onnx.ModelProto, name: str, step: float) -> onnx.ModelProto:
    """Return a copy with one element of one weight another."""
    other = onnx.ModelProto()
    other.CopyFrom(proto)
    tensor = next(tensor for tensor in other.graph.initializer if tensor.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values.flat[0] += step
    tensor.CopyFrom(numpy_helper.from_array(values, name))
    return other


def test_the_node_whose_weight_was_changed_is_named(random: np.random.Generator) -> None:
    proto = layers(random)
    at = int(random.integers(LAYERS))
    model = load_model(change(proto, f"b{at}", 0.25))
    place = first_difference(model, Reference(proto), {"x": normal(random, 3, 6)}, TOLERANCE)
    assert place is not None
    assert place.startswith(f"Gemm gemm{at} -> 'g{at}' differs by ")
    # relative where the number is larger than 1
    assert 0 < float(place.rpartition(" ")[2]) <= 0.26


def test_a_difference_that_vanishes_behind_it_is_found(random: np.random.Generator) -> None:
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"], name="add"),
        helper.make_node("Relu", ["a"], ["r"], name="relu"),
        helper.make_node("Add", ["r", "c"], ["y"], name="last"),
    ]
    floats = (np.float32, ("N", 6))
    weights = {"b": np.full(6, -100, np.float32), "c": np.zeros(6, np.float32)}
    proto = graph(nodes, {"x": floats}, {"y": floats}, weights)
    model = load_model(change(change(proto, "b", 0.5), "c", 0.5))
    place = first_difference(model, Reference(proto), {"x": normal(random, 2, 6)}, TOLERANCE)
    assert place is not None
    assert place.startswith("Add add -> 'a' differs by ")


def test_where_the_original_knows_some_names_the_first_of_these_is_named(
    random: np.random.Generator,
) -> None:
    proto = layers(random)
    model = load_model(change(proto, "b3", 50))
    known = Reference(proto, ["r2", "g9", "r30"])
    place = first_difference(model, known, {"x": normal(random, 3, 6)}, TOLERANCE)
    assert place is not None
    assert place.startswith("Gemm gemm9 -> 'g9'")


def test_equal_models_have_no_difference(random: np.random.Generator) -> None:
    proto = layers(random)
    model = load_model(proto)
    assert first_difference(model, Reference(proto), {"x": normal(random, 3, 6)}, 1e-3) is None


def test_an_original_that_names_nothing_says_nothing(random: np.random.Generator) -> None:
    proto = layers(random)
    model = load_model(change(proto, "b3", 50))
    question = {"x": normal(random, 3, 6)}
    assert first_difference(model, Reference(proto, []), question, TOLERANCE) is None


def test_another_shape_is_a_difference(random: np.random.Generator) -> None:
    floats = (np.float32, ("N", 6))
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0], name="turn"),
        helper.make_node("ReduceSum", ["t"], ["y"], keepdims=0, name="sum"),
    ]
    proto = graph(nodes, {"x": floats}, {"y": (np.float32, ())}, {})
    wrong = onnx.ModelProto()
    wrong.CopyFrom(proto)
    wrong.graph.node[0].attribute[0].ints[:] = [0, 1]
    question = {"x": normal(random, 2, 6)}
    place = first_difference(load_model(wrong), Reference(proto), question, TOLERANCE)
    assert place == "Transpose turn -> 't': shape [2, 6], not [6, 2]"


def test_values_that_cannot_leave_the_graph_are_passed_over(random: np.random.Generator) -> None:
    floats = (np.float32, ("N", 6))
    nodes = [
        # a type that no signature has
        helper.make_node("Cast", ["x"], ["e"], to=onnx.TensorProto.FLOAT8E5M2, name="narrow"),
        helper.make_node("Cast", ["e"], ["f"], to=onnx.TensorProto.FLOAT, name="wide"),
        helper.make_node("Mul", ["f", "k"], ["m"], name="scale"),
        helper.make_node("Neg", ["m"], ["y"], name="turn"),
    ]
    proto = graph(nodes, {"x": floats}, {"y": floats}, {"k": scalar(2)}, opset=19)
    wrong = change(proto, "k", 1)
    question = {"x": np.ones((2, 6), np.float32)}
    place = first_difference(load_model(wrong), Reference(proto), question, TOLERANCE)
    assert place is not None
    assert place.startswith("Mul scale -> 'm' differs by 0.5")


def test_a_published_network_with_one_changed_weight_names_its_node(
    shared_data: Path, random: np.random.Generator
) -> None:
    proto = onnx.load(shared_data / "cifar10_resnets" / "resnet20.onnx")
    convolutions = [node for node in proto.graph.node if node.op_type == "Conv"]
    node = convolutions[int(random.integers(1, len(convolutions)))]
    # a bias: an element of a kernel changes nothing where its channel of the input is dead
    name = node.input[2]
    model = load_model(change(proto, name, 10))
    question = {proto.graph.input[0].name: normal(random, 1, 3, 32, 32)}
    place = first_difference(model, Reference(proto), question, 1e-3)
    assert place is not None
    assert f"-> {node.output[0]!r} differs by" in place
