"""Frames of HTTP/2 (RFC 9113) as far as a server of gRPC needs them."""

import struct
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = struct.Struct(">BHBBI")  # length in 24 bits, kind, flags, stream
NUMBER = struct.Struct(">I")
SETTING = struct.Struct(">HI")
MAX_WINDOW = 2**31 - 1


class Kind(IntEnum):
    """What a frame is."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


END_STREAM = 0x1  # of DATA and HEADERS
ACK = 0x1  # of SETTINGS and PING
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20


class Setting(IntEnum):
    """What one side tells the other at the beginning."""

    INITIAL_WINDOW_SIZE = 4
    MAX_CONCURRENT_STREAMS = 3
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6


class Code(IntEnum):
    """Why a stream or a connection ends."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    ENHANCE_YOUR_CALM = 11


class Fault(Exception):
    """The other side broke the protocol; the connection cannot go on.

    Args:
        code: told in the last frame.
        text: told with it.
    """

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


def frame(kind: Kind, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    size = len(payload)
    return HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def window_update(stream: int, size: int) -> bytes:
    """Return the frame that lets the other side send `size` more bytes."""
    return frame(Kind.WINDOW_UPDATE, 0, stream, NUMBER.pack(size))


def reset(stream: int, code: Code) -> bytes:
    """Return the frame that ends one stream at once."""
    return frame(Kind.RST_STREAM, 0, stream, NUMBER.pack(code))


def goodbye(last_stream: int, code: Code, text: str = "") -> bytes:
    """Return the frame after which no new stream is taken."""
    payload = NUMBER.pack(last_stream) + NUMBER.pack(code) + text.encode()[:200]
    return frame(Kind.GOAWAY, 0, 0, payload)


def settings(values: dict[Setting, int]) -> bytes:
    """Return the frame that tells the other side what holds here."""
    return frame(Kind.SETTINGS, 0, 0, b"".join(SETTING.pack(*pair) for pair in values.items()))


def literal(name: str, value: str) -> bytes:
    """Return one header as HPACK writes it without any table (RFC 7541, 6.2.2)."""
    return b"\0" + _string(name.encode()) + _string(value.encode())


def payload_of(flags: int, payload: bytes) -> bytes:
    """Return the content of HEADERS or DATA without padding and priority.

    Raises:
        Fault: the padding is longer than the frame.
    """
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload or payload[0] >= end:
            raise Fault(Code.PROTOCOL_ERROR, "padding longer than its frame")
        start, end = 1, end - payload[0]
    if flags & PRIORITY:
        start += 5
    if start > end:
        raise Fault(Code.FRAME_SIZE_ERROR, "a frame shorter than its fields")
    return payload[start:end]


def _string(text: bytes) -> bytes:
    size = len(text)
    if size < 127:
        return bytes((size,)) + text
    prefix = bytearray((127,))
    size -= 127
    while size >= 128:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + text
