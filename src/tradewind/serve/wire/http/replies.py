"""The heads of responses."""

from email.utils import formatdate
from http import HTTPStatus
from typing import final

from tradewind.serve.wire.visit import Headers

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_KEPT = 256
_LENGTH = b"\r\ncontent-length: "
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}

_Key = tuple[int, Headers, str]


@final
class Replies:
    """Writes heads; what stays the same from one to the next is written once."""

    def __init__(self) -> None:
        self._begun: dict[_Key, bytes] = {}
        self._date = b""
        self.tell_time()

    def tell_time(self) -> None:
        """Look at the clock for the header Date; called about once a second."""
        self._date = f"\r\ndate: {formatdate(usegmt=True)}\r\n\r\n".encode()

    def head(self, status: int, headers: Headers, connection: str, size_bytes: int) -> bytes:
        """Return everything before the body.

        Args:
            status: of the response.
            headers: of the response.
            connection: what the header Connection says; empty for none.
            size_bytes: of the body.
        """
        key = (status, headers, connection)
        begun = self._begun.get(key)
        if begun is None:
            if len(self._begun) >= _KEPT:
                self._begun.clear()
            begun = self._begun[key] = _begin(status, headers, connection) + _LENGTH
        return b"%b%d%b" % (begun, size_bytes, self._date)

    def open_head(self, status: int, headers: Headers, connection: str) -> bytes:
        """Return everything before a body whose length nobody knows yet.

        Args:
            status: of the response.
            headers: of the response.
            connection: what the header Connection says; empty for none.
        """
        return b"".join((_begin(status, headers, connection), self._date))


def _begin(status: int, headers: Headers, connection: str) -> bytes:
    if connection:
        headers = (*headers, ("connection", connection))
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    text = "\r\n".join(lines)
    # what comes from outside must not be able to end a line
    assert text.count("\r") == text.count("\n") == len(headers), "a line break in a header"
    return text.encode("latin-1")
