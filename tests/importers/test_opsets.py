"""The same network in every version of ONNX's operators, through every engine."""

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from tests.cases.building import graph, normal, scalar, weight
from tests.cases.case import GENERAL
from tests.cases.comparing import assert_close

from tradewind.importers import load_model
from tradewind.passes import Observed, UpgradeOpset
from tradewind.passes.upgrade_opset import opset_of
from tradewind.tensors import Array

NEWEST = onnx.defs.onnx_opset_version()
OPSETS = range(7, NEWEST + 1)


def network(opset: int, seed: int) -> onnx.ModelProto:
    """Return a small network of operators whose form has changed most over the versions.

    Args:
        opset: in this form.
        seed: of the weights.
    """
    random = np.random.default_rng(seed)
    weights: dict[str, Array] = {
        "k": weight(random, 6, 3, 3, 3),
        "kb": normal(random, 6),
        "scale": np.abs(normal(random, 6)) + 0.5,
        "shift": normal(random, 6),
        "mean": normal(random, 6),
        "var": np.abs(normal(random, 6)) + 0.5,
        "w": weight(random, 24, 5),
        "wb": normal(random, 5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "k", "kb"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "var"], ["n"]),
        _form(opset >= 11, weights, "Clip", ["n"], ["r"], {"min": 0.0, "max": 6.0}),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        _form(opset >= 11, weights, "Pad", ["p"], ["q"], {"pads": [0, 0, 1, 0, 0, 0, 0, 0]}),
        _form(
            opset >= 10, weights, "Slice", ["q"], ["s"],
            {"starts": [1, 0], "ends": [5, 4], "axes": [2, 3]},
        ),
        _form(
            opset >= 18, weights, "ReduceMean", ["s"], ["m"], {"axes": [2]}, keepdims=1
        ),
        _form(opset >= 13, weights, "Squeeze", ["m"], ["sq"], {"axes": [2]}),
        helper.make_node("Dropout", ["sq"], ["d"]),
        helper.make_node("Flatten", ["d"], ["f"]),
        helper.make_node("Gemm", ["f", "w", "wb"], ["g"]),
        helper.make_node("Softmax", ["g"], ["y"], axis=1),
    ]  # fmt: skip
    shape = ("N", 3, 8, 8)
    return graph(
        nodes, {"x": (np.float32, shape)}, {"y": (np.float32, ("N", 5))}, weights, opset=opset
    )


def _form(
    has_inputs: bool,
    weights: dict[str, Array],
    kind: str,
    inputs: list[str],
    outputs: list[str],
    settings: dict[str, float | list[int]],
    **attributes: int,
) -> onnx.NodeProto:
    """Return a node whose settings are attributes in old versions, inputs in newer ones."""
    node = helper.make_node(kind, inputs, outputs)
    node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    for name, value in settings.items():
        if has_inputs:
            kept = scalar(value) if isinstance(value, float) else np.array(value, np.int64)
            weights[f"{outputs[0]}_{name}"] = kept
            node.input.append(f"{outputs[0]}_{name}")
        else:
            node.attribute.append(helper.make_attribute(name, value))
    return node


@pytest.mark.parametrize("opset", OPSETS)
def test_every_version_answers_alike_on_every_engine(
    opset: int, random: np.random.Generator
) -> None:
    seed = int(random.integers(2**31))
    x = normal(random, 3, 3, 8, 8)
    right = np.asarray(next(iter(ReferenceEvaluator(network(17, seed)).run(None, {"x": x}))))
    model = load_model(network(opset, seed))
    assert model.signature.inputs[0].shape == ("N", 3, 8, 8)
    for kind in GENERAL:
        with kind().compile(model) as runner:
            # twelve operators in float32
            assert_close(runner({"x": x}), {"y": right}, 1e-5)


@pytest.mark.parametrize("opset", [opset for opset in OPSETS if opset < 17])
def test_an_upgraded_network_answers_as_before(opset: int, random: np.random.Generator) -> None:
    seed = int(random.integers(2**31))
    x = normal(random, 3, 3, 8, 8)
    model = load_model(network(opset, seed))
    newer = UpgradeOpset().apply(model, Observed({})).model
    assert opset_of(newer) == 17
    for kind in GENERAL:
        with kind().compile(model) as before, kind().compile(newer) as after:
            assert_close(after({"x": x}), before({"x": x}), 1e-5)


@pytest.mark.parametrize("opset", [1, 6])
def test_operators_that_never_changed_run_under_the_oldest_stamps(
    opset: int, random: np.random.Generator
) -> None:
    floats = (np.float32, ("N", 3))
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]),
        helper.make_node("Transpose", ["t"], ["y"], perm=[1, 0]),
    ]
    proto = graph(nodes, {"x": floats}, {"y": floats}, {}, opset=opset)
    x = normal(random, 2, 3)
    for kind in GENERAL:
        with kind().compile(load_model(proto)) as runner:
            assert np.array_equal(runner({"x": x})["y"], x)
