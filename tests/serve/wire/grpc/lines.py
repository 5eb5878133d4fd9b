"""A connection of the server without a network: bytes in, frames out."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast, final

from hpack import Decoder
from tests.serve.wire.transport import Wire

from tradewind.serve.wire.grpc import frames
from tradewind.serve.wire.grpc.call import Call, Method, Parts
from tradewind.serve.wire.grpc.connection import Connection
from tradewind.serve.wire.grpc.frames import Kind
from tradewind.serve.wire.grpc.messages import Message
from tradewind.serve.wire.grpc.site import Site


@final
class Room:
    """Memory that is counted."""

    def __init__(self) -> None:
        self.held_bytes = 0

    def take(self, size_bytes: int) -> int:
        self.held_bytes += size_bytes
        return size_bytes

    def release(self, size_bytes: int) -> None:
        self.held_bytes -= size_bytes


@final
@dataclass(frozen=True)
class Frame:
    """One frame that the server sent."""

    kind: Kind
    flags: int
    stream: int
    payload: bytes


@final
class Line:
    """One client with the connection that serves it.

    Args:
        methods: by path.
        max_bytes: of one message.
    """

    def __init__(self, methods: dict[str, Method], max_bytes: int = 2**20) -> None:
        self.room = Room()
        self.site = Site(methods, self.room, max_bytes, 10, 60.0)
        self.wire = Wire()
        self.connection = Connection(self.site)
        self.connection.connection_made(cast(asyncio.Transport, self.wire))
        self._decoder = Decoder()

    def give(self, data: bytes) -> None:
        self.connection.take(data)

    def greet(self, settings: bytes = b"") -> None:
        self.give(frames.PREFACE + frames.frame(Kind.SETTINGS, 0, 0, settings))
        self.taken()

    def ask(self, number: int, content: bytes = b"", path: str = "/a/Echo", **more: str) -> None:
        """Send a whole request with one message."""
        self.give(begin(number, path, **more) + data(number, framed(content), is_end=True))

    def taken(self) -> list[Frame]:
        """Return what was sent since the last call."""
        found = list(parsed(bytes(self.wire.sent)))
        self.wire.sent.clear()
        return found

    def status(self, found: list[Frame]) -> dict[str, str]:
        """Return the headers and trailers among some frames."""
        return {
            str(name): str(value)
            for one in found
            if one.kind is Kind.HEADERS
            for name, value in self._decoder.decode(one.payload)
        }


def parsed(content: bytes) -> Iterator[Frame]:
    """Yield the frames that some bytes hold."""
    while content:
        high, low, kind, flags, number = frames.HEAD.unpack_from(content)
        end = frames.HEAD.size + (high << 16 | low)
        yield Frame(Kind(kind), flags, number, content[frames.HEAD.size : end])
        content = content[end:]


def begin(number: int, path: str = "/a/Echo", **more: str) -> bytes:
    """Return the headers of a call."""
    told = {
        ":method": "POST", ":scheme": "http", ":path": path, ":authority": "here",
        "content-type": "application/grpc", "te": "trailers", **more,
    }  # fmt: skip
    block = b"".join(frames.literal(*pair) for pair in told.items())
    return frames.frame(Kind.HEADERS, frames.END_HEADERS, number, block)


def data(number: int, content: bytes, *, is_end: bool = False) -> bytes:
    """Return a piece of what is sent to a call."""
    return frames.frame(Kind.DATA, frames.END_STREAM if is_end else 0, number, content)


def framed(content: bytes) -> bytes:
    """Return a message as it travels."""
    return b"\0" + len(content).to_bytes(4, "big") + content


def received(found: list[Frame]) -> bytes:
    """Return what was sent as data."""
    return b"".join(one.payload for one in found if one.kind is Kind.DATA)


async def echo(call: Call, message: Message) -> Parts:
    """Answer with what was asked."""
    return [bytes(message.content)]


async def settle() -> None:
    """Let everything happen that is due."""
    for _ in range(20):
        await asyncio.sleep(0)


ECHO = {"/a/Echo": Method(answer=echo)}


def run(steps: Callable[[Line], Any], methods: dict[str, Method] = ECHO) -> None:
    """Run a test on a loop of its own, with one client that has greeted."""

    async def go() -> None:
        line = Line(methods)
        line.greet()
        await steps(line)
        line.connection.connection_lost(None)
        await settle()
        assert line.room.held_bytes == 0
        assert line.site.in_flight == 0
        assert line.site.open_calls == 0

    asyncio.run(go())
