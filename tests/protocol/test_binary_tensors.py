import numpy as np
import pytest

from tradewind.errors import RequestError
from tradewind.protocol import binary_tensors
from tradewind.tensors import Array, Datatype


def values(random: np.random.Generator, datatype: Datatype, count: int) -> Array:
    if datatype is Datatype.BYTES:
        return np.array(["é" * size for size in random.integers(0, 9, count)], dtype=object)
    if datatype is Datatype.BOOL:
        return random.integers(2, size=count).astype(bool)
    return random.integers(0, 100, count).astype(datatype.numpy)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("datatype", list(Datatype))
def test_what_is_written_is_read_back_from_any_address(
    random: np.random.Generator, datatype: Datatype, count: int, offset: int
) -> None:
    array = values(random, datatype, count)
    raw = memoryview(b"x" * offset + binary_tensors.write(array))[offset:]
    found = binary_tensors.read("x", raw, datatype, (1, count))
    assert found.dtype == datatype.numpy
    assert found.flags.aligned
    np.testing.assert_array_equal(found, array.reshape(1, count))


def test_aligned_bytes_are_not_copied() -> None:
    raw = bytearray(16)
    found = binary_tensors.read("x", memoryview(raw), Datatype.FP64, (2,))
    raw[:] = np.array([1.0, 2.0]).tobytes()
    np.testing.assert_array_equal(found, [1.0, 2.0])


def test_a_bf16_crosses_as_the_high_half_of_an_fp32() -> None:
    half = np.array([1.5, -2.0], np.float32).view(np.uint16)[1::2].tobytes()
    found = binary_tensors.read("x", memoryview(half), Datatype.BF16, (2,))
    np.testing.assert_array_equal(found.astype(np.float32), [1.5, -2.0])


REFUSED: list[tuple[bytes, Datatype, tuple[int, ...], str]] = [
    (b"1234567", Datatype.FP32, (2,), "expected 8 bytes for FP32.*got 7 bytes"),
    (b"", Datatype.FP32, (10**18, 10**18), "got 0 bytes"),
    (b"\x00\x02", Datatype.BOOL, (2,), "0 or 1"),
    (b"\x01\x00\x00\x00", Datatype.BYTES, (1,), r"x\[0\]: expected a string of 1 bytes, got 0"),
    (b"\xff\xff\xff\xff", Datatype.BYTES, (1,), "4294967295 bytes"),
    (b"\x01\x00\x00\x00\xff", Datatype.BYTES, (1,), "UTF-8"),
    (b"\x00\x00\x00\x00" * 2, Datatype.BYTES, (1,), "expected 1 strings in 4 bytes, got 8"),
    (b"\x00\x00", Datatype.BYTES, (10**12,), "strings with their lengths"),
]


@pytest.mark.parametrize(("raw", "datatype", "shape", "message"), REFUSED)
def test_what_does_not_fit_is_refused(
    raw: bytes, datatype: Datatype, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        binary_tensors.read("x", memoryview(raw), datatype, shape)
