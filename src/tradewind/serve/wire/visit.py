"""One request as the application sees it, whoever has read it from the wire."""

from collections.abc import Awaitable, Mapping
from typing import Protocol

from tradewind.serve.refusals import Refusal

Headers = tuple[tuple[str, str], ...]
"""Of a response; names are in lower case."""


class BodyTooLong(Exception):
    """More came than whoever reads wants to take."""


class Visit(Protocol):
    """A request, and the way to respond to it."""

    @property
    def method(self) -> str:
        """The verb."""

    @property
    def path(self) -> str:
        """What is asked for, as it was sent, without its query."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names are in lower case."""

    @property
    def client(self) -> str:
        """address:port."""

    @property
    def length(self) -> int | None:
        """How long the body is, as far as the client has said."""

    def received(self) -> bytes | None:
        """Return the whole body if it is there."""

    def read(self, max_bytes: int) -> Awaitable[bytes]:
        """Wait for the whole body.

        Raises:
            BodyTooLong: it is longer.
            ConnectionError: the client hung up.
            RequestError: its parts are not framed as they should be.
            Refusal: the one given to `stop_reading`.
        """

    def stop_reading(self, refusal: Refusal) -> None:
        """End the wait for the body."""

    def gone(self) -> Awaitable[None]:
        """Wait until the client has hung up."""

    @property
    def is_gone(self) -> bool:
        """Whether the client has hung up."""

    def begin(self, status: int, headers: Headers) -> None:
        """Begin a response whose body comes in pieces."""

    def send(self, piece: bytes) -> Awaitable[None]:
        """Send a piece, which is not empty; return when there is room for the next."""

    def end(self) -> None:
        """End a response that was begun."""

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Respond; what comes after the first response is ignored."""
