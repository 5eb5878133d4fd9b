import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.properties import relaxed

from tradewind.errors import EngineError
from tradewind.serve.batching.company import Company
from tradewind.tensors import Array, Datatype, Dimension, Signature, TensorSpec


def company(
    inputs: list[tuple[Dimension, ...]],
    outputs: list[tuple[Dimension, ...]],
    datatype: Datatype = Datatype.FP32,
) -> Company:
    signature = Signature(
        tuple(TensorSpec(f"x{n}", Datatype.FP32, shape) for n, shape in enumerate(inputs)),
        tuple(TensorSpec(f"y{n}", datatype, shape) for n, shape in enumerate(outputs)),
    )
    return Company(signature, is_wanted=True)


@pytest.mark.parametrize(
    ("inputs", "outputs", "is_possible"),
    [
        ([("N", 4)], [("N",)], True),
        ([("N", 4), ("N", None)], [(None, 2)], True),
        ([("N", 4)], [("unk__12", 2)], True),
        ([(1, 4)], [(1, 2)], False),
        ([("N", 4)], [(1, 2)], False),
        ([("N", 4), ("M", 4)], [("N", 2)], False),
        ([("N", 4), (4,)], [("N", 2)], False),
        ([("N", 4)], [("N",), ()], False),
        ([("N", 4)], [], False),
        ([], [("N",)], False),
    ],
)
def test_company_is_possible_where_every_tensor_counts_examples_first(
    inputs: list[tuple[Dimension, ...]], outputs: list[tuple[Dimension, ...]], is_possible: bool
) -> None:
    assert company(inputs, outputs).is_possible is is_possible


@relaxed
@given(st.lists(st.integers(0, 5), min_size=1, max_size=10), st.integers(1, 3))
def test_what_is_joined_is_split_again(counts: list[int], width: int) -> None:
    found = company([("N", None), ("N",)], [("N", None), ("N",)])
    start = 0
    requests: list[dict[str, Array]] = []
    for count in counts:
        rows = np.arange(start, start + count, dtype=np.float32)
        requests.append({"x0": np.repeat(rows[:, None], width, 1), "x1": rows})
        start += count
    joined = found.join(requests)
    parts = found.split({"y0": joined["x0"], "y1": joined["x1"]}, found.counts(requests))
    for request, part in zip(requests, parts, strict=True):
        np.testing.assert_array_equal(request["x0"], part["y0"])
        np.testing.assert_array_equal(request["x1"], part["y1"])


def test_strings_are_joined() -> None:
    found = company([("N",)], [("N",)])
    words = [np.array([b"a", b"bc"], object), np.array(["d"], object)]
    assert found.join([{"x0": one} for one in words])["x0"].tolist() == [b"a", b"bc", "d"]


@pytest.mark.parametrize("shape", [(2, 4), (4, 4), ()])
def test_an_output_without_a_row_for_each_example_is_an_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="one row for each of 3 examples"):
        company([("N", 4)], [("N", 4)]).split({"y0": np.zeros(shape)}, [1, 2])


def test_other_shapes_have_another_key() -> None:
    found = company([("N", None), ("N",)], [("N",)])

    def key(count: int, width: int) -> object:
        return found.key({"x0": np.zeros((count, width)), "x1": np.zeros(count)})

    assert key(1, 4) == key(7, 4)
    assert key(1, 4) != key(1, 5)
    assert found.rows({"x0": np.zeros((7, 2)), "x1": np.zeros(7)}) == 7


@pytest.mark.parametrize(
    ("datatype", "alone", "together", "agree"),
    [
        (Datatype.FP32, [1.0, 2.0], [1.01, 2.01], True),
        (Datatype.FP32, [1.0, 2.0], [1.1, 2.0], False),
        (Datatype.FP32, [np.nan, np.inf], [np.nan, np.inf], True),
        (Datatype.FP32, [np.nan, 1.0], [1.0, 1.0], False),
        (Datatype.FP32, [1.0, 1.0], [np.inf, 1.0], False),
        (Datatype.INT64, [3, 4], [3, 4], True),
        (Datatype.INT64, [3, 4], [3, 5], False),
        (Datatype.UINT8, [3, 4], [3, 5], True),
        (Datatype.UINT8, [0, 4], [255, 4], False),
        (Datatype.BOOL, [True], [False], False),
        (Datatype.BYTES, [b"a"], [b"a"], True),
        (Datatype.BYTES, [b"a"], [b"b"], False),
    ],
)
def test_answers_differ_by_more_than_the_noise_of_arithmetic(
    datatype: Datatype, alone: list[object], together: list[object], agree: bool
) -> None:
    found = company([("N",)], [("N",)], datatype)
    one, two = (np.array(values, datatype.numpy) for values in (alone, together))
    assert found.difference({"y0": one}, {"y0": two}) == (None if agree else "y0")
