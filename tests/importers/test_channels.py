import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tradewind.engines import OnnxRuntime
from tradewind.importers.converters.channels import fold_channels
from tradewind.model import Model, Origin


def network(
    random: np.random.Generator,
    steps: list[tuple[str, list[int]]],
    *,
    perm: list[int] | None = None,
    has_bias: bool = True,
    is_shown: bool = False,
) -> onnx.ModelProto:
    """Return a convolution, channels moved to the end, and arithmetic with constants."""
    constants = {"weight": random.normal(size=(4, 3, 2, 2)), "bias": random.normal(size=4)}
    inputs = ["x", "weight", "bias"][: 3 if has_bias else 2]
    nodes = [
        helper.make_node("Conv", inputs, ["conv"]),
        helper.make_node("Transpose", ["conv"], ["turned"], perm=perm or [0, 2, 3, 1]),
    ]
    last = "turned"
    for number, (kind, shape) in enumerate(steps):
        constants[f"c{number}"] = random.normal(size=shape)
        nodes.append(helper.make_node(kind, [last, f"c{number}"], [f"step{number}"]))
        last = f"step{number}"
    nodes.append(helper.make_node("Relu", [last], ["y"]))
    shown = ["y", "turned"] if is_shown else ["y"]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 5, 5])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in shown],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    return onnx.shape_inference.infer_shapes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    )


def answers(proto: onnx.ModelProto, x: np.ndarray) -> dict[str, np.ndarray]:
    model = Model(proto.SerializeToString(), Origin("onnx", "test"))
    with OnnxRuntime(threads=1).compile(model) as runner:
        return runner({"x": x})


BATCH_NORM = [("Add", [4]), ("Sub", [1, 1, 1, 4]), ("Mul", [1, 1, 1, 4]), ("Add", [1, 1, 1, 4])]


@pytest.mark.parametrize("has_bias", [True, False])
def test_a_normalization_behind_a_convolution_vanishes(has_bias: bool) -> None:
    seed = int(np.random.default_rng().integers(2**32))
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    proto = network(random, BATCH_NORM, has_bias=has_bias)
    x = random.normal(size=(2, 3, 5, 5)).astype(np.float32)
    wanted = answers(proto, x)["y"]
    fold_channels(proto.graph)
    onnx.checker.check_model(proto)
    assert [node.op_type for node in proto.graph.node] == ["Conv", "Transpose", "Relu"]
    assert proto.graph.node[1].output[0] == "step3"
    assert {tensor.name for tensor in proto.graph.initializer} == set(proto.graph.node[0].input[1:])
    # sums of twelve float32 products, rounded in another order
    np.testing.assert_allclose(answers(proto, x)["y"], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("steps", "perm", "is_shown"),
    [
        ([("Add", [4, 1])], None, False),  # a number for each row of the picture
        ([("Div", [4])], None, False),
        ([("Add", [4])], [0, 3, 2, 1], False),  # rows and columns change places
        ([("Add", [4])], None, True),  # somebody reads what would vanish
    ],
)
def test_other_arithmetic_stays(
    steps: list[tuple[str, list[int]]], perm: list[int] | None, is_shown: bool
) -> None:
    seed = int(np.random.default_rng().integers(2**32))
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    proto = network(random, steps, perm=perm, is_shown=is_shown)
    before = proto.SerializeToString(deterministic=True)
    fold_channels(proto.graph)
    left = {tensor.name for tensor in proto.graph.initializer}
    assert left == {"weight", "bias", "c0"}
    assert [node.op_type for node in proto.graph.node] == ["Conv", "Transpose", steps[0][0], "Relu"]
    assert proto.SerializeToString(deterministic=True) == before
