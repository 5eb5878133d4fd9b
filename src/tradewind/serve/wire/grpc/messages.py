"""The messages of one call, put together from the pieces that arrive."""

import zlib
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.grpc.status import Code, Status

PREFIX_BYTES = 5  # whether it is packed, and its length in 32 bits
_OVERHEAD_BYTES = 256  # what the smallest message takes
_WINDOW_BITS = {"gzip": 31, "deflate": 15}


class Message(Struct, gc=False):
    """One message as it came."""

    content: bytes | bytearray
    held_bytes: int
    is_packed: bool = False


class Incoming:
    """Collects messages within limits.

    Args:
        max_bytes: of one message.
        hold: makes room for a number of bytes, or raises Refusal.
    """

    __slots__ = ("_content", "_hold", "_is_packed", "_max_bytes", "_prefix", "_size")

    def __init__(self, max_bytes: int, hold: Callable[[int], int]) -> None:
        self._max_bytes = max_bytes
        self._hold = hold
        self._prefix = b""
        self._content: bytearray | None = None  # grows: who announces much may send nothing
        self._size = 0
        self._is_packed = False

    @property
    def is_between(self) -> bool:
        """Whether no message has begun that is not complete."""
        return self._content is None and not self._prefix

    @property
    def held_bytes(self) -> int:
        """What is held for a message that is not complete."""
        return 0 if self._content is None else self._size + _OVERHEAD_BYTES

    def drop(self) -> None:
        """Forget the message that is not complete."""
        self._content = None

    def feed(self, piece: bytes, found: deque[Message]) -> None:
        """Take the next piece.

        Args:
            piece: of any size.
            found: gets the messages that are complete, those before an error among them: room is
                held for each.

        Raises:
            Refusal: a message is too long, or there is no room for it.
            Status: what came is no message.
        """
        position = 0
        while position < len(piece):
            if self._content is None:
                position = self._begin(piece, position, found)
            else:
                position = self._go_on(piece, position, found)

    def _begin(self, piece: bytes, position: int, found: deque[Message]) -> int:
        wanted = PREFIX_BYTES - len(self._prefix)
        prefix = self._prefix + piece[position : position + wanted]
        position += wanted
        if len(prefix) < PREFIX_BYTES:
            self._prefix = prefix
            return len(piece)
        self._prefix = b""
        if prefix[0] > 1:
            raise Status(Code.INTERNAL, "a message that begins with neither 0 nor 1")
        size = int.from_bytes(prefix[1:], "big")
        if size > self._max_bytes:
            raise _too_large(self._max_bytes, f"{size} bytes")
        held_bytes = self._hold(size + _OVERHEAD_BYTES)
        end = position + size
        if end <= len(piece):
            found.append(Message(piece[position:end], held_bytes, prefix[0] == 1))
            return end
        self._is_packed = prefix[0] == 1
        self._content = bytearray()
        self._size = size
        return position

    def _go_on(self, piece: bytes, position: int, found: deque[Message]) -> int:
        content = self._content
        assert content is not None
        end = position + self._size - len(content)
        content += memoryview(piece)[position:end]
        if len(content) == self._size:
            found.append(Message(content, self._size + _OVERHEAD_BYTES, self._is_packed))
            self._content = None
        return min(end, len(piece))


def unpack(message: Message, encoding: str, max_bytes: int) -> bytes | bytearray:
    """Return the content of a message.

    Raises:
        Refusal: it is longer than allowed, or packed in an unknown way.
        Status: it cannot be unpacked.
    """
    if not message.is_packed or encoding == "identity":
        if message.is_packed:
            raise Status(Code.INTERNAL, "a packed message without grpc-encoding")
        return message.content
    if encoding not in _WINDOW_BITS:
        raise Refusal(
            Reason.UNSUPPORTED_ENCODING, "grpc-encoding", "gzip, deflate or identity", encoding[:40]
        )
    unpacker = zlib.decompressobj(_WINDOW_BITS[encoding])
    try:
        plain = unpacker.decompress(message.content, max_bytes + 1)
    except zlib.error as error:
        raise Status(Code.INTERNAL, f"a message that is no {encoding}: {error}") from error
    if len(plain) > max_bytes:
        raise _too_large(max_bytes, "more after unpacking")
    if not unpacker.eof:
        raise Status(Code.INTERNAL, f"the beginning of a message in {encoding}")
    return plain


def _too_large(max_bytes: int, got: str) -> Refusal:
    return Refusal(
        Reason.BODY_TOO_LARGE,
        "message",
        f"at most {max_bytes} bytes",
        got,
        "send fewer examples at a time, or start the server with a higher limit.",
    )
