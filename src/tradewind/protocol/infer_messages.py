"""ModelInferRequest and ModelInferResponse, read and written by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from tradewind.protocol import protobuf
from tradewind.protocol.protobuf import BYTES, VARINT, Content, malformed
from tradewind.tensors import Array

Parameters = dict[str, Any]
Buffer = bytes | bytearray | memoryview

_NONE: Parameters = {}


class Input(Struct, gc=False):
    """One input as it was sent."""

    name: str = ""
    datatype: str = ""
    shape: list[int] = []
    parameters: Parameters = _NONE
    contents: bytes | None = None  # an InferTensorContents


class Output(Struct, gc=False):
    """One output that was asked for."""

    name: str = ""
    parameters: Parameters = _NONE


class InferRequest(Struct, gc=False):
    """One request as it was sent; nothing is checked yet."""

    model: str
    version: str
    id: str
    parameters: Parameters
    inputs: list[Input]
    outputs: list[Output]
    raw: list[memoryview]


def read_request(content: Content) -> InferRequest:
    """Return the request that some bytes hold; what is unknown is passed over.

    Raises:
        RequestError: they hold none.
    """
    model = version = request_id = ""
    parameters: Parameters = {}
    inputs: list[Input] = []
    outputs: list[Output] = []
    raw: list[memoryview] = []
    view = memoryview(content)
    for tag, start, end in protobuf.fields(content, 0, len(content)):
        if tag == 7 << 3 | BYTES:
            raw.append(view[start:end])
        elif tag == 5 << 3 | BYTES:
            inputs.append(_input(content, start, end))
        elif tag == 1 << 3 | BYTES:
            model = protobuf.text(content, start, end)
        elif tag == 2 << 3 | BYTES:
            version = protobuf.text(content, start, end)
        elif tag == 3 << 3 | BYTES:
            request_id = protobuf.text(content, start, end)
        elif tag == 6 << 3 | BYTES:
            outputs.append(_output(content, start, end))
        elif tag == 4 << 3 | BYTES:
            _parameter(content, start, end, parameters)
    return InferRequest(model, version, request_id, parameters, inputs, outputs, raw)


def _input(content: Content, position: int, stop: int) -> Input:
    found = Input(shape=[])
    for tag, start, end in protobuf.fields(content, position, stop):
        if tag == 1 << 3 | BYTES:
            found.name = protobuf.text(content, start, end)
        elif tag == 2 << 3 | BYTES:
            found.datatype = protobuf.text(content, start, end)
        elif tag == 3 << 3 | BYTES:
            _sizes(content, start, end, found.shape)
        elif tag == 3 << 3 | VARINT:
            found.shape.append(protobuf.signed(protobuf.unsigned(content, start, end)))
        elif tag == 4 << 3 | BYTES:
            if found.parameters is _NONE:
                found.parameters = {}
            _parameter(content, start, end, found.parameters)
        elif tag == 5 << 3 | BYTES:
            # fields of one message may come in several pieces
            found.contents = (found.contents or b"") + bytes(content[start:end])
    return found


def _output(content: Content, position: int, stop: int) -> Output:
    found = Output()
    for tag, start, end in protobuf.fields(content, position, stop):
        if tag == 1 << 3 | BYTES:
            found.name = protobuf.text(content, start, end)
        elif tag == 2 << 3 | BYTES:
            if found.parameters is _NONE:
                found.parameters = {}
            _parameter(content, start, end, found.parameters)
    return found


def _sizes(content: Content, position: int, end: int, sizes: list[int]) -> None:
    """Read numbers that follow each other."""
    try:
        while position < end:
            size = content[position]
            position += 1
            if size > 0x7F:
                size, position = protobuf.varint(content, position - 1)
                size = protobuf.signed(size)
            sizes.append(size)
    except IndexError as error:
        raise malformed("the beginning of a number") from error
    if position != end:
        raise malformed("a shape that reaches beyond its field")


def _parameter(content: Content, position: int, stop: int, found: Parameters) -> None:
    """Read one entry of a map of InferParameter."""
    name = ""
    value: Any = None
    for tag, start, end in protobuf.fields(content, position, stop):
        if tag == 1 << 3 | BYTES:
            name = protobuf.text(content, start, end)
        elif tag == 2 << 3 | BYTES:
            value = _choice(content, start, end)
    if value is not None:
        found[name] = value


def _choice(content: Content, position: int, stop: int) -> Any:
    value: Any = None
    for tag, start, end in protobuf.fields(content, position, stop):
        if tag == 1 << 3 | VARINT:
            value = protobuf.unsigned(content, start, end) != 0
        elif tag == 2 << 3 | VARINT:
            value = protobuf.signed(protobuf.unsigned(content, start, end))
        elif tag == 3 << 3 | BYTES:
            value = protobuf.text(content, start, end)
        elif tag == 4 << 3 | protobuf.FIXED64:
            value = protobuf.double(content, start)
        elif tag == 5 << 3 | VARINT:
            value = protobuf.unsigned(content, start, end)
    return value


Told = tuple[str, str, Array | bytes, tuple[int, ...]]
"""Name, datatype, elements and shape of an output; strings as the bytes of their encoding."""


class ResponseWriter:
    """Writes the responses of one model.

    Args:
        model: its name.
        version: of the model.
    """

    def __init__(self, model: str, version: str) -> None:
        self._begin = protobuf.write_field(1, model.encode())
        if version:
            self._begin += protobuf.write_field(2, version.encode())
        self._names: dict[tuple[str, str], bytes] = {}

    def write(
        self, request_id: str, outputs: Sequence[Told], *, is_final: bool | None = None
    ) -> list[Buffer]:
        """Return a response in pieces, the bytes of its tensors where they lie.

        Args:
            request_id: of the request.
            outputs: what to tell.
            is_final: what to say about whether this is the last response to the request; None for
                nothing.
        """
        head = [self._begin]
        if request_id:
            head.append(protobuf.write_field(3, request_id.encode()))
        if is_final is not None:
            head.append(_FINAL if is_final else _NOT_FINAL)
        tails: list[Buffer] = []
        for name, datatype, array, shape in outputs:
            head.append(self._output(name, datatype, shape))
            data = array if isinstance(array, bytes) else _raw(array)
            size = len(data)
            tails += (b"\x32" + protobuf.write_varint(size), data)
        return [b"".join(head), *tails]

    def _output(self, name: str, datatype: str, shape: tuple[int, ...]) -> bytes:
        begin = self._names.get((name, datatype))
        if begin is None:
            begin = protobuf.write_field(1, name.encode())
            begin += protobuf.write_field(2, datatype.encode())
            self._names[name, datatype] = begin
        if max(shape, default=0) < 0x80:
            sizes = bytes(shape)
        else:
            sizes = b"".join(map(protobuf.write_varint, shape))
        if sizes:
            begin += b"\x1a" + protobuf.write_varint(len(sizes)) + sizes
        return b"\x2a" + protobuf.write_varint(len(begin)) + begin


_ABOUT_FINAL = protobuf.write_field(1, b"triton_final_response")
_FINAL = protobuf.write_field(4, _ABOUT_FINAL + protobuf.write_field(2, b"\x08\x01"))
_NOT_FINAL = protobuf.write_field(4, _ABOUT_FINAL + protobuf.write_field(2, b"\x08\x00"))


def _raw(array: Array) -> Buffer:
    if array.nbytes < 1 << 12:
        return array.tobytes()
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
