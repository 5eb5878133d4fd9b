import json

import numpy as np
import pytest

from tradewind.errors import RequestError
from tradewind.serve.wire import json_tensors
from tradewind.tensors import Array, Datatype

IN_JSON = [d for d in Datatype if d not in (Datatype.FP16, Datatype.BF16)]
SHAPES: list[tuple[int, ...]] = [(1,), (3,), (2, 3), (2, 1, 3), (0, 3), (2, 0), ()]


def values(random: np.random.Generator, datatype: Datatype, shape: tuple[int, ...]) -> Array:
    if datatype is Datatype.BYTES:
        words = np.array(["", "a,b", "[", 'é"\\', "NaN", "\u2028"], dtype=object)
        picked: Array = words[random.integers(len(words), size=shape)]
        return np.array(picked, dtype=object).reshape(shape)
    if datatype is Datatype.BOOL:
        return random.integers(2, size=shape).astype(bool)
    if datatype in (Datatype.FP32, Datatype.FP64):
        return random.normal(size=shape).astype(datatype.numpy)
    limits = np.iinfo(datatype.numpy)
    return random.integers(
        limits.min, limits.max, size=shape, dtype=datatype.numpy.type, endpoint=True
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("datatype", IN_JSON)
def test_what_is_written_is_read_back_flat(
    random: np.random.Generator, datatype: Datatype, shape: tuple[int, ...]
) -> None:
    array = values(random, datatype, shape)
    text = json.dumps(json_tensors.write(array)).encode()
    found = json_tensors.read("x", text, datatype, shape)
    assert found.dtype == datatype.numpy
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape], ids=str)
@pytest.mark.parametrize("datatype", IN_JSON)
def test_nested_lists_are_read_like_flat_ones(
    random: np.random.Generator, datatype: Datatype, shape: tuple[int, ...]
) -> None:
    array = values(random, datatype, shape)
    text = json.dumps(array.tolist(), indent=1).encode()
    found = json_tensors.read("x", text, datatype, shape)
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_text_of_many_pieces_is_read_in_order(
    random: np.random.Generator, is_nested: bool
) -> None:
    array = random.normal(size=(3, 40_000)).astype(np.float32)
    text = json.dumps(array.tolist() if is_nested else array.ravel().tolist()).encode()
    np.testing.assert_array_equal(json_tensors.read("x", text, Datatype.FP32, array.shape), array)


def test_a_wrong_element_of_a_late_piece_is_found_at_its_place() -> None:
    elements: list[float | str] = [0.5] * 100_000
    elements[90_000] = "a"
    with pytest.raises(RequestError, match=r"x\[90000\]: expected FP32 .* got `str`"):
        json_tensors.read("x", json.dumps(elements).encode(), Datatype.FP32, (100_000,))


def test_bare_nan_and_infinity_are_read() -> None:
    found = json_tensors.read("x", b"[NaN, -Infinity, Infinity, 1]", Datatype.FP32, (4,))
    np.testing.assert_array_equal(found, np.array([np.nan, -np.inf, np.inf, 1], np.float32))


def test_the_largest_fp32_is_in_range() -> None:
    largest = float(np.finfo(np.float32).max)
    found = json_tensors.read("x", json.dumps([largest, -largest]).encode(), Datatype.FP32, (2,))
    np.testing.assert_array_equal(found, np.array([largest, -largest], np.float32))


REFUSED: list[tuple[bytes, Datatype, tuple[int, ...], str]] = [
    (b"[1]", Datatype.FP16, (1,), "FP16 as JSON"),
    (b"[1]", Datatype.BF16, (1,), "BF16 as JSON"),
    (b"[1, null]", Datatype.FP32, (2,), r"x\[1\].*null"),
    (b"[1, true]", Datatype.FP32, (2,), r"x\[1\].*bool"),
    (b'["1"]', Datatype.FP32, (1,), r"x\[0\].*str"),
    (b"[1]", Datatype.BOOL, (1,), r"x\[0\].*int"),
    (b"[1]", Datatype.BYTES, (1,), r"x\[0\].*int"),
    (b"[0.5]", Datatype.INT32, (1,), r"x\[0\].*float"),
    (b"[1, 128]", Datatype.INT8, (2,), r"x\[1\].*<= 127"),
    (b"[-1]", Datatype.UINT16, (1,), r"x\[0\].*>= 0"),
    (b"[-1]", Datatype.UINT64, (1,), "range of UINT64"),
    (b"[9223372036854775808]", Datatype.INT64, (1,), "range of INT64"),
    (b"[1e39]", Datatype.FP32, (1,), r"x\[0\].*out of range"),
    (b"[NaN]", Datatype.INT32, (1,), "got NaN or Infinity"),
    (b'[NaN, "a"]', Datatype.FP32, (2,), "got 'a'"),
    (b"7", Datatype.INT32, (), "a list of INT32"),
    (b"{}", Datatype.INT32, (1,), "a list of INT32"),
    (b"[1, 2]", Datatype.FP32, (3,), "expected 3 elements .* got 2"),
    (b"[1, 2]", Datatype.FP32, (1,), "expected 1 elements .* got more"),
    (b"[1, 2]", Datatype.FP32, (10**18, 10**18), "got 2"),
    (b"[[1, 2], [3]]", Datatype.FP32, (2, 2), "rows of other lengths"),
    (b"[[1], [2]]", Datatype.FP32, (2,), "got 2 levels"),
    (b"[[1, 2]]", Datatype.FP32, (2, 1), "rows of other lengths"),
    (b"[[1, 2]]", Datatype.FP32, (10**18, 10**18), "rows of other lengths"),
    (b"[" * 9999 + b"]" * 9999, Datatype.FP32, (1,), "levels"),
    (b'[["a"], ["b", "c"]]', Datatype.BYTES, (2, 1), "rows of other lengths"),
]


@pytest.mark.parametrize(("text", "datatype", "shape", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(
    text: bytes, datatype: Datatype, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        json_tensors.read("x", text, datatype, shape)
