from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet
import pytest

from tradewind.data import check, open_dataset
from tradewind.errors import DataError
from tradewind.tensors import Datatype, Signature, TensorSpec

NAMED = "age,city,visits,extra,label\n31,Oslo,4,x,ham\n25.5,Bergen,2,y,spam\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text)
    return path


def test_csv_columns_go_to_the_inputs_of_their_names(
    tmp_path: Path, named_signature: Signature
) -> None:
    dataset = open_dataset(write(tmp_path, NAMED), named_signature)
    taken = dataset.take(np.array([1, 0]))
    assert taken["age"].tolist() == [[25.5], [31]]
    assert taken["age"].dtype == np.float32
    assert taken["city"].tolist() == ["Bergen", "Oslo"]
    assert taken["visits"].tolist() == [[2], [4]]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == ["ham", "spam"]


def test_all_columns_but_the_label_go_to_the_only_input_in_order(
    tmp_path: Path, table_signature: Signature
) -> None:
    path = write(tmp_path, "c,label,a,b\n1,0,2,3\n4,1,5,6\n")
    dataset = open_dataset(path, table_signature)
    assert dataset.take(np.arange(2))["x"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert dataset.labels is not None
    assert dataset.labels.dtype == np.int64


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_other_separators_are_recognised(
    tmp_path: Path, table_signature: Signature, separator: str
) -> None:
    path = write(tmp_path, "a,b,c,label\n1,2,3,1\n".replace(",", separator))
    assert open_dataset(path, table_signature).take(np.arange(1))["x"].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a,b,c,label\n1,2,3,0\n4,5,6\n", "Expected 4 columns, got 3"),
        ("a,b,c,label\n1,2,x,0\n", "invalid value 'x'"),
        ("a,b,c,label\n1,2,3,0\n4,,6,1\n", r"data.csv: b: .*empty cell in example 1"),
        ("a,b,label\n1,2,0\n", "3 columns of features"),
        ("a,b,c,label\n", "a table without rows"),
        ("1,2,3,0\n4,5,6,1\n", "numbers in the first line"),
        ("a,a,c,label\n1,2,3,0\n", "'a' more than once"),
        ("a,b,c,label\n1,2,3,0\n1,2,3,\n", "empty label"),
        ("", "an empty file"),
        ("a,b,c\n1,2,inf\n", "infinity in example 0"),
    ],
)
def test_a_csv_that_does_not_fit_is_refused(
    tmp_path: Path, table_signature: Signature, text: str, problem: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError, match=problem):
        check(open_dataset(path, table_signature))


def test_a_missing_column_is_named(tmp_path: Path, named_signature: Signature) -> None:
    path = write(tmp_path, NAMED.replace("city", "town"))
    with pytest.raises(DataError, match="'city'"):
        open_dataset(path, named_signature)


def test_a_missing_label_column_is_named(tmp_path: Path, table_signature: Signature) -> None:
    path = write(tmp_path, "a,b,c\n1,2,3\n")
    with pytest.raises(DataError, match="'answer'"):
        open_dataset(path, table_signature, label="answer")
    assert open_dataset(path, table_signature).labels is None


def test_parquet_reads_like_csv(tmp_path: Path, named_signature: Signature) -> None:
    path = tmp_path / "data.parquet"
    columns = {
        "visits": pa.array([4, 2], pa.int16()),
        "age": pa.array([31, 25.5], pa.float64()),
        "city": pa.array(["Oslo", "Bergen"]).dictionary_encode(),
        "label": pa.array([True, False]),
    }
    pa_parquet.write_table(pa.table(columns), path)
    dataset = open_dataset(path, named_signature)
    taken = dataset.take(np.arange(2))
    assert taken["visits"].tolist() == [[4], [2]]
    assert taken["city"].tolist() == ["Oslo", "Bergen"]
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [1, 0]


def test_a_parquet_column_of_lists_is_a_matrix(tmp_path: Path, table_signature: Signature) -> None:
    path = tmp_path / "data.parquet"
    pa_parquet.write_table(pa.table({"x": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}), path)
    assert open_dataset(path, table_signature).take(np.array([1]))["x"].tolist() == [[4, 5, 6]]


def test_a_fraction_is_not_rounded_into_a_whole_number(tmp_path: Path) -> None:
    spec = TensorSpec("ids", Datatype.INT64, ("N", 1))
    path = tmp_path / "data.parquet"
    pa_parquet.write_table(pa.table({"ids": [1.0, 2.5]}), path)
    with pytest.raises(DataError, match=r"ids: .*2\.5"):
        open_dataset(path, Signature((spec,), (spec,)))


def test_a_truncated_parquet_is_refused(
    tmp_path: Path, table_signature: Signature, random: np.random.Generator
) -> None:
    path = tmp_path / "data.parquet"
    pa_parquet.write_table(pa.table({name: np.ones(100) for name in "abc"}), path)
    content = path.read_bytes()
    for end in random.integers(5, len(content), 20):
        path.write_bytes(content[:end])
        with pytest.raises(DataError):
            open_dataset(path, table_signature)


def test_real_rows_are_read_by_name(shared_data: Path) -> None:
    inputs = (
        TensorSpec("duration", Datatype.FP32, ("N", 1)),
        TensorSpec("protocol_type", Datatype.BYTES, ("N", 1)),
    )
    dataset = open_dataset(shared_data / "nsl_kdd" / "test.parquet", Signature(inputs, inputs[:1]))
    assert len(dataset) == 22_544
    assert dataset.take(np.arange(5))["protocol_type"].shape == (5, 1)


def test_a_column_of_groups_is_no_feature(tmp_path: Path, table_signature: Signature) -> None:
    path = write(tmp_path, "c,label,user,a,b\n1,0,u7,2,3\n4,1,u3,5,6\n7,1,u7,8,9\n")
    dataset = open_dataset(path, table_signature, group="user")
    assert dataset.take(np.arange(2))["x"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [1, 0, 1]
    with pytest.raises(DataError, match="a column 'owner' of groups"):
        open_dataset(path, table_signature, group="owner")


@pytest.mark.parametrize(("cell", "expected"), [("1.5", "whole numbers"), ("x", "several groups")])
def test_groups_that_are_none_are_refused(
    tmp_path: Path, table_signature: Signature, cell: str, expected: str
) -> None:
    path = write(tmp_path, f"c,user,a,b\n1,{cell},2,3\n4,{cell},5,6\n")
    with pytest.raises(DataError, match=expected):
        open_dataset(path, table_signature, group="user")
