"""One request on a connection, from its head to its response."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Protocol, final

from tradewind.errors import RequestError
from tradewind.serve.refusals import Refusal
from tradewind.serve.wire.http.chunks import Chunks
from tradewind.serve.wire.http.head import Head
from tradewind.serve.wire.visit import BodyTooLong, Headers

_UNASKED_BYTES = 1 << 16  # of a body that nobody has asked for yet


class Line(Protocol):
    """Where a request came from."""

    def answer(self, turn: "Turn", status: int, headers: Headers, body: bytes) -> None:
        """Write a response."""

    def ask_on(self, turn: "Turn") -> None:
        """Let the body come."""

    def open(self, turn: "Turn", status: int, headers: Headers) -> None:
        """Write the head of a response whose body comes in pieces."""

    def push(self, turn: "Turn", piece: bytes) -> Awaitable[None] | None:
        """Write a piece; return what to wait for before the next, if there is no room now."""

    def end(self, turn: "Turn") -> None:
        """Write the end of such a response."""


@final
class Turn:
    """A visit, and the body that is still on its way.

    Args:
        line: where it came from.
        head: what stood before the body.
        client: address:port.
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_gone",
        "_is_gone",
        "_line",
        "_max_bytes",
        "_missing",
        "_reader",
        "_trouble",
        "_whole",
        "client",
        "head",
        "headers",
        "is_answered",
        "is_asked",
        "is_streaming",
        "is_waited_for",
        "method",
        "path",
    )

    def __init__(self, line: Line, head: Head, client: str) -> None:
        self._line = line
        self.head = head
        self.client = client
        self.method = head.method
        self.path = head.path
        self.headers: Mapping[str, str] = head.headers
        self.is_answered = False
        self.is_asked = False  # for its body
        self.is_streaming = False  # more of its response comes
        self.is_waited_for = head.waits  # by a client that sends its body when told to
        self._chunks = Chunks() if head.is_chunked else None
        self._missing = head.length
        self._whole: bytes | None = None if head.is_chunked or head.length else b""
        self._body = bytearray()
        self._max_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._is_gone = False
        self._trouble: Exception | None = None

    @property
    def length(self) -> int | None:
        return None if self._chunks is not None else self.head.length

    @property
    def is_whole(self) -> bool:
        """Whether all of the request has come."""
        return self._missing == 0 if self._chunks is None else self._chunks.is_over

    @property
    def is_broken(self) -> bool:
        """Whether nobody can tell where the request ends."""
        return isinstance(self._trouble, RequestError)

    @property
    def is_full(self) -> bool:
        """Whether more of the body has come than may wait for somebody to ask for it."""
        return len(self._body) > _UNASKED_BYTES and not (self.is_asked or self.is_answered)

    def feed(self, data: bytes, position: int) -> int:
        """Take as much of the body as there is; return where it ends."""
        if self.is_broken:
            return len(data)
        if self._chunks is None:
            end = min(position + self._missing, len(data))
            if self.is_answered:
                pass
            elif end - position == self.head.length:
                self._whole = data if len(data) == end - position else data[position:end]
            else:
                self._body += memoryview(data)[position:end]
            self._missing -= end - position
        else:
            try:
                end = self._chunks.feed(data, position, self._body)
            except RequestError as error:
                self._fail(error)
                return len(data)
            if self.is_answered:
                self._body.clear()
            elif self.is_asked and len(self._body) > self._max_bytes:
                self._fail(BodyTooLong())
        if self._reader is not None and not self._reader.done() and self.is_whole:
            self._reader.set_result(None)
        return end

    def received(self) -> bytes | None:
        if self._whole is None and self.is_whole:
            self._whole = bytes(self._body)
            self._body = bytearray()
        return self._whole

    async def read(self, max_bytes: int) -> bytes:
        self._max_bytes = max_bytes
        self.is_asked = True
        self._line.ask_on(self)
        if self._trouble is not None:
            raise self._trouble
        if len(self._body) > max_bytes:
            raise BodyTooLong
        if not self.is_whole:
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        body = self.received()
        assert body is not None
        if len(body) > max_bytes:
            raise BodyTooLong
        return body

    def stop_reading(self, refusal: Refusal) -> None:
        self._fail(refusal)

    def gone(self) -> "asyncio.Future[None]":
        if self._gone is None or self._gone.done():
            self._gone = asyncio.get_running_loop().create_future()
            if self._is_gone:
                self._gone.set_result(None)
        return self._gone

    def leave(self) -> None:
        """Tell whoever wants to know that the client has hung up."""
        self._is_gone = True
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
        if not self.is_whole:
            self._fail(ConnectionResetError())

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        if not self.is_answered:
            self.is_answered = True
            self._body = bytearray()
            self._line.answer(self, status, headers, body)

    @property
    def is_gone(self) -> bool:
        return self._is_gone

    def begin(self, status: int, headers: Headers) -> None:
        if not self.is_answered:
            self.is_answered = self.is_streaming = True
            self._body = bytearray()
            self._line.open(self, status, headers)

    async def send(self, piece: bytes) -> None:
        room = self._line.push(self, piece)
        if room is not None:
            await room

    def end(self) -> None:
        if self.is_streaming:
            self.is_streaming = False
            self._line.end(self)

    def _fail(self, error: Exception) -> None:
        self._trouble = error
        self._body = bytearray()
        if self._reader is not None and not self._reader.done():
            self._reader.set_exception(error)
