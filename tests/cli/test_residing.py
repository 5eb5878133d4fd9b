from functools import partial
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tradewind.cli.opening import Importing
from tradewind.cli.residing import opener
from tradewind.engines import OnnxRuntime


def test_a_model_without_a_bundle_is_served_by_threads_that_do_not_wait_busily(
    tmp_path: Path,
) -> None:
    sides = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("x", "y")
    ]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "relu", [sides[0]], [sides[1]]
    )
    opset = [helper.make_opsetid("", 17)]
    path = tmp_path / "relu.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    compiling = opener(Importing(), [path])(path, "relu", "1")
    assert isinstance(compiling, partial)
    assert compiling.args[0].engine == OnnxRuntime(spin=False)
    served = compiling()
    served.runner.close()
    assert served.platform == "onnx_onnxruntime"
