"""Tensors as the bytes of the binary_tensor_data extension: little-endian, in row-major order."""

import math
import struct

import numpy as np

from tradewind.errors import RequestError
from tradewind.tensors import Array, Datatype


def read(where: str, raw: memoryview, datatype: Datatype, shape: tuple[int, ...]) -> Array:
    """Return the array that the bytes hold: a view of them where the processor can read it.

    Args:
        where: what to call it in messages.
        raw: exactly the bytes of this tensor.
        datatype: the element type.
        shape: sizes of 0 or more.

    Raises:
        RequestError: too few or too many bytes, a truth value that is neither 0 nor 1, or a
            string that is not UTF-8.
    """
    count = math.prod(shape)
    if datatype is Datatype.BYTES:
        return _read_strings(where, raw, count).reshape(shape)
    size_bytes = count * datatype.numpy.itemsize
    if len(raw) != size_bytes:
        raise RequestError(
            where,
            f"{size_bytes} bytes for {datatype.value}{list(shape)}",
            f"{len(raw)} bytes",
        )
    if datatype is Datatype.BOOL and count and np.frombuffer(raw, np.uint8).max() > 1:
        raise RequestError(where, "truth values of 0 or 1", "another byte")
    array = np.frombuffer(raw, datatype.numpy)
    # the JSON before it has any length; engines may load whole vectors from aligned addresses
    return (array if array.flags.aligned else array.copy()).reshape(shape)


def write(array: Array) -> bytes:
    """Return the bytes of an array."""
    if array.dtype != object:
        return array.tobytes()
    parts: list[bytes] = []
    for element in array.ravel():
        text = element if isinstance(element, bytes) else str(element).encode()
        parts += (struct.pack("<I", len(text)), text)
    return b"".join(parts)


def _read_strings(where: str, raw: memoryview, count: int) -> Array:
    """Read strings that each follow their length as an unsigned 32-bit integer."""
    found = [
        _string(f"{where}[{place}]", one)
        for place, one in enumerate(read_elements(where, raw, count))
    ]
    return np.array(found, dtype=object)


def read_elements(where: str, raw: memoryview, count: int) -> list[memoryview]:
    """Return byte strings of any content, as views.

    Raises:
        RequestError: there are more or fewer.
    """
    if count * 4 > len(raw):
        raise RequestError(where, f"{count} strings with their lengths", f"{len(raw)} bytes")
    strings: list[memoryview] = []
    position = 0
    while position < len(raw) and len(strings) < count:
        start = position + 4
        length = int.from_bytes(raw[position:start], "little")
        position = start + length
        if position > len(raw):
            raise RequestError(
                f"{where}[{len(strings)}]",
                f"a string of {length} bytes",
                f"{max(len(raw) - start, 0)} bytes",
            )
        strings.append(raw[start:position])
    if position != len(raw) or len(strings) != count:
        raise RequestError(where, f"{count} strings in {position} bytes", f"{len(raw)} bytes")
    return strings


def _string(where: str, raw: memoryview) -> str:
    try:
        return bytes(raw).decode()
    except UnicodeDecodeError as error:
        raise RequestError(where, "a string in UTF-8", str(error)) from error
