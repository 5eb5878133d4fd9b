"""Tensors as JSON arrays, flat or nested, in row-major order.

Text is decoded in pieces of about `_PIECE` bytes. One call of the decoder holds Python's global
lock until it returns, so that a body of 64 MiB decoded at once would stop every other request
for half a second, in whichever thread it runs.
"""

import json
import math
import re
from typing import Annotated, Any

import msgspec
import numpy as np

from tradewind.errors import RequestError
from tradewind.tensors import Array, Datatype

_PIECE = 1 << 17  # decodes in about a millisecond

_FP32_END = (2.0 - 2.0**-24) * 2.0**127  # the first number that rounds to infinity


def _decoder(kind: object) -> msgspec.json.Decoder[list[Any]]:
    return msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]


def _integers(datatype: Datatype) -> msgspec.json.Decoder[list[Any]]:
    limits = np.iinfo(datatype.numpy)
    if limits.bits == 64:  # msgspec has no such limits; numpy looks at them
        return _decoder(int)
    return _decoder(Annotated[int, msgspec.Meta(ge=int(limits.min), le=int(limits.max))])


_DECODERS: dict[Datatype, msgspec.json.Decoder[list[Any]]] = {
    Datatype.FP32: _decoder(Annotated[float, msgspec.Meta(gt=-_FP32_END, lt=_FP32_END)]),
    Datatype.FP64: _decoder(float),
    Datatype.BOOL: _decoder(bool),
    Datatype.BYTES: _decoder(str),
    **{
        datatype: _integers(datatype)
        for datatype in Datatype
        if datatype.value.startswith(("INT", "UINT"))
    },
}
"""What JSON can hold; a number out of range is found while decoding, which costs nothing."""

_NESTED = re.compile(rb"\s*\[\s*\[")
_STRUCTURE = b"[],"
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in _STRUCTURE)


def check_writable(where: str, datatype: Datatype) -> None:
    """Raise unless JSON can hold tensors of this type.

    Raises:
        RequestError: FP16 or BF16, for which the protocol has no text.
    """
    if datatype not in _DECODERS:
        raise RequestError(
            where,
            "binary data",
            f"{datatype.value} as JSON",
            "FP16 and BF16 travel with the binary_tensor_data extension only.",
        )


def read(where: str, raw: bytes, datatype: Datatype, shape: tuple[int, ...]) -> Array:
    """Return the array that a JSON text holds.

    Args:
        where: what to call it in messages.
        raw: the JSON array, valid JSON but for NaN, Infinity and -Infinity.
        datatype: what the numbers become.
        shape: sizes of 0 or more; the text is nested like it, or flat.

    Raises:
        RequestError: the text holds other things, more or fewer of them, is nested in another
            way, or a number is outside the range of the datatype.
    """
    check_writable(where, datatype)
    flat = _flatten(where, raw, datatype, shape) if _NESTED.match(raw) else raw
    expected = math.prod(shape)
    try:
        found = _read_flat(where, flat, datatype, expected)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _read_special(where, flat, datatype)
    except OverflowError as error:
        raise RequestError(
            where, f"numbers in the range of {datatype.value}", "one outside of it"
        ) from error
    if found.size != expected:
        raise RequestError(
            where,
            f"{expected} elements for shape {list(shape)}",
            f"{found.size if found.size < expected else 'more'}",
            "the product of the sizes in `shape` is the number of elements in `data`.",
        )
    return found.reshape(shape)


def write(array: Array) -> list[Any]:
    """Return the elements in row-major order, as the encoder takes them."""
    if array.dtype == object:
        return [_text(element) for element in array.ravel()]
    elements: list[Any] = array.ravel().tolist()
    return elements


def _text(element: str | bytes) -> str:
    return element.decode() if isinstance(element, bytes) else str(element)


def _read_flat(where: str, raw: bytes, datatype: Datatype, expected: int) -> Array:
    if len(raw) <= _PIECE or datatype is Datatype.BYTES:  # strings may hold commas
        return _read_piece(where, raw, datatype, 0)
    pieces: list[Array] = []
    start, end, seen = 1, len(raw) - 1, 0
    while start < end and seen <= expected:  # what is too much is not looked at
        cut = raw.find(b",", start + _PIECE)
        cut = end if cut < 0 else cut
        pieces.append(_read_piece(where, b"[%b]" % raw[start:cut], datatype, seen))
        seen += len(pieces[-1])
        start = cut + 1
    return np.concatenate(pieces)


def _read_piece(where: str, raw: bytes, datatype: Datatype, offset: int) -> Array:
    try:
        return _array(_DECODERS[datatype].decode(raw), datatype)
    except msgspec.ValidationError as error:
        raise _wrong_element(where, datatype, error, offset) from error


def _array(elements: list[Any], datatype: Datatype) -> Array:
    # with the count known, one pass over the list: np.array makes two
    return np.fromiter(elements, datatype.numpy, len(elements))


def _flatten(where: str, raw: bytes, datatype: Datatype, shape: tuple[int, ...]) -> bytes:
    """Return the nested text without its inner brackets, once they are where `shape` has them."""
    if datatype is Datatype.BYTES:
        return _flatten_slowly(where, raw, shape)  # strings may hold brackets
    if 0 in shape:
        return _flatten_slowly(where, raw, shape)
    # comparing the lengths first keeps the text to compare with as small as the request
    found = raw.translate(None, _NOT_STRUCTURE)
    if len(found) != _structure_length(shape) or found != _structure(shape):
        raise _wrong_nesting(where, raw, shape)
    return b"[%b]" % raw.translate(None, b"[]")


def _structure_length(shape: tuple[int, ...]) -> int:
    length = 0
    for size in reversed(shape):
        length = size * length + (size - 1) + 2  # the inner lists, their commas, two brackets
    return length


def _structure(shape: tuple[int, ...]) -> bytes:
    """Return the brackets with the commas of an array of this shape: [2, 2] -> [[,],[,]]."""
    text = b""
    for size in reversed(shape):
        text = b"[" + b",".join([text] * size) + b"]"
    return text


def _flatten_slowly(where: str, raw: bytes, shape: tuple[int, ...]) -> bytes:
    level: list[Any] = [_loads(where, raw)]
    for size in shape:
        if not all(isinstance(inner, list) and len(inner) == size for inner in level):
            raise _wrong_nesting(where, raw, shape)
        level = [element for inner in level for element in inner]
    return msgspec.json.encode(level)


def _wrong_nesting(where: str, raw: bytes, shape: tuple[int, ...]) -> RequestError:
    opened = raw[:256].translate(None, b" \t\r\n")
    depth = len(opened) - len(opened.lstrip(b"["))
    found = f"{depth} levels" if depth != len(shape) else "rows of other lengths"
    return RequestError(
        where,
        f"a flat list, or lists nested like shape {list(shape)}",
        found,
        "send the elements in row-major order; then no nesting is needed.",
    )


def _wrong_element(
    where: str, datatype: Datatype, error: msgspec.ValidationError, offset: int
) -> RequestError:
    """Translate "Expected `float`, got `str` - at `$[3]`"."""
    text, _, path = str(error).partition(" - at ")
    expected, _, got = text.removeprefix("Expected ").partition(", got ")
    if expected == "`array`":
        return RequestError(where, f"a list of {datatype.value}", got)
    index = path.strip("`").removeprefix("$[").removesuffix("]")
    place = f"{where}[{offset + int(index)}]" if index.isdigit() else where
    hint = "NaN is written bare: NaN." if got == "`null`" else ""
    if not got:  # "Expected `int` <= 127"
        return RequestError(place, f"{datatype.value}, {expected}", "a number out of range", hint)
    return RequestError(place, f"{datatype.value} ({expected})", got, hint)


def _read_special(where: str, flat: bytes, datatype: Datatype) -> Array:
    """Read a text that may hold NaN, Infinity or -Infinity, which are not JSON."""
    elements = _loads(where, flat)
    if datatype not in (Datatype.FP32, Datatype.FP64):
        raise RequestError(where, f"elements of {datatype.value}", "NaN or Infinity")
    wrong = [e for e in elements if not isinstance(e, (float, int)) or isinstance(e, bool)]
    if wrong:
        raise RequestError(where, f"elements of {datatype.value}", f"{wrong[0]!r}"[:40])
    return _array(elements, datatype)


def _loads(where: str, text: bytes) -> Any:
    try:
        return json.loads(text.decode())
    except RecursionError as error:
        raise RequestError(where, "at most 100 nested levels", "more") from error
    except ValueError as error:
        raise RequestError(where, "a JSON array", str(error)) from error
