from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def small_proto() -> onnx.ModelProto:
    """y = relu(x @ w + b), x float32[N, 4], y float32[N, 2]."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(size=(4, 2)).astype(np.float32), "w"),
        numpy_helper.from_array(np.zeros(2, np.float32), "b"),
    ]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["z"], name="gemm"),
        helper.make_node("Relu", ["z"], ["y"], name="relu"),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def proto() -> onnx.ModelProto:
    return small_proto()


@pytest.fixture
def path(tmp_path: Path, proto: onnx.ModelProto) -> Path:
    path = tmp_path / "small.onnx"
    path.write_bytes(proto.SerializeToString())
    return path
