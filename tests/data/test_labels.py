import numpy as np
import pytest

from tradewind.data import check_labels
from tradewind.data.labels import as_labels
from tradewind.errors import DataError
from tradewind.tensors import Array


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (np.array([[1], [0]], np.uint8), np.array([1, 0], np.int64)),
        (np.array([True, False]), np.array([1, 0], np.int64)),
        (np.array([0.5, 1], np.float32), np.array([0.5, 1])),
        (np.array([b"a", b"bc"]), np.array(["a", "bc"], object)),
    ],
)
def test_labels_have_one_of_three_types(found: Array, expected: Array) -> None:
    labels = as_labels(found, "label")
    assert labels.dtype == expected.dtype
    assert labels.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (np.eye(3), "argmax"),
        (np.array([1, np.nan]), "example 1"),
        (np.array(["a", ""]), "empty label .* example 1"),
        (np.array(["a", None], object), "example 1"),
        (np.array([1j]), "complex128"),
    ],
)
def test_what_is_no_label_is_refused(found: Array, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        as_labels(found, "label")


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (np.array([0, 1, -1]), r"negative label \(-1\) at example 2"),
        (np.array([0, 3, 1]), r"\(3\) at example 1"),
        (np.array([1, 1]), "only class 1"),
        (np.array([], np.int64), "no labels"),
        (np.array(["a", "b"], object), "type string"),
        (np.array([0.0, 1.0]), "type float64"),
    ],
)
def test_labels_that_name_no_class_are_refused(labels: Array, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        check_labels(labels, 3)


def test_labels_that_name_classes_pass() -> None:
    check_labels(np.array([0, 2, 1]), 3)
