import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cases.case import GENERAL
from tests.cases.comparing import assert_close

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.tensors import Datatype, TensorSpec


def outside(path: Path, location: str, offset: int = 0, length: int = 32) -> onnx.ModelProto:
    """Return the model in `path` with `w` in the file `location`, which is not written."""
    proto = onnx.load(path)
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    entries = {"location": location, "offset": str(offset), "length": str(length)}
    for key, value in entries.items():
        weight.external_data.add(key=key, value=value)
    path.write_bytes(proto.SerializeToString())
    return proto


def test_a_file_keeps_its_signature_and_answers(path: Path) -> None:
    model = load_model(path)
    assert model.signature.inputs == (TensorSpec("x", Datatype.FP32, ("N", 4)),)
    assert model.origin.framework == "onnx"
    assert model.origin.source == "small.onnx"
    with OnnxRuntime().compile(model) as runner:
        assert runner({"x": np.ones((3, 4), np.float32)})["y"].shape == (3, 2)


def test_a_proto_in_memory_is_left_as_it_was(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    before = proto.SerializeToString(deterministic=True)
    assert load_model(proto).signature.inputs[0].shape == ("N", 4)
    assert proto.SerializeToString(deterministic=True) == before


def test_a_circle_of_links_is_refused(path: Path) -> None:
    (path.parent / "weights.bin").symlink_to("weights.bin")
    outside(path, "weights.bin")
    with pytest.raises(ModelError):
        load_model(path)


def test_missing_weights_are_named(path: Path) -> None:
    outside(path, "weights.bin")
    with pytest.raises(ModelError, match=r"w: expected the file 'weights\.bin'"):
        load_model(path)


def test_weights_in_a_file_need_a_folder(path: Path) -> None:
    with pytest.raises(ModelError, match="weights inside the model"):
        load_model(outside(path, "weights.bin"))


@pytest.mark.parametrize("version", [-1, 0, onnx.defs.onnx_opset_version() + 1, 2**40])
def test_an_opset_that_no_engine_reads_is_named(proto: onnx.ModelProto, version: int) -> None:
    proto.opset_import[0].version = version
    with pytest.raises(ModelError, match=f"got opset {version}"):
        load_model(proto)


def test_a_newer_file_format_is_named(proto: onnx.ModelProto) -> None:
    proto.ir_version = 999
    with pytest.raises(ModelError, match="got 999"):
        load_model(proto)


def test_an_unknown_operator_is_named_with_its_opset(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].op_type = "Frobnicate"
    with pytest.raises(ModelError, match=r"relu: .* opset 17, got Frobnicate"):
        load_model(proto)


def test_an_unknown_operator_inside_of_a_branch_is_named(proto: onnx.ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Frobnicate", [], ["r"])],
        "branch",
        [],
        [helper.make_tensor_value_info("r", TensorProto.FLOAT, [1])],
    )
    proto.graph.node.append(
        helper.make_node("If", ["c"], ["d"], then_branch=branch, else_branch=branch)
    )
    with pytest.raises(ModelError, match="Frobnicate"):
        load_model(proto)


def test_operators_of_other_domains_are_left_to_the_engines(proto: onnx.ModelProto) -> None:
    proto.opset_import.add(domain="com.microsoft", version=1)
    proto.graph.node[1].domain = "com.microsoft"
    proto.graph.node[1].op_type = "Gelu"
    assert load_model(proto).signature.outputs[0].name == "y"


def test_an_output_without_a_shape_gets_one(proto: onnx.ModelProto) -> None:
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    assert load_model(proto).signature.outputs[0].shape == ("N", 2)


def test_a_batch_without_a_name_gets_one(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].Clear()
    assert load_model(proto).signature.inputs[0].shape == ("N", 4)


def test_a_negative_size_means_any(proto: onnx.ModelProto) -> None:
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    assert load_model(proto).signature.inputs[0].shape == ("N", 4)


def test_weights_among_the_inputs_are_no_inputs(proto: onnx.ModelProto) -> None:
    proto.ir_version = 3
    proto.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 2]))
    proto.graph.input.append(helper.make_tensor_value_info("b", TensorProto.FLOAT, [2]))
    assert [spec.name for spec in load_model(proto).signature.inputs] == ["x"]


def test_a_graph_that_uses_what_nobody_makes_is_refused(proto: onnx.ModelProto) -> None:
    proto.graph.node[1].input[0] = "nowhere"
    with pytest.raises(ModelError, match="a valid ONNX model"):
        load_model(proto)


def test_a_graph_without_inputs_is_refused(proto: onnx.ModelProto) -> None:
    proto.graph.node[0].input[0] = "w"
    del proto.graph.input[:]
    with pytest.raises(ModelError, match="no inputs"):
        load_model(proto)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.write(b"\x08\x08\x12\x00")
        os.truncate(file.fileno(), 2**31)  # sparse: takes no room
    with pytest.raises(ModelError, match="at most"):
        load_model(path)


def test_weights_that_are_too_large_are_refused_before_they_are_read(path: Path) -> None:
    with (path.parent / "weights.bin").open("wb") as file:
        os.truncate(file.fileno(), 2**32)
    outside(path, "weights.bin", 0, 2**32)
    with pytest.raises(ModelError, match="at most"):
        load_model(path)


def test_truncations_end_in_a_model_error_or_a_model(
    path: Path, random: np.random.Generator
) -> None:
    content = path.read_bytes()
    for end in random.integers(0, len(content), 200):
        path.write_bytes(content[:end])
        try:
            load_model(path)
        except ModelError:
            continue


def test_flipped_bits_end_in_a_model_error_or_a_model(
    path: Path, random: np.random.Generator
) -> None:
    content = path.read_bytes()
    for _ in range(300):
        flipped = bytearray(content)
        for position in random.integers(0, len(content), random.integers(1, 4)):
            flipped[position] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        try:
            load_model(path)
        except ModelError:
            continue


def test_random_bytes_end_in_a_model_error(tmp_path: Path, random: np.random.Generator) -> None:
    path = tmp_path / "random.onnx"
    for _ in range(200):
        path.write_bytes(random.bytes(int(random.integers(1, 300))))
        with pytest.raises(ModelError):
            load_model(path)


def test_published_models_answer_alike_on_every_engine(
    shared_data: Path, random: np.random.Generator
) -> None:
    paths = sorted(shared_data.rglob("*.onnx"))
    assert paths
    for path in paths:
        model = load_model(path)
        inputs = {
            spec.name: random.random(
                [size if isinstance(size, int) else 2 for size in spec.shape]
            ).astype(spec.datatype.numpy)
            for spec in model.signature.inputs
        }
        answers = []
        for kind in GENERAL:
            with kind().compile(model) as runner:
                answers.append(runner(inputs))
        for other in answers[1:]:
            # up to a hundred operators in float32, the deepest a transformer
            assert_close(other, answers[0], 1e-3)


def test_an_output_that_only_a_crash_could_infer_is_named(proto: onnx.ModelProto) -> None:
    proto.opset_import[0].version = 20
    proto.opset_import.add(domain="acme", version=1)
    del proto.graph.node[:]
    proto.graph.node.append(helper.make_node("Magic", ["x"], ["m"], domain="acme"))
    # the inference of the installed ONNX may end the process at it: `m` has no type
    proto.graph.node.append(helper.make_node("RegexFullMatch", ["m"], ["y"], pattern="a"))
    proto.graph.output[0].ClearField("type")
    with pytest.raises(ModelError, match="y"):
        load_model(proto)


def test_the_shape_of_an_output_follows_from_small_weights(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.array([-1, 1, 2]), "shape"))
    proto.graph.node.append(helper.make_node("Reshape", ["y", "shape"], ["r"]))
    proto.graph.output[0].name = "r"
    proto.graph.output[0].ClearField("type")
    assert load_model(proto).signature.outputs[0].shape[1:] == (1, 2)
