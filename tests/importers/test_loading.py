import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tradewind.errors import ModelError
from tradewind.importers import load_model
from tradewind.importers.environments import HOME


def archive(*members: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for member in members:
            file.writestr(member, b"x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"\x1c\0\0\0ORTM" + b"\0" * 50, "an ORT-format file"),
        (b"GGUF\x03\0\0\0", "a GGUF file"),
        (pickle.dumps({"a": 1}), "a pickle"),
        (archive("archive/data.pkl", "archive/version"), "a PyTorch checkpoint"),
        (archive("x.npy"), "an `.npz` archive"),
        (archive("model.onnx"), "a zip archive"),
        (archive("other"), "a zip archive"),
        (b"PK\x03\x04 broken", "a zip archive"),
        (b"\x02\0\0\0\0\0\0\0{}", "a safetensors file"),
        (b"\n <!DOCTYPE html><html><body>404", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a Git LFS pointer"),
        (b"<?xml version='1.0'?><net/>", "an XML file"),
        (b"not found", "a text file"),
        ("größer".encode() * 2000, "a text file"),
        (b"\x1f\x8b\x08\0", "a gzip file"),
        (b"\x93NUMPY\x01\0", "a numpy array"),
        (b"PAR1\0\0", "a parquet file"),
    ],
)
def test_a_file_of_another_format_is_named_with_a_hint(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_model(path)
    assert caught.value.got.startswith(kind)
    assert caught.value.hint
    assert caught.value.where == str(path)


def test_a_folder_is_refused_with_the_file_in_it(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"a folder.\nhint: .*model\.onnx"):
        load_model(str(tmp_path))


@pytest.mark.parametrize("name", ["none.onnx", "a" * 300, "zero\0byte"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError):
        load_model(tmp_path / name)


def test_an_object_of_another_kind_is_named() -> None:
    with pytest.raises(ModelError, match="ndarray: expected a model"):
        load_model(np.zeros(3))


def test_a_signature_is_for_saved_models_only(tmp_path: Path) -> None:
    for content in (b"not found", b"\x0a\x06\x0a\x04node"):  # the second is a frozen graph
        (tmp_path / "model").write_bytes(content)
        with pytest.raises(ModelError, match="leave the signature out"):
            load_model(tmp_path / "model", signature="serving_default")


def test_columns_are_for_estimators_only(path: Path) -> None:
    with pytest.raises(ModelError, match="leave the columns out"):
        load_model(path, columns={})


def test_published_files_are_refused_where_their_framework_is_missing(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    others = [path for path in shared_data.rglob("*") if path.suffix != ".onnx"]
    assert others
    for path in others:
        with pytest.raises(ModelError):
            load_model(path)
