"""The parts of RSGI, the interface of Granian, that the server uses."""

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

Headers = list[tuple[str, str]]


class RequestHeaders(Protocol):
    """The headers of a request; names are in lower case."""

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the value of one header."""


class Scope(Protocol):
    """What is known of a request before its body."""

    proto: str
    method: str
    path: str
    client: str  # address:port

    @property
    def headers(self) -> RequestHeaders:
        """The headers."""


class HttpProtocol(Protocol):
    """The body of a request, and the way to respond."""

    def __call__(self) -> Awaitable[bytes]:
        """Read the whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the body in pieces."""

    def client_disconnect(self) -> Awaitable[None]:
        """Wait until the client has hung up."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Respond; what comes after the first response is ignored."""
