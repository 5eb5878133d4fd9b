"""Bad input to `optimize`: a clear error, code 2, nothing written."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper
from tests.cli.child import tradewind
from tests.cli.conftest import Quick
from tests.cli.samples import Sample, contents, dense, features, write_by_hand

from tradewind.tensors import Array

Spoil = Callable[[Path], object]


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def _too_new(path: Path) -> None:
    onnx.save(dense(np.random.default_rng(0), opset=99), path)


def _unknown_operator(path: Path) -> None:
    proto = dense(np.random.default_rng(0))
    proto.graph.node[0].op_type = "Blur"
    path.write_bytes(proto.SerializeToString())


def _without_its_weights(path: Path) -> None:
    proto = dense(np.random.default_rng(0))
    external_data_helper.convert_model_to_external_data(
        proto, location="weights.bin", size_threshold=0
    )
    onnx.save(proto, path)
    (path.parent / "weights.bin").unlink()


def _weights_from_elsewhere(path: Path) -> None:
    proto = dense(np.random.default_rng(0))
    external_data_helper.convert_model_to_external_data(
        proto, location="weights.bin", size_threshold=0
    )
    onnx.save(proto, path)
    for entry in onnx.load(path, load_external_data=False).graph.initializer[0].external_data:
        assert entry.value  # the entries are there to be changed below
    proto = onnx.load(path, load_external_data=False)
    for entry in proto.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../../../../../../../etc/hostname"
    path.write_bytes(proto.SerializeToString())


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"x")


def _sequence(path: Path) -> None:
    node = helper.make_node("SequenceConstruct", ["x"], ["y"])
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [node],
        "sequence",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 8])],
        [helper.make_value_info("y", helper.make_sequence_type_proto(tensor))],
    )
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString()
    )


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILT: dict[str, tuple[Spoil, str]] = {
    "nothing": (Path.unlink, "expected a model file, got nothing under that name"),
    "empty": (lambda path: path.write_bytes(b""), "got an empty file"),
    "truncated": (_truncated, "the file is cut off"),
    "folder": (_folder, "got a folder"),
    "html": (lambda path: path.write_text("<html>404</html>"), "got an HTML page"),
    "lfs": (
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        "LFS",
    ),
    "pickle": (lambda path: path.write_bytes(b"\x80\x04K\x01."), "pickle"),
    "torch": (_archive, "PyTorch"),
    "text": (lambda path: path.write_text("hello"), "text"),
    "opset": (_too_new, "opset 99"),
    "operator": (_unknown_operator, "Blur"),
    "weights": (_without_its_weights, "weights.bin"),
    "elsewhere": (_weights_from_elsewhere, "etc/hostname"),
    "sequence": (_sequence, "y: expected a tensor"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_bad_model_is_refused(kind: str, sample: Sample, quick: Quick) -> None:
    spoil, said = SPOILT[kind]
    spoil(sample.model)
    before = contents(sample.folder)
    done = quick("optimize", sample.model, "--data", sample.data, "--json")
    _refused(done.code, done.err)
    assert said.lower() in done.err.lower()
    assert {"where", "expected", "got", "hint"} <= done.document["error"].keys()
    assert contents(sample.folder) == before


@pytest.mark.parametrize("kind", ["empty", "truncated", "operator"])
def test_other_commands_refuse_a_bad_model_alike(kind: str, sample: Sample, quick: Quick) -> None:
    SPOILT[kind][0](sample.model)
    before = contents(sample.folder)
    out = sample.folder / "answers.npz"
    for arguments in (
        ["inspect", sample.model],
        ["bench", sample.model, "--data", sample.data],
        ["predict", sample.model, "--in", sample.data, "--out", out],
        ["serve", sample.model, "--http-port", 0],
    ):
        done = quick(*arguments)
        _refused(done.code, done.err)
    assert contents(sample.folder) == before


@pytest.mark.parametrize("place", [".", "/"])
def test_a_folder_without_a_name_is_no_model(place: str, sample: Sample, quick: Quick) -> None:
    done = quick("optimize", place, "--data", sample.data)
    _refused(done.code, done.err)
    assert "expected a model file, got a folder" in done.err


def _data(**changed: Array) -> dict[str, Array]:
    random = np.random.default_rng(0)
    found: dict[str, Array] = {"x": features(random, 200), "label": random.integers(0, 3, 200)}
    return {name: array for name, array in (found | changed).items() if array.size}


_WITH_NAN = features(np.random.default_rng(1), 200)
_WITH_NAN[77, 3] = np.nan
_NONE = np.empty(0)

UNFIT: dict[str, tuple[dict[str, Array], list[str], str]] = {
    "shape": (_data(x=features(np.random.default_rng(0), 200)[:, :5]), [], "got FP32[200, 5]"),
    "type": (_data(x=np.ones((200, 8), np.int64)), [], "got int64[200, 8]"),
    "text": (_data(x=np.full((200, 8), "a")), [], "x: expected FP32[N, 8]"),
    "names": (_data(x=_NONE, a=np.ones((200, 8)), b=np.ones((200, 8))), [], "got a, b"),
    "numbers": (_data(label=np.zeros(100, np.int64)), [], "x 200, label 100"),
    "high": (_data(label=np.arange(200) % 4), [], "(3) at example 3"),
    "low": (_data(label=np.arange(200) % 3 - 1), [], "a negative label (-1) at example 0"),
    "strings": (_data(label=np.full(200, "cat")), [], "got strings"),
    "measured": (_data(label=np.linspace(0, 1, 200)), [], "within:0.5"),
    "whole floats": (_data(label=np.arange(200) % 3.0), [], "labels.astype(int)"),
    "one class": (_data(label=np.zeros(200, np.int64)), [], "only class 0"),
    "one-hot": (_data(label=np.eye(3)[np.arange(200) % 3]), [], "argmax"),
    "nan": (_data(x=_WITH_NAN), [], "NaN or infinity in example 77"),
    "nan label": (_data(label=np.full(200, np.nan)), [], "NaN or infinity at example 0"),
    "few": (_data(x=np.ones((20, 8), np.float32), label=np.arange(20) % 3), [], "at least 30"),
    "copies": (_data(x=np.ones((200, 8), np.float32)), [], "copies"),
    "no labels": (_data(label=_NONE), ["--metric", "accuracy"], "data with labels"),
    "label name": (_data(), ["--label", "truth"], "labels named 'truth'"),
    "preprocess": (_data(), ["--preprocess", "mean=.5"], "x"),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_data_that_do_not_fit_are_refused(kind: str, sample: Sample, quick: Quick) -> None:
    arrays, options, said = UNFIT[kind]
    np.savez(sample.data, allow_pickle=False, **arrays)
    before = contents(sample.folder)
    done = quick("optimize", sample.model, "--data", sample.data, "--time", "5s", *options)
    _refused(done.code, done.err)
    assert said in done.err
    assert contents(sample.folder) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04 cut off", "a damaged"),
        (b"\x93NUMPY", "a single array"),
        (b"\x80\x04K\x01.", "a pickle"),
        (b"f0,f1,label\n1,2,0\n", "8 columns"),
        (b"1,2,3\n4,5,6\n", "a header"),
        (b"PAR1 cut off", "a whole table"),
    ],
)
def test_data_that_cannot_be_read_are_refused(
    content: bytes, said: str, sample: Sample, quick: Quick
) -> None:
    sample.data.write_bytes(content)
    before = contents(sample.folder)
    done = quick("optimize", sample.model, "--data", sample.data)
    _refused(done.code, done.err)
    assert said in done.err
    assert contents(sample.folder) == before


@pytest.mark.parametrize("data", ["absent.npz", "absent.module:batches", "/dev/null"])
def test_data_that_are_not_there_are_refused(data: str, sample: Sample, quick: Quick) -> None:
    done = quick("optimize", sample.model, "--data", data)
    _refused(done.code, done.err)
    assert data.split(":")[0] in done.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-drop", "0"),
        ("--max-drop", "2"),
        ("--max-drop", "nan"),
        ("--max-drop", "-0.01"),
        ("--confidence", "1"),
        ("--confidence", "95"),
        ("--confidence", "nan"),
        ("--time", "1s"),
        ("--time", "abc"),
        ("--time", "-5m"),
        ("--seed", "-1"),
        ("--metric", "f1"),
        ("--metric", "within:"),
        ("--metric", "within:-1"),
        ("--metric", "within:nan"),
        ("--max-latency-ms", "0"),
        ("--max-memory-mb", "-1"),
        ("--objective", "beauty"),
        ("--effort", "heroic"),
    ],
)
def test_a_setting_outside_its_range_is_refused(
    option: str, value: str, sample: Sample, quick: Quick
) -> None:
    before = contents(sample.folder)
    done = quick("optimize", sample.model, "--data", sample.data, option, value)
    _refused(done.code, done.err)
    assert option in done.err
    assert contents(sample.folder) == before


def test_a_bundle_that_is_there_is_kept(sample: Sample, quick: Quick) -> None:
    write_by_hand(sample.folder, sample.model)
    before = contents(sample.folder)
    done = quick("optimize", sample.model, "--data", sample.data)
    _refused(done.code, done.err)
    assert "--overwrite" in done.err
    assert contents(sample.folder) == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_no_bundle_is_never_replaced(what: str, sample: Sample, quick: Quick) -> None:
    target = sample.folder / "model.tw"
    if what == "file":
        target.write_bytes(b"precious")
    else:
        target.mkdir()
        (target / "precious").write_bytes(b"x")
    before = contents(sample.folder)
    done = quick("optimize", sample.model, "--data", sample.data, "--overwrite")
    _refused(done.code, done.err)
    assert "--out" in done.err
    assert contents(sample.folder) == before


def test_a_missing_folder_around_the_bundle_is_named(sample: Sample, quick: Quick) -> None:
    target = sample.folder / "missing" / "model.tw"
    done = quick("optimize", sample.model, "--data", sample.data, "--out", target)
    _refused(done.code, done.err)
    assert f"no folder {target.parent}" in done.err


def test_a_folder_that_is_read_only_is_named(
    sample: Sample, unwritable: Path, quick: Quick
) -> None:
    done = quick("optimize", sample.model, "--data", sample.data, "--out", unwritable / "m.tw")
    _refused(done.code, done.err)
    assert "read-only" in done.err


def test_a_child_process_refuses_as_clearly(sample: Sample) -> None:
    _truncated(sample.model)
    before = contents(sample.folder)
    done = tradewind("optimize", sample.model.name, "--data", "data.npz", folder=sample.folder)
    _refused(done.code, done.err)
    assert done.out == ""
    assert contents(sample.folder) == before


def _refused(code: int, said: str) -> None:
    assert code == 2, said
    assert "expected" in said or "hint: see" in said
    assert "Traceback" not in said
    assert "bug in Tradewind" not in said
