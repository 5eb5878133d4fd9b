"""What the JSON of a request holds, before anybody compares it with a model."""

import json
from typing import Any

import msgspec
from msgspec import Raw, Struct

from tradewind.errors import RequestError

Parameters = dict[str, Any]


class BodyInput(Struct, gc=False):
    """One tensor that is sent."""

    name: str
    shape: list[int]
    datatype: str
    data: Raw = Raw()
    parameters: Parameters = {}


class BodyOutput(Struct, gc=False):
    """One tensor that is asked for."""

    name: str
    parameters: Parameters = {}


class Body(Struct, gc=False):
    """One inference request."""

    inputs: list[BodyInput]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[BodyOutput] | None = None


_DECODER = msgspec.json.Decoder(Body)


def split(body: bytes, json_bytes: int | None) -> tuple[bytes, memoryview]:
    """Return the JSON of a body, and the tensors that follow it as bytes.

    Raises:
        RequestError: the JSON would be longer than the body, or empty.
    """
    if json_bytes is None:
        return body, memoryview(b"")
    if not 0 < json_bytes <= len(body):
        raise RequestError(
            "Inference-Header-Content-Length",
            f"a length from 0 to the {len(body)} bytes of the body",
            str(json_bytes),
        )
    return body[:json_bytes], memoryview(body)[json_bytes:]


def parse(head: bytes) -> Body:
    """Return what the JSON holds; `data` is kept as text.

    Raises:
        RequestError: it is no JSON, or no inference request.
    """
    try:
        return _DECODER.decode(head)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at ")
        expected, _, got = text.removeprefix("Expected ").partition(", got ")
        where = path.strip("`").removeprefix("$").removeprefix(".") or "body"
        if got:
            raise RequestError(where, expected, got) from error
        raise RequestError(where, "an inference request", text) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if b"NaN" in head or b"Infinity" in head:
            return _parse_special(head, error)
        raise RequestError("body", "JSON", str(error)) from error
    except RecursionError as error:
        raise RequestError("body", "at most 100 nested levels", "more") from error


def _parse_special(head: bytes, error: Exception) -> Body:
    """Parse what would be JSON but for bare NaN or Infinity among the data."""
    try:
        loose = json.loads(head.decode())  # bytes would be taken in UTF-16, too
        for item in loose["inputs"]:
            if "data" in item:
                item["data"] = Raw(json.dumps(item["data"]).encode())
        return msgspec.convert(loose, Body)
    except (ValueError, KeyError, TypeError, RecursionError, msgspec.ValidationError):
        raise RequestError("body", "JSON", str(error)) from error


def take(name: str, tail: memoryview, position: int, size_bytes: object) -> memoryview:
    """Return the next bytes, which belong to one tensor.

    Args:
        name: of the tensor.
        tail: the tensors after the JSON.
        position: where the tensor begins.
        size_bytes: its parameter `binary_data_size`.

    Raises:
        RequestError: there are fewer, or it is no number.
    """
    if not isinstance(size_bytes, int) or isinstance(size_bytes, bool) or size_bytes < 0:
        raise RequestError(
            f"{name}.parameters.binary_data_size", "a number of bytes", f"{size_bytes!r}"[:80]
        )
    if position + size_bytes > len(tail):
        raise RequestError(
            name,
            f"{size_bytes} bytes of binary data",
            f"{len(tail) - position} bytes",
            "Inference-Header-Content-Length is the length of the JSON alone.",
        )
    return tail[position : position + size_bytes]


def whole(parameters: Parameters, name: str, default: int) -> int:
    """Return a parameter that counts something.

    Raises:
        RequestError: it is no whole number from 0 on, or one of more than 64 bits.
    """
    value = parameters.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise RequestError(f"parameters.{name}", "a whole number from 0 on", f"{value!r}"[:80])
    return value


def flag(of: str, parameters: Parameters, name: str, default: bool) -> bool:
    """Return a parameter that is true or false.

    Args:
        of: the tensor that it belongs to with a dot, or nothing.
        parameters: all of them.
        name: of this one.
        default: where it is not given.

    Raises:
        RequestError: it is something else.
    """
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise RequestError(f"{of}parameters.{name}", "true or false", f"{value!r}"[:80])
    return value
