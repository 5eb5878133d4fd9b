from functools import partial
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tradewind.cli.opening import Importing
from tradewind.cli.residing import answering, opener
from tradewind.engines import OnnxRuntime
from tradewind.errors import BundleError, SettingError


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


def test_a_variant_is_that_of_the_only_model_or_of_one_by_name() -> None:
    assert answering((), ("a", "b")) == {}
    assert answering(("int8",), ("a",)) == {"a": "int8"}
    assert answering(("b=int8", "a=original"), ("a", "b")) == {"a": "original", "b": "int8"}


@pytest.mark.parametrize("given", [("int8",), ("c=int8",), ("a=int8", "a=original")])
def test_a_variant_of_nothing_is_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(SettingError, match="--variant"):
        answering(given, ("a", "b"))


def test_another_variant_of_a_bundle_answers_when_asked_to(bundle: Path) -> None:
    served = opener(Importing(), [bundle], variants={"model": "original"})(bundle, "model", "1")()
    served.runner.close()
    assert served.parameters["variant"] == "original"
    with pytest.raises(BundleError, match="int8"):
        opener(Importing(), [bundle], variants={"model": "int8"})(bundle, "model", "1")
