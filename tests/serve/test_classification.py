import secrets

import ml_dtypes
import numpy as np
import pytest
from tests.serve.child import Child, tensor

from tradewind.errors import RequestError
from tradewind.serve.classification import classes_wanted, classify
from tradewind.tensors import Array, Datatype, TensorSpec

SCORES = TensorSpec("y", Datatype.FP32, ("N", 3))
CLASSES = ("cat", "dog", "eel")


def test_the_largest_come_first_with_their_names() -> None:
    given = np.array([[0.25, 0.5, 0.125], [3, 2, 1]], np.float32)
    assert classify(given, SCORES, 2, CLASSES).tolist() == [
        ["0.5:1:dog", "0.25:0:cat"],
        ["3.0:0:cat", "2.0:1:dog"],
    ]


def test_without_a_name_for_each_value_there_are_none() -> None:
    given = np.array([[0.25, 0.5, 0.125]], np.float32)
    assert classify(given, SCORES, 9, CLASSES[:2]).tolist() == [["0.5:1", "0.25:0", "0.125:2"]]


def test_nan_comes_last_and_the_first_of_equals_first() -> None:
    given = np.array([[np.nan, 1, 1, -np.inf]], np.float32)
    spec = TensorSpec("y", Datatype.FP32, ("N", 4))
    assert classify(given, spec, 3, ()).tolist() == [["1.0:1", "1.0:2", "nan:0"]]


def test_an_output_without_a_batch_is_one_row() -> None:
    given = np.array([[1, 5], [7, 3]], np.uint8)
    spec = TensorSpec("y", Datatype.UINT8, (2, 2))
    assert classify(given, spec, 2, ()).tolist() == ["7:2", "5:1"]


def test_no_examples_have_no_classes() -> None:
    assert classify(np.zeros((0, 3), np.float32), SCORES, 2, CLASSES).shape == (0, 2)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint64, np.bool_, ml_dtypes.bfloat16])
def test_every_type_of_number_is_sorted(dtype: type) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    given: Array = np.random.default_rng(seed).integers(0, 3, (4, 9)).astype(dtype)
    spec = TensorSpec("y", Datatype.of(dtype), ("N", 9))
    for row, told in zip(given, classify(given, spec, 9, ()), strict=True):
        places = [int(one.rpartition(":")[2]) for one in told]
        assert places == sorted(range(9), key=lambda place: (-float(row[place]), place))


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "2", None, []])
def test_a_number_of_classes_is_a_number(value: object) -> None:
    with pytest.raises(RequestError, match=r"y.parameters.classification: expected a whole number"):
        classes_wanted(value, SCORES)


def test_strings_have_no_classes() -> None:
    with pytest.raises(RequestError, match="an output of numbers, got BYTES"):
        classes_wanted(1, TensorSpec("y", Datatype.BYTES, ("N",)))


def test_the_server_tells_classes_where_they_are_asked_for(server: Child) -> None:
    asked = {
        **tensor([1, 3, 2, 0]),
        "outputs": [{"name": "y", "parameters": {"classification": 2}}],
    }
    assert server.infer("tiny", asked).json["outputs"] == [
        {"name": "y", "datatype": "BYTES", "shape": [1, 2], "data": ["30.0:1", "20.0:2"]}
    ]
    half = {"name": "y", "parameters": {"classification": 1, "binary_data": True}}
    answer = server.infer("tiny", {**tensor([1, 3, 2, 0]), "outputs": [half]})
    assert answer.body.endswith(b"\x06\x00\x00\x0030.0:1")


@pytest.mark.parametrize("value", [None, 0, "1"])
def test_a_wrong_number_of_classes_is_refused(server: Child, value: object) -> None:
    wish = {"name": "y", "parameters": {"classification": value}}
    answer = server.infer("tiny", {**tensor([1, 3, 2, 0]), "outputs": [wish]})
    assert answer.status == 400
