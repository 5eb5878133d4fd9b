"""A connection of the server without a network: bytes in, responses out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast, final

from tests.serve.wire.transport import Wire

from tradewind.errors import RequestError
from tradewind.serve.wire.http import Connection, Limits, Site
from tradewind.serve.wire.visit import BodyTooLong, Visit

MAX_BODY_BYTES = 2**17

Answer = Callable[[Visit], Awaitable[None]]


@final
class Desk:
    """An application that writes down what it was asked.

    Args:
        answer: responds; without one, whatever was sent is sent back.
    """

    def __init__(self, answer: Answer | None = None) -> None:
        self.is_draining = False
        self.seen: list[tuple[str, str, bytes]] = []
        self.unread = 0
        self._answer = answer or self._send_back

    async def __call__(self, visit: Visit) -> None:
        await self._answer(visit)

    def unreadable(self) -> None:
        self.unread += 1

    async def _send_back(self, visit: Visit) -> None:
        body = visit.received()
        try:
            if body is None:
                body = await visit.read(MAX_BODY_BYTES)
        except BodyTooLong:
            visit.respond(413, (), b"")
            return
        except RequestError:
            visit.respond(400, (), b"")
            return
        except ConnectionError:
            return
        self.seen.append((visit.method, visit.path, body))
        visit.respond(200, (("content-type", "x"),), body)


@final
class Line:
    """One client with the connection that serves it.

    Args:
        desk: answers.
    """

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self.wire = Wire()
        self.site = Site(self.desk, Limits(head_s=30, stall_s=30), lambda: None)
        self.connection = Connection(self.site)
        self.connection.connection_made(cast(Any, self.wire))

    def is_held(self) -> bool:
        """Whether nothing is read for now."""
        return not self.wire.is_reading

    def feed(self, data: bytes) -> None:
        """Let bytes arrive, as many at once as the connection has room for."""
        while data:
            buffer = self.connection.get_buffer(-1)
            size = min(len(buffer), len(data))
            buffer[:size] = data[:size]
            self.connection.buffer_updated(size)
            data = data[size:]

    async def settle(self) -> None:
        """Let everything happen that can happen now."""
        for _ in range(6):
            await asyncio.sleep(0)

    def answers(self) -> list[tuple[int, bytes]]:
        """Return the status and the body of each response, and forget them."""
        found = []
        data = bytes(self.wire.sent)
        self.wire.sent.clear()
        while data:
            head, _, data = data.partition(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            size = 0
            if b"content-length: " in head:
                size = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
            found.append((status, data[:size]))
            data = data[size:]
        return found


def post(body: bytes = b"", path: str = "/p", *more: str, version: str = "1.1") -> bytes:
    """Return a request with a length."""
    lines = [f"POST {path} HTTP/{version}", "Host: x", *more, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def chunked(*chunks: bytes, trailer: bytes = b"") -> bytes:
    """Return a request whose body comes in chunks."""
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + parts + b"0\r\n" + trailer + b"\r\n"
