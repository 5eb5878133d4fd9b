"""What files of TensorFlow's family are told by, where nothing of it is installed."""

import importlib.util
import io
import zipfile
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tradewind.errors import ModelError
from tradewind.importers import Importer, load_model
from tradewind.importers.environments import HOME
from tradewind.importers.keras import KerasImporter
from tradewind.importers.onnx import OnnxImporter
from tradewind.importers.probes import Range
from tradewind.importers.tensorflow import TensorflowImporter
from tradewind.importers.tflite import TfliteImporter
from tradewind.importers.token_ids import token_ids

# a node called "image" of type Placeholder, and the first bytes of a graph with its version
GRAPH = b"\x0a\x14\x0a\x05image\x12\x0bPlaceholder" + b"\x22\x02\x08\x01"
SAVED_MODEL = b"\x08\x01\x12\x04\x0a\x02\x08\x01"
LITE = b"\x1c\0\0\0TFL3" + b"\0" * 50
HDF5 = b"\x89HDF\r\n\x1a\n" + b"\0" * 50


def archive(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member in members:
            file.writestr(member, b"{}")
    return buffer.getvalue()


KERAS = archive("metadata.json", "config.json", "model.weights.h5")

KINDS: tuple[tuple[bytes, type[Importer], str], ...] = (
    (GRAPH, TensorflowImporter, "tensorflow"),
    (LITE, TfliteImporter, "tflite"),
    (HDF5, KerasImporter, "keras"),
    (KERAS, KerasImporter, "keras"),
)


@pytest.mark.parametrize(("content", "importer", "environment"), KINDS)
def test_a_file_is_told_by_its_content(
    tmp_path: Path, content: bytes, importer: type[Importer], environment: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    every = (KerasImporter, TensorflowImporter, TfliteImporter)
    assert [kind for kind in every if kind().matches(path)] == [importer]


def test_a_saved_model_is_told_by_the_file_in_its_folder(tmp_path: Path) -> None:
    assert not TensorflowImporter().matches(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(SAVED_MODEL)
    assert TensorflowImporter().matches(tmp_path)
    assert TensorflowImporter().matches(tmp_path / "saved_model.pb")


def test_an_onnx_file_is_no_graph_of_tensorflow(tmp_path: Path, proto: onnx.ModelProto) -> None:
    for version, producer in ((1, ""), (1, "pytorch"), (8, "\n"), (8, "x" * 200)):
        proto.ir_version, proto.producer_name = version, producer
        path = tmp_path / "model.onnx"
        path.write_bytes(proto.SerializeToString())
        assert not TensorflowImporter().matches(path)
        assert OnnxImporter().matches(path)


@pytest.mark.parametrize(("content", "importer", "environment"), KINDS)
def test_a_missing_framework_is_told_with_the_command_that_gets_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
    importer: type[Importer],
    environment: str,
) -> None:
    module = {"tflite": "ai_edge_litert"}.get(environment, environment)
    if importlib.util.find_spec(module) is not None:
        pytest.skip(f"{module} is installed here")
    monkeypatch.setenv(HOME, str(tmp_path / "none"))
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"doctor --install {environment}"):
        load_model(path)


def test_an_archive_that_leads_outside_never_reaches_keras(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(archive("config.json", "model.weights.h5", "../../outside"))
    with pytest.raises(ModelError, match="files inside the archive"):
        load_model(path)


def test_the_file_of_a_saved_model_alone_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "graph.pb"
    path.write_bytes(SAVED_MODEL)
    with pytest.raises(ModelError, match="a SavedModel's folder"):
        load_model(path)


def test_a_link_out_of_a_saved_model_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(SAVED_MODEL)
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "assets").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelError, match="a folder on its own"):
        load_model(folder)


def test_numbers_that_pick_rows_stay_within_the_smallest_table() -> None:
    def value(name: str, kind: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, ["N"])

    def table(name: str, rows: int) -> onnx.TensorProto:
        return helper.make_tensor(name, TensorProto.FLOAT, [rows, 2], [0.0] * rows * 2)

    nodes = [
        helper.make_node("Cast", ["ids"], ["long"], to=TensorProto.INT64),
        helper.make_node("Gather", ["large", "long"], ["a"]),
        helper.make_node("Gather", ["small", "ids"], ["b"]),
        helper.make_node("Gather", ["small", "places"], ["c"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tables",
        [value("ids", TensorProto.INT32), value("places", TensorProto.INT64)],
        [value(name, TensorProto.FLOAT) for name in "abc"],
        [table("large", 40), table("small", 7)],
    )
    assert token_ids(helper.make_model(graph)) == {"ids": Range(0, 6)}
