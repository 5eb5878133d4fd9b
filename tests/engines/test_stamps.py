"""Graphs under stamps that are newer than what they use, and than what a runtime reads."""

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases.building import graph
from tests.cases.case import GENERAL

from tradewind.engines import Engine, OnnxRuntime
from tradewind.engines.stamps import newer_operators, restamp
from tradewind.errors import UnsupportedModel
from tradewind.importers import load_model

NEWEST = onnx.defs.onnx_opset_version()


def _one(node: onnx.NodeProto, opset: int = NEWEST) -> onnx.ModelProto:
    floats = (np.float32, (2, 3))
    proto = graph([node], {"x": floats}, {"y": floats}, {}, opset=opset)
    proto.ir_version = onnx.IR_VERSION
    return proto


@pytest.mark.parametrize("engine", [kind() for kind in GENERAL], ids=lambda e: e.name)
def test_the_newest_stamp_runs_where_the_operators_are_old(
    engine: Engine, random: np.random.Generator
) -> None:
    x = random.standard_normal((2, 3)).astype(np.float32)
    with engine.compile(load_model(_one(helper.make_node("Relu", ["x"], ["y"])))) as runner:
        assert np.array_equal(runner({"x": x})["y"], np.maximum(x, 0))


@pytest.mark.skipif(NEWEST < 28, reason="this version of ONNX has no SwiGLU")
def test_an_operator_that_is_too_new_is_named() -> None:
    node = helper.make_node("SwiGLU", ["x", "x"], ["y"])
    floats = (np.float32, (2, 4))
    proto = graph([node], {"x": floats}, {"y": floats}, {}, opset=28)
    with pytest.raises(UnsupportedModel, match=r"SwiGLU|Swish"):
        OnnxRuntime().compile(load_model(proto))


@pytest.mark.skipif(NEWEST < 28, reason="this version of ONNX has none of these definitions")
@pytest.mark.parametrize(
    ("kind", "newer"),
    [
        ("Relu", []),
        ("Celu", []),  # only took on an element type
        ("BitShift", ["BitShift"]),  # shifts signed integers in another way
        ("SpaceToDepth", ["SpaceToDepth"]),  # has an attribute more
        ("SwiGLU", ["SwiGLU"]),
    ],
)
def test_only_what_means_something_else_is_newer(kind: str, newer: list[str]) -> None:
    proto = _one(helper.make_node(kind, ["x"], ["y"]), 28)
    assert newer_operators(proto, 26) == newer
    assert newer_operators(proto, 28) == []


@pytest.mark.skipif(NEWEST < 28, reason="this version of ONNX has no SwiGLU")
def test_what_lies_in_branches_and_functions_counts() -> None:
    branch = helper.make_graph(
        [helper.make_node("SwiGLU", ["x"], ["z"])], "b", [],
        [helper.make_tensor_value_info("z", 1, None)],
    )  # fmt: skip
    proto = _one(helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))
    assert newer_operators(proto, 26) == ["SwiGLU"]
    called = _one(helper.make_node("Mine", ["x"], ["y"], domain="mine"))
    body = [helper.make_node("SwiGLU", ["a"], ["b"])]
    stamps = [helper.make_opsetid("", NEWEST)]
    called.functions.append(helper.make_function("mine", "Mine", ["a"], ["b"], body, stamps))
    assert newer_operators(called, 26) == ["SwiGLU"]


def test_a_restamped_graph_is_a_copy() -> None:
    proto = _one(helper.make_node("Relu", ["x"], ["y"]))
    before = proto.SerializeToString(deterministic=True)
    older = restamp(proto, 20, 9)
    assert (older.ir_version, older.opset_import[0].version) == (9, 20)
    assert proto.SerializeToString(deterministic=True) == before
    assert restamp(older, 25, 10) == older
