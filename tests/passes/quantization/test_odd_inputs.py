"""Calibration data and graphs on which quantizers stumble."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper
from tests.cases.narrowing import narrowed

from tradewind.engines import OnnxRuntime
from tradewind.errors import PassError
from tradewind.measure import this_machine
from tradewind.model import Model, Origin
from tradewind.passes import Observed, Pass, QuantizeDynamic, QuantizeNNCF, QuantizeStatic, compare
from tradewind.passes.quantization.preparing import prepared
from tradewind.passes.quantization.ranges import Rule, observed_ranges
from tradewind.tensors import Array

CALIBRATIONS = ("minmax", "percentile", "entropy", "mse")


def _weight(random: np.random.Generator, name: str, *shape: int) -> TensorProto:
    values = random.standard_normal(shape) / np.sqrt(shape[0])
    return numpy_helper.from_array(values.astype(np.float32), name)


def _model(nodes: Sequence[NodeProto], weights: Sequence[TensorProto], classes: int = 4) -> Model:
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", classes])],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "odd.onnx"))


def _dense(random: np.random.Generator) -> Model:
    nodes = [
        helper.make_node("Gemm", ["x", "w0", "b0"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w1"], ["y"]),
    ]
    weights = [_weight(random, "w0", 8, 6), _weight(random, "b0", 6), _weight(random, "w1", 6, 4)]
    return _model(nodes, weights)


def _largest_sum(model: Model, x: Array) -> float:
    """Return what the largest output would be if nothing in it cancelled out."""
    held = {
        one.name: np.abs(numpy_helper.to_array(one)) for one in model.to_proto().graph.initializer
    }
    hidden = np.abs(x) @ held["w0"] + held["b0"]
    return float((hidden @ held["w1"]).max())


def _relative(model: Model, changed: Model, x: Array) -> float:
    with OnnxRuntime().compile(model) as one, OnnxRuntime().compile(changed) as other:
        return compare(one({"x": x}), other({"x": x})).relative


@pytest.mark.parametrize("value", [0.0, 2.5])
@pytest.mark.parametrize("calibration", CALIBRATIONS)
def test_inputs_that_never_change_are_answered_as_before(
    calibration: str, value: float, random: np.random.Generator
) -> None:
    model = _dense(random)
    constant = np.full((20, 8), value, np.float32)
    step = narrowed(QuantizeStatic(calibration=calibration))  # type: ignore[arg-type]
    changed = step.apply(model, Observed({"x": constant})).model
    with OnnxRuntime().compile(model) as one, OnnxRuntime().compile(changed) as other:
        difference = one({"x": constant[:3]})["y"] - other({"x": constant[:3]})["y"]
    # each value and weight is one of 256 steps, or of 128 where wider weights would saturate; what
    # cancels out in a sum leaves its error there
    allowed = 0.02 if this_machine().saturates else 0.01
    assert np.abs(difference).max() <= allowed * _largest_sum(model, constant[:1])


def test_one_class_of_examples_still_answers_the_others(random: np.random.Generator) -> None:
    model = _dense(random)
    one = (random.standard_normal((60, 8)) * 0.1 + 1).astype(np.float32)
    changed = narrowed(QuantizeStatic()).apply(model, Observed({"x": one})).model
    other = random.standard_normal((5, 8)).astype(np.float32) * 10
    with OnnxRuntime().compile(changed) as runner:
        assert np.isfinite(runner({"x": other})["y"]).all()


def test_masks_leave_their_neighbours_in_float(random: np.random.Generator) -> None:
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["scores"]),
        helper.make_node("Greater", ["x", "zero"], ["allowed"]),
        helper.make_node("Where", ["allowed", "scores", "far"], ["masked"]),
        helper.make_node("Softmax", ["masked"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "w1"], ["y"]),
    ]
    for far in (-np.inf, np.finfo(np.float32).min, -1e9):
        weights = [
            _weight(random, "w0", 8, 8),
            _weight(random, "w1", 8, 4),
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
            numpy_helper.from_array(np.array(far, np.float32), "far"),
        ]
        model = _model(nodes, weights)
        x = random.standard_normal((200, 8)).astype(np.float32)
        x[:, 0] = np.abs(x[:, 0])  # something is always allowed
        proto = prepared(model)
        rule = Rule("minmax", 99.9, is_symmetric=False)
        ranges = observed_ranges(model, proto, Observed({"x": x}), rule, proto.graph.node)
        spared = ranges.unbounded(proto)
        assert {node.op_type for node in proto.graph.node if node.name in spared} \
            == {"Where", "Softmax"}  # fmt: skip
        changed = narrowed(QuantizeStatic()).apply(model, Observed({"x": x})).model
        # with the masked scores in 256 steps all that is allowed would share alike
        assert _relative(model, changed, x) < 0.33


def _branching(random: np.random.Generator) -> Model:
    def branch(name: str, weight: str) -> GraphProto:
        node = helper.make_node("MatMul", ["h", weight], [name])
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4])
        return helper.make_graph([node], name, [], [out])

    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["h"]),
        helper.make_node("ReduceMax", ["x"], ["top"], keepdims=0),
        helper.make_node("Greater", ["top", "zero"], ["is_high"]),
        helper.make_node(
            "If",
            ["is_high"],
            ["y"],
            then_branch=branch("high", "w1"),
            else_branch=branch("low", "w2"),
        ),
    ]
    weights = [
        _weight(random, "w0", 8, 6),
        _weight(random, "w1", 6, 4),
        _weight(random, "w2", 6, 4),
        numpy_helper.from_array(np.array(0, np.float32), "zero"),
    ]
    return _model(nodes, weights)


@pytest.mark.parametrize("make", [QuantizeStatic, QuantizeDynamic])
def test_what_branches_is_quantized_outside_of_the_branches(
    make: Callable[[], Pass], random: np.random.Generator
) -> None:
    model = _branching(random)
    x = random.standard_normal((40, 8)).astype(np.float32)
    changed = narrowed(make()).apply(model, Observed({"x": x})).model
    assert _relative(model, changed, x[:4]) < 0.1


@pytest.mark.parametrize("make", [QuantizeStatic, QuantizeDynamic, QuantizeNNCF])
def test_a_graph_without_weighted_operators_is_refused(
    make: Callable[[], Pass], random: np.random.Generator
) -> None:
    model = _model([helper.make_node("Softmax", ["x"], ["y"])], [], classes=8)
    x = random.standard_normal((9, 8)).astype(np.float32)
    with pytest.raises(PassError, match=r"odd\.onnx"):
        make().apply(model, Observed({"x": x}))


def test_sequences_of_any_length_calibrate_together(random: np.random.Generator) -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Tanh", ["h"], ["y"])],
        "odd",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "time", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "time", 4])],
        [_weight(random, "w", 8, 4)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    model = Model.from_proto(proto, Origin("onnx", "odd.onnx"))
    seen = Observed({"x": random.standard_normal((9, 5, 8)).astype(np.float32)})
    changed = narrowed(QuantizeStatic()).apply(model, seen).model
    assert _relative(model, changed, random.standard_normal((2, 11, 8)).astype(np.float32)) < 0.2
