import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tradewind.data import check, open_dataset
from tradewind.errors import DataError
from tradewind.tensors import Array, Datatype, Signature, TensorSpec


def save(folder: Path, **arrays: Array) -> Path:
    path = folder / "data.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def test_arrays_named_like_the_inputs_come_back_unchanged(
    tmp_path: Path, table_signature: Signature, random: np.random.Generator
) -> None:
    x = random.normal(size=(50, 3)).astype(np.float32)
    path = save(tmp_path, x=x, label=np.arange(50) % 2)
    dataset = open_dataset(path, table_signature)
    order = random.permutation(50)
    assert np.array_equal(dataset.take(order)["x"], x[order])
    assert dataset.labels is not None
    assert dataset.labels.dtype == np.int64
    assert dataset.source == str(path)
    assert dataset.preprocessing is None


def test_the_only_array_goes_to_the_only_input_whatever_its_name(
    tmp_path: Path, table_signature: Signature
) -> None:
    path = save(tmp_path, features=np.ones((5, 3), np.float32), label=np.arange(5))
    assert list(open_dataset(path, table_signature).take(np.arange(2))) == ["x"]


def test_names_of_classes_are_kept(tmp_path: Path, table_signature: Signature) -> None:
    path = save(tmp_path, x=np.ones((2, 3), np.float32), classes=np.array(["cat", "dog"]))
    assert open_dataset(path, table_signature).classes == ("cat", "dog")


def test_string_labels_stay_strings(tmp_path: Path, table_signature: Signature) -> None:
    path = save(tmp_path, x=np.ones((2, 3), np.float32), label=np.array(["ham", "spam"]))
    labels = open_dataset(path, table_signature).labels
    assert labels is not None
    assert labels.tolist() == ["ham", "spam"]


def test_float64_is_cast_to_float32(tmp_path: Path, table_signature: Signature) -> None:
    path = save(tmp_path, x=np.full((4, 3), 1 / 3))
    taken = open_dataset(path, table_signature).take(np.arange(4))["x"]
    assert taken.dtype == np.float32


def test_a_large_float64_that_float32_cannot_hold_is_named(
    tmp_path: Path, table_signature: Signature
) -> None:
    x = np.ones((40, 3))
    x[17, 1] = 1e300
    dataset = open_dataset(save(tmp_path, x=x), table_signature)
    with pytest.raises(DataError, match=r"x: expected finite numbers.*example 17"):
        check(dataset)


def test_an_int64_that_int32_cannot_hold_is_refused(tmp_path: Path) -> None:
    spec = TensorSpec("ids", Datatype.INT32, ("N", 2))
    signature = Signature((spec,), (spec,))
    path = save(tmp_path, ids=np.array([[1, 2], [3, 2**40]]))
    dataset = open_dataset(path, signature)
    assert dataset.take(np.array([0]))["ids"].dtype == np.int32
    with pytest.raises(DataError, match=str(2**40)):
        dataset.take(np.array([1]))


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (np.ones((5, 4), np.float32), "expected FP32"),
        (np.ones(5, np.float32), "expected FP32"),
        (np.ones((5, 3), np.int64), "layout=N;scale=1"),
        (np.ones((5, 3), np.complex64), "expected numbers or strings"),
        (np.full((5, 3), "a"), "encode the strings"),
        (np.ones((0, 3), np.float32), "expected examples, got none"),
        (np.float32(3), "expected FP32"),
        (np.array([[None] * 3] * 5), "Python objects"),
    ],
)
def test_an_array_that_does_not_fit_is_refused(
    tmp_path: Path, table_signature: Signature, array: Array, problem: str
) -> None:
    path = save(tmp_path, x=array)
    with pytest.raises(DataError, match=problem) as caught:
        open_dataset(path, table_signature)
    assert str(path) in caught.value.where


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_found_with_its_row(
    tmp_path: Path, table_signature: Signature, value: float
) -> None:
    x = np.ones((200, 3), np.float32)
    x[130, 2] = value
    dataset = open_dataset(save(tmp_path, x=x), table_signature)
    with pytest.raises(DataError, match=r"x: .*example 130"):
        check(dataset)


def test_wrong_names_are_listed(tmp_path: Path, named_signature: Signature) -> None:
    path = save(tmp_path, age=np.ones((2, 1), np.float32), town=np.array(["a", "b"]))
    with pytest.raises(DataError, match="age, city, visits, got age, town") as caught:
        open_dataset(path, named_signature)
    assert "'city'" in caught.value.hint


def test_different_lengths_are_listed(tmp_path: Path, table_signature: Signature) -> None:
    path = save(tmp_path, x=np.ones((5, 3), np.float32), label=np.arange(4))
    with pytest.raises(DataError, match="x 5, label 4"):
        open_dataset(path, table_signature)


def test_a_label_of_another_name_must_be_there(tmp_path: Path, table_signature: Signature) -> None:
    path = save(tmp_path, x=np.ones((5, 3), np.float32))
    with pytest.raises(DataError, match="'answer'"):
        open_dataset(path, table_signature, label="answer")


def test_every_truncation_ends_in_a_data_error(
    tmp_path: Path, table_signature: Signature, random: np.random.Generator
) -> None:
    content = save(tmp_path, x=np.ones((50, 3), np.float32), label=np.arange(50)).read_bytes()
    path = tmp_path / "cut.npz"
    for end in random.integers(0, len(content), 40):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            open_dataset(path, table_signature)


def test_flipped_bits_end_in_a_data_error_or_a_dataset(
    tmp_path: Path, table_signature: Signature, random: np.random.Generator
) -> None:
    content = save(tmp_path, x=np.ones((50, 3), np.float32), label=np.arange(50)).read_bytes()
    path = tmp_path / "flipped.npz"
    for _ in range(200):
        flipped = bytearray(content)
        for position in random.integers(0, len(content), 3):
            flipped[position] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        try:
            check(open_dataset(path, table_signature))
        except DataError:
            continue


def test_a_header_that_claims_more_than_there_is_is_refused(
    tmp_path: Path, table_signature: Signature
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 3)}
    )
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", header.getvalue() + b"\0" * 100)
    with pytest.raises(DataError, match="12000000000000 bytes"):
        open_dataset(path, table_signature)


def test_the_digest_ignores_compression_but_not_content(
    tmp_path: Path, table_signature: Signature
) -> None:
    x = np.arange(30, dtype=np.float32).reshape(10, 3)
    plain, packed, other = (tmp_path / f"{name}.npz" for name in ("plain", "packed", "other"))
    np.savez(plain, x=x)
    np.savez_compressed(packed, x=x)
    np.savez(other, x=x + 1)
    digests = [open_dataset(path, table_signature).digest for path in (plain, packed, other)]
    assert digests[0] == digests[1] != digests[2]


def test_images_are_normalised_when_they_are_taken(
    tmp_path: Path, image_signature: Signature, random: np.random.Generator
) -> None:
    images = random.integers(0, 256, (7, 4, 6, 3)).astype(np.uint8)
    dataset = open_dataset(save(tmp_path, x=images), image_signature)
    assert dataset.preprocessing is not None
    taken = dataset.take(np.array([5, 1]))["image"]
    expected = images[[5, 1]].transpose(0, 3, 1, 2).astype(np.float32) / 255
    assert np.array_equal(taken, expected)


def test_an_array_of_groups_is_no_input(tmp_path: Path, table_signature: Signature) -> None:
    x = np.zeros((4, 3), np.float32)
    users = np.array(["b", "a", "b", "c"])
    path = save(tmp_path, x=x, label=np.arange(4) % 2, user=users)
    dataset = open_dataset(path, table_signature, group="user")
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [1, 0, 1, 2]
    with pytest.raises(DataError, match="groups named 'owner'"):
        open_dataset(path, table_signature, group="owner")


def test_images_of_another_size_are_refused(tmp_path: Path, image_signature: Signature) -> None:
    path = save(tmp_path, x=np.zeros((7, 6, 4, 3), np.uint8))
    with pytest.raises(DataError, match=r"raw UINT8\[N, 4, 6, 3\], got uint8\[7, 6, 4, 3\]"):
        open_dataset(path, image_signature)


def test_fortran_order_is_read_right(tmp_path: Path, table_signature: Signature) -> None:
    x = np.asfortranarray(np.arange(30, dtype=np.float32).reshape(10, 3))
    taken = open_dataset(save(tmp_path, x=x), table_signature).take(np.array([4]))
    assert taken["x"].tolist() == [[12, 13, 14]]


def test_real_images_reach_the_model_as_published(shared_data: Path) -> None:
    spec = TensorSpec("input", Datatype.FP32, ("N", 3, 32, 32))
    signature = Signature((spec,), (spec,))
    dataset = open_dataset(shared_data / "cifar10" / "test.npz", signature)
    assert len(dataset) == 10_000
    assert dataset.take(np.arange(3))["input"].shape == (3, 3, 32, 32)
