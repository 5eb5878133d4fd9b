"""Functions that a file defines itself, and operators that are nobody's."""

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.cases.building import graph, normal
from tests.cases.case import GENERAL

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import ModelError, UnsupportedModel
from tradewind.importers import load_model

EVERY_ENGINE = pytest.mark.parametrize("engine", [kind() for kind in GENERAL], ids=lambda e: e.name)
FLOATS = (np.float32, ("N", 3))


def calling(node: onnx.NodeProto, *functions: onnx.FunctionProto) -> onnx.ModelProto:
    """Return a model of one node from x to y."""
    proto = graph([node], {"x": FLOATS}, {"y": FLOATS}, {})
    if node.domain:
        proto.opset_import.add(domain=node.domain, version=1)
    proto.functions.extend(functions)
    return proto


def function(
    name: str, nodes: list[onnx.NodeProto], attributes: tuple[str, ...] = (), opset: int = 17
) -> onnx.FunctionProto:
    """Return a function from a to b."""
    stamps = [helper.make_opsetid("", opset), helper.make_opsetid("mine", 1)]
    return helper.make_function("mine", name, ["a"], ["b"], nodes, stamps, list(attributes))


def handed(node: onnx.NodeProto, name: str, outer: str) -> onnx.NodeProto:
    """Return the node with an attribute that the caller of its function gives."""
    node.attribute.append(
        onnx.AttributeProto(name=name, ref_attr_name=outer, type=onnx.AttributeProto.FLOAT)
    )
    return node


def mine(name: str, given: str, made: str, **attributes: float) -> onnx.NodeProto:
    """Return a call."""
    node = helper.make_node(name, [given], [made], domain="mine")
    node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    return node


def nested() -> onnx.ModelProto:
    """y = 2 leaky(x), in a function that calls a function and hands on the slope."""
    leaky = handed(helper.make_node("LeakyRelu", ["a"], ["b"]), "alpha", "slope")
    call = handed(mine("Leaky", "a", "l"), "slope", "s")
    twice = helper.make_node("Add", ["l", "l"], ["b"])
    return calling(
        mine("Twice", "x", "y", s=0.25),
        function("Twice", [call, twice], ("s",)),
        function("Leaky", [leaky], ("slope",)),
    )


@EVERY_ENGINE
def test_functions_in_functions_with_attributes_are_computed(
    engine: Engine, random: np.random.Generator
) -> None:
    x = normal(random, 4, 3)
    model = load_model(nested())
    assert {node.op_type for node in model.graph.graph} == {"LeakyRelu", "Add"}
    with engine.compile(model) as runner:
        np.testing.assert_allclose(runner({"x": x})["y"], 2 * np.where(x < 0, x / 4, x), rtol=1e-6)


@EVERY_ENGINE
def test_a_function_inside_of_a_branch_is_computed(
    engine: Engine, random: np.random.Generator
) -> None:
    branch = helper.make_graph(
        [mine("Leaky", "x", "z", slope=0.5)], "b", [],
        [helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["N", 3])],
    )  # fmt: skip
    leaky = handed(helper.make_node("LeakyRelu", ["a"], ["b"]), "alpha", "slope")
    proto = calling(
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        function("Leaky", [leaky], ("slope",)),
    )
    proto.opset_import.add(domain="mine", version=1)
    proto.graph.input.append(helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []))
    x = normal(random, 4, 3)
    with engine.compile(load_model(proto)) as runner:
        answer = runner({"x": x, "c": np.array(True)})["y"]
    np.testing.assert_allclose(answer, np.where(x < 0, x / 2, x), rtol=1e-6)


def test_an_unknown_operator_inside_of_a_function_is_named() -> None:
    node = helper.make_node("Frobnicate", ["a"], ["b"])
    with pytest.raises(ModelError, match="Frobnicate"):
        load_model(calling(mine("Odd", "x", "y"), function("Odd", [node])))


def test_a_function_that_calls_itself_is_refused() -> None:
    with pytest.raises(ModelError, match=r"mine\.Again: .*call themselves"):
        load_model(calling(mine("Again", "x", "y"), function("Again", [mine("Again", "a", "b")])))


def test_functions_that_call_each_other_are_refused() -> None:
    functions = [
        function(name, [mine(other, "a", "b")]) for name, other in (("A", "B"), ("B", "A"))
    ]
    with pytest.raises(ModelError, match="call themselves"):
        load_model(calling(mine("A", "x", "y"), *functions))


def test_functions_that_grow_exponentially_are_refused_before_they_do() -> None:
    last = function("F40", [helper.make_node("Relu", ["a"], ["b"])])
    functions = [
        function(f"F{depth}", [mine(f"F{depth + 1}", "a", "m"), mine(f"F{depth + 1}", "m", "b")])
        for depth in range(40)
    ]
    proto = calling(mine("F0", "x", "y"), *functions, last)
    proto.graph.output[0].ClearField("type")  # so that its shape has to be inferred
    with pytest.raises(ModelError, match=r"1,099,511,627,776, in its functions"):
        load_model(proto)


@EVERY_ENGINE
def test_an_operator_of_nobody_is_named_with_what_to_do(engine: Engine) -> None:
    node = helper.make_node("Magic", ["x"], ["y"], domain="acme")
    with pytest.raises(UnsupportedModel, match="Magic") as caught:
        engine.compile(load_model(calling(node)))
    assert "no engine has the operators of 'acme'" in caught.value.hint


@EVERY_ENGINE
def test_operators_of_microsoft_run_where_they_are_known(
    engine: Engine, random: np.random.Generator
) -> None:
    x = normal(random, 4, 3)
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    gelu = helper.make_node("Gelu", ["x"], ["y"])
    own = graph([gelu], {"x": FLOATS}, {"y": FLOATS}, {}, opset=20)
    with (
        engine.compile(load_model(calling(node))) as theirs,
        engine.compile(load_model(own)) as standard,
    ):
        # two kernels of one function
        np.testing.assert_allclose(theirs({"x": x})["y"], standard({"x": x})["y"], atol=1e-5)


def test_the_engine_that_an_operator_belongs_to_is_named() -> None:
    model = load_model(calling(helper.make_node("Inverse", ["x"], ["y"], domain="com.microsoft")))
    OnnxRuntime().compile(model).close()
    with pytest.raises(UnsupportedModel, match="Inverse") as caught:
        OpenVINO().compile(model)
    assert "belong to the engine `onnxruntime`" in caught.value.hint
    swish = helper.make_node("Swish", ["x"], ["y"], domain="org.openvinotoolkit")
    with pytest.raises(UnsupportedModel, match="Swish") as caught:
        OnnxRuntime().compile(load_model(calling(swish)))
    assert "belong to the engine `openvino`" in caught.value.hint
