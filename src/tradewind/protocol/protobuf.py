"""The encoding of protobuf, read and written in place.

Bytes of tensors are by far the largest part of a request: a parser that copies them into its
messages, and out of them again, takes longer than some models. Here they stay where they came.
"""

import struct
from collections.abc import Iterator

from tradewind.errors import RequestError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTH = {FIXED64: 8, FIXED32: 4}
_SIGN = 1 << 63

Content = bytes | bytearray


def fields(content: Content, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fields of a message: tag, and where its content begins and ends.

    The content of a varint is what stands between; a tag is the number of the field times 8, plus
    the kind of its encoding.

    Raises:
        RequestError: these bytes are no message.
    """
    try:
        while position < end:
            tag = content[position]
            position += 1
            if tag > 0x7F:
                tag, position = varint(content, position - 1)
            kind = tag & 7
            start = position
            if kind == BYTES:
                size = content[position]
                start = position + 1
                if size > 0x7F:
                    size, start = varint(content, position)
                position = start + size
            elif kind == VARINT:
                while content[position] > 0x7F:
                    position += 1
                position += 1
            elif kind in _WIDTH:
                position += _WIDTH[kind]
            else:
                raise malformed(f"a field of kind {kind}")
            if position > end or tag < 8:
                raise malformed("a field that reaches beyond its message")
            yield tag, start, position
    except IndexError as error:
        raise malformed("the beginning of a message") from error


def varint(content: Content, position: int) -> tuple[int, int]:
    """Return the unsigned number at a position, and where it ends.

    Raises:
        RequestError: it has more than 64 bits.
        IndexError: it does not end.
    """
    result = shift = 0
    while True:
        byte = content[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise malformed("a number of more than 64 bits")
    return result & 0xFFFFFFFFFFFFFFFF, position


def unsigned(content: Content, start: int, end: int) -> int:
    """Return the number in the field between two positions.

    Raises:
        RequestError: it is none.
    """
    try:
        return varint(content, start)[0]
    except IndexError as error:
        raise malformed("the beginning of a number") from error


def signed(number: int) -> int:
    """Return what an unsigned number of 64 bits means as a signed one."""
    return number - (_SIGN << 1) if number >= _SIGN else number


def text(content: Content, start: int, end: int) -> str:
    """Return a string.

    Raises:
        RequestError: it is not UTF-8.
    """
    try:
        return content[start:end].decode()
    except UnicodeDecodeError as error:
        raise malformed(f"a string that is not UTF-8: {error}") from error


def double(content: Content, start: int) -> float:
    """Return a number of 64 bits with a point."""
    return float(struct.unpack_from("<d", content, start)[0])


def malformed(got: str) -> RequestError:
    """Return the error of a message that cannot be read."""
    return RequestError("message", "a message of protobuf", got)


def write_varint(number: int) -> bytes:
    """Return a number of 0 or more."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_field(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes."""
    return write_varint(number << 3 | BYTES) + write_varint(len(content)) + content
