from pathlib import Path

import numpy as np
import pytest

from tradewind.data import Preprocessing, open_dataset
from tradewind.errors import DataError
from tradewind.tensors import Signature


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "an empty file"),
        (b"\x80\x04\x95", "a pickle"),
        (b"\x93NUMPY\x01\x00", "numpy.savez"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"PK\x03\x04broken", "damaged"),
        (b"PAR1broken", "a whole table"),
        (b"\0\1\2\3", "something else"),
        (b"\xff\xfe\xfd\n\xfa", "data.bin"),
    ],
)
def test_a_file_of_another_format_is_refused(
    tmp_path: Path, table_signature: Signature, content: bytes, problem: str
) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem):
        open_dataset(path, table_signature)


def test_a_missing_file_is_named(tmp_path: Path, table_signature: Signature) -> None:
    with pytest.raises(DataError, match=r"none\.npz: expected .* got nothing under that name"):
        open_dataset(tmp_path / "none.npz", table_signature)


def test_a_model_without_inputs_takes_no_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="takes nothing"):
        open_dataset(tmp_path, Signature((), ()))


def test_the_content_decides_whatever_the_name(tmp_path: Path, table_signature: Signature) -> None:
    path = tmp_path / "data.csv"
    with path.open("wb") as file:
        np.savez(file, x=np.ones((4, 3), np.float32))
    assert len(open_dataset(path, table_signature)) == 4


def test_random_bytes_end_in_a_data_error(
    tmp_path: Path, table_signature: Signature, random: np.random.Generator
) -> None:
    path = tmp_path / "data"
    for _ in range(100):
        path.write_bytes(random.bytes(int(random.integers(1, 200))))
        with pytest.raises(DataError):
            open_dataset(path, table_signature)


def test_a_table_takes_no_preprocessing(tmp_path: Path, table_signature: Signature) -> None:
    path = tmp_path / "data.csv"
    path.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(DataError, match="got a table"):
        open_dataset(path, table_signature, preprocessing=Preprocessing())
