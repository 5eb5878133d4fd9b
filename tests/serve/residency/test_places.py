from pathlib import Path

import pytest

from tradewind.serve.residency.places import fingerprint, look, size_bytes


def touch(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_names_and_versions_are_those_of_files_and_folders(tmp_path: Path) -> None:
    touch(tmp_path / "file.onnx")
    touch(tmp_path / "bundle.tw" / "SEAL")
    touch(tmp_path / "many" / "1.onnx")
    touch(tmp_path / "many" / "10.tw" / "SEAL")
    touch(tmp_path / "many" / "9" / "model.onnx")
    touch(tmp_path / "many" / "labels.json", b'{"stable": 9, "canary": "10"}')
    for stray in ("notes.txt", ".hidden.onnx", "empty/readme.md", "many/draft.onnx", "many/7/x"):
        touch(tmp_path / stray)
    found = look(tmp_path)
    assert sorted(found) == ["bundle", "file", "many"]
    assert found["file"].versions == {"1": tmp_path / "file.onnx"}
    assert found["bundle"].versions == {"1": tmp_path / "bundle.tw"}
    many = found["many"]
    assert many.versions == {
        "1": tmp_path / "many" / "1.onnx",
        "9": tmp_path / "many" / "9" / "model.onnx",
        "10": tmp_path / "many" / "10.tw",
    }
    assert many.labels == {"stable": "9", "canary": "10"}
    assert many.preferred == ("9", "10", "1")


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"stable": 1.5}'])
def test_labels_that_cannot_be_read_are_a_fault_of_one_model(
    tmp_path: Path, content: bytes
) -> None:
    touch(tmp_path / "m" / "2.onnx")
    touch(tmp_path / "m" / "labels.json", content)
    family = look(tmp_path)["m"]
    assert family.fault.startswith("labels.json: ")
    assert family.preferred == ("2",)


def test_a_fingerprint_changes_with_any_file_of_a_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "m.tw"
    model = touch(bundle / "models" / "original.onnx", b"12345678")
    touch(bundle / "SEAL")
    before = fingerprint(bundle)
    assert before == fingerprint(bundle)
    assert size_bytes(bundle) == 8
    touch(bundle / "models" / "new.onnx")
    between = fingerprint(bundle)
    touch(model, b"123456789")
    assert len({before, between, fingerprint(bundle)}) == 3
    assert fingerprint(tmp_path / "gone") == ()
