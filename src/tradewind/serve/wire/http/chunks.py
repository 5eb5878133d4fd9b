"""A body that comes in chunks (RFC 9112, section 7.1)."""

import re
from typing import final

from tradewind.errors import RequestError

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*+)?")
_TRAILER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\x00-\x08\x0a-\x1f\x7f]*+")
_MAX_LINE_BYTES = 4096
_MAX_TRAILER_BYTES = 8192
_MAX_ODD_BYTES = 1 << 16  # of extensions, beyond which somebody plays with us


@final
class Chunks:
    """Takes chunks apart, however they are cut on the way.

    Extensions and trailers are read and forgotten.
    """

    __slots__ = ("_left", "_line", "_odd_bytes", "_trailer_bytes", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self._line = b""  # of which not all has come
        self._left = 0  # of the chunk, with its CRLF
        self._trailer_bytes = -1  # not there yet
        self._odd_bytes = 0

    def feed(self, data: bytes, position: int, body: bytearray) -> int:
        """Append what is in the chunks to `body`; return where the body ends, or the data.

        Raises:
            RequestError: these are no chunks.
        """
        size = len(data)
        while position < size and not self.is_over:
            if self._left > 2:
                end = min(position + self._left - 2, size)
                body += data[position:end]
                self._left -= end - position
                position = end
            elif self._left:
                if data[position] != b"\n\r"[self._left - 1]:
                    raise _wrong("CRLF after each chunk")
                self._left -= 1
                position += 1
            else:
                position = self._read_line(data, position)
        return position

    def _read_line(self, data: bytes, position: int) -> int:
        """Read the size of the next chunk, or a trailer; return where it ends."""
        end = data.find(b"\n", position)
        if end < 0:
            self._line += data[position:]
            if len(self._line) > _MAX_LINE_BYTES:
                raise _wrong(f"at most {_MAX_LINE_BYTES} bytes before a chunk")
            return len(data)
        line = self._line + data[position:end]
        self._line = b""
        if not line.endswith(b"\r"):
            raise _wrong("CRLF at the end of each line")
        line = line[:-1]
        if self._trailer_bytes < 0:
            self._take_size(line)
        else:
            self._take_trailer(line)
        return end + 1

    def _take_size(self, line: bytes) -> None:
        found = _SIZE.fullmatch(line) if len(line) <= _MAX_LINE_BYTES else None
        if found is None:
            raise _wrong("the size of each chunk in hexadecimal digits")
        self._odd_bytes += len(line) - len(found[1])
        if self._odd_bytes > _MAX_ODD_BYTES:
            raise _wrong("fewer extensions of chunks")
        size = int(found[1], 16)
        if size:
            self._left = size + 2
        else:
            self._trailer_bytes = 0

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.is_over = True
            return
        self._trailer_bytes += len(line)
        if self._trailer_bytes > _MAX_TRAILER_BYTES or _TRAILER.fullmatch(line) is None:
            raise _wrong("short trailers, as headers are written")


def _wrong(expected: str) -> RequestError:
    return RequestError("body", expected, "something else")
