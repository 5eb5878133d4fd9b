"""The heads of requests, read as strictly as RFC 9112 allows.

Whatever two servers in a row could read in two ways is refused: that is how one client's request
becomes part of another's (request smuggling).
"""

import re
from collections.abc import Mapping
from typing import final

from msgspec import Struct

MAX_HEAD_BYTES = 1 << 15
MAX_FIELDS = 100

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_LINE = re.compile(rb"(%b{1,32}+) ([!-~\x80-\xff]++) HTTP/(\d)\.(\d)\r\n" % _TOKEN)
_FIELD = re.compile(rb"(%b++):([^\x00-\x08\x0a-\x1f\x7f]*+)\r\n" % _TOKEN)
_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
_ONCE = ("host", "content-length", "transfer-encoding", "authorization")
_KEPT = 512
_LONGEST_KEPT = 2048


class Malformed(Exception):
    """No request that could be answered.

    Args:
        status: of the response.
        text: what was expected, and what came.
    """

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@final
class Head(Struct, frozen=True, gc=False):
    """What stands before the body of one request."""

    method: str
    path: str  # without the query
    headers: Mapping[str, str]  # names in lower case
    length: int  # of the body
    is_chunked: bool  # then the length is not known
    is_kept: bool  # whether the client wants to go on with this connection
    is_old: bool  # HTTP/1.0
    waits: bool  # for 100 Continue, before it sends the body


@final
class Heads:
    """Reads heads, and remembers those that were read.

    A client that keeps its connection sends the same bytes before each body: finding them again
    takes a twentieth of the time of reading them.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def __len__(self) -> int:
        return len(self._known)

    def read(self, data: bytes) -> Head:
        """Return what `data` says, which ends with an empty line.

        Raises:
            Malformed: it cannot be read, or only in more than one way.
        """
        found = self._known.get(data)
        if found is None:
            found = read_head(data)
            if len(data) <= _LONGEST_KEPT:
                if len(self._known) >= _KEPT:
                    self._known.clear()
                self._known[data] = found
        return found


def read_head(data: bytes) -> Head:
    """Return what `data` says, which ends with an empty line.

    Raises:
        Malformed: it cannot be read, or only in more than one way.
    """
    line = _LINE.match(data)
    if line is None:
        raise Malformed(400, "request line: expected METHOD TARGET HTTP/1.1, got something else.")
    method, target, major, minor = line.groups()
    if major != b"1":
        raise Malformed(505, "request line: expected HTTP/1.1, got another version.")
    is_old = minor == b"0"
    headers = _read_fields(data, line.end())
    if not is_old and "host" not in headers:
        raise Malformed(400, "Host: expected one, got none.")
    length, is_chunked = _framing(headers, is_old)
    return Head(
        method.decode("ascii"),
        _path(target.decode("utf-8", "replace")),
        headers,
        length,
        is_chunked,
        _is_kept(headers.get("connection"), is_old),
        is_old,
        _waits(headers.get("expect"), is_old),
    )


def _read_fields(data: bytes, position: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    end = len(data) - 2
    count = 0
    while position < end:
        field = _FIELD.match(data, position)
        if field is None:
            raise Malformed(400, "headers: expected NAME: VALUE on each line, got something else.")
        position = field.end()
        count += 1
        if count > MAX_FIELDS:
            raise Malformed(431, f"headers: expected at most {MAX_FIELDS}, got more.")
        name = field[1].decode("ascii").lower()
        value = field[2].strip(b" \t").decode("latin-1")
        if name in headers:
            if name in _ONCE:
                raise Malformed(400, f"{name}: expected one, got several.")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def _path(target: str) -> str:
    if not target.startswith("/"):
        target = _ABSOLUTE.sub("", target, count=1) or "/"
    return target.partition("?")[0]


def _framing(headers: Mapping[str, str], is_old: bool) -> tuple[int, bool]:
    """Return the length of the body, and whether it comes in chunks instead."""
    coding = headers.get("transfer-encoding")
    length = headers.get("content-length")
    if coding is None:
        if length is None:
            return 0, False
        if not (length.isascii() and length.isdigit() and len(length) < 19):
            raise Malformed(400, "Content-Length: expected a number of bytes, got something else.")
        return int(length), False
    if length is not None:
        raise Malformed(400, "Content-Length: expected none with Transfer-Encoding, got one.")
    if is_old:
        raise Malformed(400, "Transfer-Encoding: expected HTTP/1.1, got HTTP/1.0.")
    if coding.lower() != "chunked":
        raise Malformed(501, "Transfer-Encoding: expected chunked, got another.")
    return 0, True


def _is_kept(connection: str | None, is_old: bool) -> bool:
    if connection is None:
        return not is_old
    wishes = {wish.strip() for wish in connection.lower().split(",")}
    return "close" not in wishes and (not is_old or "keep-alive" in wishes)


def _waits(expect: str | None, is_old: bool) -> bool:
    if expect is None or is_old:
        return False
    if expect.lower() != "100-continue":
        raise Malformed(417, "Expect: expected 100-continue, got something else.")
    return True
