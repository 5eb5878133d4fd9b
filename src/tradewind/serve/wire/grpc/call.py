"""One call of gRPC, from its headers to its status."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from msgspec import Struct

from tradewind.protocol.infer_messages import Buffer
from tradewind.serve.wire.grpc.headers import Head
from tradewind.serve.wire.grpc.messages import Incoming, Message

Parts = Sequence[Buffer]
"""One message that goes out, in pieces that follow each other."""


class Line(Protocol):
    """What a call needs of its connection."""

    peer: str

    def put(self, call: "Call", parts: Parts) -> None:
        """Send a message, or keep it until the other side has room."""

    def read_on(self, call: "Call") -> None:
        """Let the other side send more."""

    def release(self, held_bytes: int) -> None:
        """Give back room."""

    def begin(self) -> None:
        """Count a request that is answered."""

    def done(self) -> None:
        """Count one that is not any more."""


class Call:
    """What came in and was not read yet, what waits to go out, and who wants to know of its end.

    Args:
        number: of the stream in its connection.
        method: what is asked for.
        head: the headers.
        line: the connection.
        incoming: collects what comes.
        window: bytes that the other side takes now.
    """

    __slots__ = (
        "_arrived", "_drained", "_watchers", "alarm", "at_s", "has_headers", "head", "incoming",
        "is_closed", "is_half_closed", "line", "messages", "method", "number", "task",
        "uncredited", "waiting", "window", "with_status",
    )  # fmt: skip

    def __init__(
        self, number: int, method: "Method", head: Head, line: Line, incoming: Incoming, window: int
    ) -> None:
        self.number = number
        self.method = method
        self.head = head
        self.line = line
        self.incoming = incoming
        self.window = window
        self.at_s = time.perf_counter()
        self.messages: deque[Message] = deque()
        self.waiting: deque[memoryview] = deque()  # goes out when the windows open
        self.with_status: bytes | None = None  # goes out after what waits
        self.uncredited = 0  # bytes that came and that the other side may not send again yet
        self.has_headers = False  # whether ours are out
        self.is_half_closed = False  # nothing comes any more
        self.is_closed = False  # nothing goes out any more either
        self.task: asyncio.Task[None] | None = None
        self.alarm: asyncio.TimerHandle | None = None
        self._arrived: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._watchers: list[asyncio.Future[None]] | None = None

    @property
    def peer(self) -> str:
        """The address of the client."""
        return self.line.peer

    @property
    def left_s(self) -> float | None:
        """What is left of the time that the client is ready to wait; None when it said nothing."""
        if self.head.timeout_s is None:
            return None
        return max(0.0, self.head.timeout_s - (time.perf_counter() - self.at_s))

    def gone(self) -> Awaitable[None]:
        """Return when nobody waits for this call any more."""
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_closed:
            watcher.set_result(None)
        elif self._watchers is None:
            self._watchers = [watcher]
        else:
            self._watchers = [one for one in self._watchers if not one.done()]
            self._watchers.append(watcher)
        return watcher

    async def receive(self) -> Message | None:
        """Return the next message; None when no more come."""
        while not self.messages:
            if self.is_half_closed or self.is_closed:
                return None
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived
        message = self.messages.popleft()
        self.line.read_on(self)
        return message

    async def send(self, parts: Parts) -> None:
        """Send a message; return when it is out, or when nobody reads it any more."""
        if self.is_closed:
            return
        self.line.put(self, parts)
        while self.waiting and not self.is_closed:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def wake(self) -> None:
        """Let whoever waits for this call look again."""
        for future in (self._arrived, self._drained):
            if future is not None and not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Tell everybody that the call is over; free what was never read."""
        self.is_closed = self.is_half_closed = True
        self.waiting.clear()
        if self.alarm is not None:
            self.alarm.cancel()
        for message in self.messages:
            self.line.release(message.held_bytes)
        self.messages.clear()
        if self.incoming.held_bytes:
            self.line.release(self.incoming.held_bytes)
            self.incoming.drop()
        for watcher in self._watchers or ():
            if not watcher.done():
                watcher.set_result(None)
        self.wake()


class Method(Struct, frozen=True):
    """What can be called: by one message with one answer, or as a conversation."""

    answer: Callable[[Call, Message], Awaitable[Parts]] | None = None
    converse: Callable[[Call], Awaitable[None]] | None = None
