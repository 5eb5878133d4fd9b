import hashlib
from pathlib import Path

import numpy as np
import pytest

from tradewind.bundle import damages, open_bundle, seal
from tradewind.bundle.seal import BLOCK_BYTES, NAME
from tradewind.errors import BundleError


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_an_untouched_bundle_has_no_damage(folder: Path) -> None:
    assert damages(folder) == []


def test_every_flipped_byte_of_a_small_folder_is_found(
    tmp_path: Path, random: np.random.Generator
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "manifest.json").write_bytes(random.bytes(60))
    (tmp_path / "models" / "a.onnx").write_bytes(random.bytes(90))
    seal(tmp_path)
    for path in _files(tmp_path):
        whole = path.read_bytes()
        for position in range(len(whole)):
            path.write_bytes(_flipped(random, whole, position))
            found = damages(tmp_path)
            assert found, (path, position)
            assert all(text.startswith(f"{path.relative_to(tmp_path)}: ") for text in found)
        path.write_bytes(whole)
    assert damages(tmp_path) == []


def test_flipped_bytes_of_a_bundle_are_found_in_every_file(
    folder: Path, random: np.random.Generator
) -> None:
    for path in _files(folder):
        whole = path.read_bytes()
        for position in random.integers(len(whole), size=40):
            path.write_bytes(_flipped(random, whole, int(position)))
            with pytest.raises(BundleError, match=path.name):
                open_bundle(folder)
        path.write_bytes(whole)
    open_bundle(folder)


def _flipped(random: np.random.Generator, whole: bytes, position: int) -> bytes:
    changed = bytearray(whole)
    changed[position] ^= int(random.integers(1, 256))
    return bytes(changed)


def test_the_place_of_a_change_in_a_large_file_is_told(
    tmp_path: Path, random: np.random.Generator
) -> None:
    path = tmp_path / "large"
    whole = random.bytes(3 * BLOCK_BYTES + 100)
    path.write_bytes(whole)
    seal(tmp_path)
    for position in (0, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES, len(whole) - 1):
        path.write_bytes(_flipped(random, whole, position))
        first = position // BLOCK_BYTES * BLOCK_BYTES
        last = min(first + BLOCK_BYTES, len(whole)) - 1
        assert damages(tmp_path) == [f"large: bytes {first} to {last} were changed"]


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_a_file_that_grew_or_shrank_is_found(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    seal(tmp_path)
    path.write_bytes(bytes(size + 1))
    assert f"file: {size} bytes became {size + 1}" in damages(tmp_path)


def test_a_missing_file_is_found(folder: Path) -> None:
    for path in _files(folder):
        whole = path.read_bytes()
        path.unlink()
        with pytest.raises(BundleError, match=path.name):
            open_bundle(folder)
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["extra.txt", "models/extra.onnx", ".hidden", f"models/{NAME}"])
def test_an_extra_file_is_found(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"")
    assert damages(folder) == [f"{name}: not part of the bundle when it was sealed"]


def test_a_file_named_like_the_seal_further_down_is_sealed_too(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / NAME).write_bytes(b"a")
    seal(tmp_path)
    assert damages(tmp_path) == []
    (tmp_path / "models" / NAME).write_bytes(b"b")
    assert damages(tmp_path)


def test_a_seal_of_something_else_is_found(folder: Path) -> None:
    body = b'{"manifest.json": 3}'
    (folder / NAME).write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
    with pytest.raises(BundleError, match=NAME):
        open_bundle(folder)


def test_a_folder_without_a_seal_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is it a bundle"):
        damages(tmp_path)
