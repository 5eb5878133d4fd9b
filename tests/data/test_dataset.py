import numpy as np
import pytest

from tradewind.data import ArrayDataset
from tradewind.errors import DataError


def test_batches_follow_the_order_asked_for() -> None:
    dataset = ArrayDataset({"x": np.arange(10, dtype=np.float32)})
    batches = list(dataset.batches(np.array([9, 3, 5]), 2))
    assert [batch["x"].tolist() for batch in batches] == [[9, 3], [5]]


def test_examples_taken_belong_to_the_caller() -> None:
    dataset = ArrayDataset({"x": np.zeros(3, np.float32)})
    dataset.take(np.arange(3))["x"][:] = 7
    assert dataset.take(np.arange(3))["x"].tolist() == [0, 0, 0]


def test_an_example_that_is_not_there_is_an_index_error() -> None:
    dataset = ArrayDataset({"x": np.zeros(3, np.float32)})
    for index in (-1, 3):
        with pytest.raises(IndexError):
            dataset.take(np.array([index]))


def test_inputs_and_labels_of_different_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="x 3, label 2"):
        ArrayDataset({"x": np.zeros(3, np.float32)}, np.zeros(2, np.int64))


def test_a_dataset_without_examples_is_refused() -> None:
    with pytest.raises(DataError, match="expected examples, got none"):
        ArrayDataset({"x": np.zeros((0, 3), np.float32)})


def test_the_digest_depends_on_names_values_and_labels() -> None:
    x = np.arange(6, dtype=np.float32)
    datasets = (
        ArrayDataset({"x": x}),
        ArrayDataset({"y": x}),
        ArrayDataset({"x": x[::-1].copy()}),
        ArrayDataset({"x": x}, np.arange(6)),
        ArrayDataset({"x": x.reshape(6, 1)}),
    )
    assert len({dataset.digest for dataset in datasets}) == len(datasets)


def test_strings_that_run_together_are_different() -> None:
    first = np.array([["ab", "c"]], object)
    second = np.array([["a", "bc"]], object)
    assert ArrayDataset({"x": first}).digest != ArrayDataset({"x": second}).digest
