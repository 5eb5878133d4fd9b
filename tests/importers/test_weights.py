"""Weights in files beside an ONNX file: every legal form is read, nothing from elsewhere."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.cases.building import graph
from tests.cases.case import GENERAL

from tradewind.engines import Engine, OnnxRuntime
from tradewind.errors import ModelError
from tradewind.importers import load_model

FLOATS = (np.float32, ("N", 3))


def move_out(tensor: onnx.TensorProto, folder: Path, name: str, **entries: str) -> None:
    """Append the data of a tensor to a file and let the tensor say where it lies."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    start = path.stat().st_size if path.exists() else 0
    with path.open("ab") as file:
        file.write(tensor.raw_data)
    known = {"location": name, "offset": str(start), "length": str(len(tensor.raw_data))}
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {**known, **entries}.items():
        if value:
            tensor.external_data.add(key=key, value=value)


def points_to(path: Path, location: str, offset: str = "0", length: str = "32") -> None:
    """Let the weight `w` of the model in `path` lie at `location`."""
    proto = onnx.load(path)
    weight = proto.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        weight.external_data.add(key=key, value=value)
    path.write_bytes(proto.SerializeToString())


def everywhere() -> onnx.ModelProto:
    """y = x + 1 + 2 + 3, a weight of its own, in a constant node and in both branches."""
    value = numpy_helper.from_array(np.full(3, 3, np.float32), "three")
    branch = helper.make_graph(
        [helper.make_node("Add", ["b", "three"], ["z"])], "branch", [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 3])], [value],
    )  # fmt: skip
    constant = numpy_helper.from_array(np.full(3, 2, np.float32), "two")
    return graph(
        [
            helper.make_node("Constant", [], ["two"], value=constant),
            helper.make_node("Add", ["x", "one"], ["a"]),
            helper.make_node("Add", ["a", "two"], ["b"]),
            helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        ],
        {"x": FLOATS, "c": (np.bool_, ())},
        {"y": FLOATS},
        {"one": np.ones(3, np.float32)},
    )


@pytest.mark.parametrize("engine", [kind() for kind in GENERAL], ids=lambda e: e.name)
def test_weights_of_branches_and_constants_lie_in_several_files_and_folders(
    engine: Engine, tmp_path: Path
) -> None:
    proto = everywhere()
    constant, _, _, choice = proto.graph.node
    move_out(proto.graph.initializer[0], tmp_path, "one.bin")
    move_out(constant.attribute[0].t, tmp_path, "folder/of/two.bin")
    for attribute in choice.attribute:
        move_out(attribute.g.initializer[0], tmp_path, "folder/three.bin")
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with engine.compile(load_model(tmp_path / "model.onnx")) as runner:
        answer = runner({"x": np.zeros((2, 3), np.float32), "c": np.array(False)})["y"]
    assert (answer == 6).all()


def test_weights_of_a_function_are_read(tmp_path: Path) -> None:
    value = numpy_helper.from_array(np.full(3, 5, np.float32), "five")
    body = [
        helper.make_node("Constant", [], ["five"], value=value),
        helper.make_node("Add", ["a", "five"], ["b"]),
    ]
    proto = graph([helper.make_node("More", ["x"], ["y"], domain="mine")], {"x": FLOATS},
                  {"y": FLOATS}, {})  # fmt: skip
    stamps = [helper.make_opsetid("", 17)]
    proto.functions.append(helper.make_function("mine", "More", ["a"], ["b"], body, stamps))
    proto.opset_import.add(domain="mine", version=1)
    move_out(proto.functions[0].node[0].attribute[0].t, tmp_path, "five.bin")
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with OnnxRuntime().compile(load_model(tmp_path / "model.onnx")) as runner:
        assert runner({"x": np.zeros((1, 3), np.float32)})["y"].tolist() == [[5, 5, 5]]


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "", "length": ""},  # the whole file
        {"offset": ""},
        {"length": ""},  # to the end
        {"checksum": "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"location": "./weights.bin"},
    ],
)
def test_every_legal_form_is_the_same_model(path: Path, entries: dict[str, str]) -> None:
    plain = load_model(path)
    proto = onnx.load(path)
    move_out(proto.graph.initializer[0], path.parent, "weights.bin", **entries)
    path.write_bytes(proto.SerializeToString())
    assert load_model(path).digest == plain.digest


def test_what_onnx_itself_writes_is_read(path: Path) -> None:
    plain = load_model(path)
    onnx.save_model(
        onnx.load(path), path, save_as_external_data=True, location="all.bin", size_threshold=0
    )
    assert (path.parent / "all.bin").stat().st_size >= 40
    assert load_model(path).digest == plain.digest


@pytest.mark.parametrize(
    "location",
    [
        "/etc/passwd",
        "//etc/passwd",
        "../secret.bin",
        "folder/../../secret.bin",
        "./../secret.bin",
        "folder/..",
        "weights\0.bin",
        "",
    ],
)
def test_a_path_that_leads_out_of_the_folder_is_refused(path: Path, location: str) -> None:
    (path.parent.parent / "secret.bin").write_bytes(b"\0" * 32)
    (path.parent / "folder").mkdir()
    points_to(path, location)
    with pytest.raises(ModelError, match="weights in the model's folder"):
        load_model(path)


@pytest.mark.parametrize("location", [".", "folder", "folder/", "pipe", "no/such.bin", "a" * 5000])
def test_a_path_that_is_no_file_is_refused(path: Path, location: str) -> None:
    (path.parent / "folder").mkdir()
    os.mkfifo(path.parent / "pipe")  # reading it would wait for ever
    points_to(path, location)
    with pytest.raises(ModelError, match="w: expected the file"):
        load_model(path)


@pytest.mark.parametrize("kind", ["a file", "a folder", "a chain"])
def test_a_link_that_leads_out_of_the_folder_is_refused(
    tmp_path: Path, path: Path, kind: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    inner = path.rename(folder / "small.onnx")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "w.bin").write_bytes(b"\0" * 32)
    if kind == "a folder":
        (folder / "data").symlink_to(tmp_path / "secret")
    else:
        (folder / "data").mkdir()
        (folder / "far").symlink_to(tmp_path / "secret" / "w.bin")
        target = folder / "far" if kind == "a chain" else tmp_path / "secret" / "w.bin"
        (folder / "data" / "w.bin").symlink_to(target)
    points_to(inner, "data/w.bin")
    with pytest.raises(ModelError, match="a link to"):
        load_model(inner)


def test_a_link_within_the_folder_is_followed(path: Path) -> None:
    plain = load_model(path)
    proto = onnx.load(path)
    move_out(proto.graph.initializer[0], path.parent, "weights.bin", location="link.bin")
    (path.parent / "link.bin").symlink_to("weights.bin")
    path.write_bytes(proto.SerializeToString())
    assert load_model(path).digest == plain.digest


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        ("0", "33"),
        ("1", "32"),
        ("40", "0"),
        ("-1", "4"),
        ("0", "-3"),
        ("0", "9" * 30),
        ("9" * 30, "1"),
        ("0", "9" * 5000),
        ("1e1", "8"),
        ("0x0", "32"),
        ("zero", "32"),
        ("0", "31"),  # is no whole number of elements
        ("0", "28"),  # is one element less than the shape says
        ("4", ""),  # to the end is one element less too
    ],
)
def test_an_extent_that_does_not_fit_is_refused(path: Path, offset: str, length: str) -> None:
    (path.parent / "weights.bin").write_bytes(b"\0" * 32)
    points_to(path, "weights.bin", offset, length)
    with pytest.raises(ModelError):
        load_model(path)


def test_a_shape_that_is_larger_than_its_data_is_refused_before_memory_is_taken(
    path: Path,
) -> None:
    proto = onnx.load(path)
    proto.graph.initializer[0].dims[:] = [2**31, 2**31]
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError):
        load_model(path)


@pytest.mark.parametrize("count", [2**31 - 1, 2**63 - 1])
def test_a_length_that_the_file_does_not_have_is_refused(tmp_path: Path, count: int) -> None:
    size = bytearray()
    while count >= 128:
        size.append(count & 127 | 128)
        count >>= 7
    size.append(count)
    path = tmp_path / "header.onnx"
    path.write_bytes(b"\x08\x08" + b"\x3a" + bytes(size) + b"\0" * 100)
    with pytest.raises(ModelError, match="an ONNX model"):
        load_model(path)


def test_branches_that_are_nested_too_deeply_are_refused(path: Path) -> None:
    proto = onnx.load(path)
    node = proto.graph.node.add()
    for _ in range(60):
        node.op_type = "If"
        attribute = node.attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH)
        node = attribute.g.node.add()
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(ModelError):
        load_model(path)
