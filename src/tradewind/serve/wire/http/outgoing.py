"""What is written to one connection."""

import asyncio
from typing import cast, final

_TOGETHER_BYTES = 1 << 16  # what is written at once


@final
class Outgoing:
    """Writes what belongs together at once, and tells when there is room for more.

    Args:
        transport: of the connection.
    """

    __slots__ = ("_out", "_room", "_transport", "is_choked", "is_collecting", "is_lost")

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._out: list[bytes] | None = None
        self._room: asyncio.Future[None] | None = None  # while somebody waits for it
        self.is_collecting = False  # until `flush`
        self.is_choked = False  # nothing more can be written
        self.is_lost = False

    def write(self, head: bytes, body: bytes = b"") -> None:
        """Write now, or with what follows while it is collected."""
        if self._out is None:
            self._out = []
        self._out.append(head)
        if body:
            self._out.append(body)
        if not self.is_collecting or len(body) > _TOGETHER_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was collected."""
        out, self._out = self._out, None
        if out and not self.is_lost:
            if len(out[-1]) > _TOGETHER_BYTES:  # joining would copy it
                self._transport.write(b"".join(out[:-1]))
                self._transport.write(out[-1])
            else:
                self._transport.write(b"".join(out))

    def room(self) -> "asyncio.Future[None] | None":
        """Return what to wait for before more is written; None where there is room."""
        if not self.is_choked or self.is_lost:
            return None
        self._room = asyncio.get_running_loop().create_future()
        return self._room

    def make_room(self) -> None:
        """Let whoever waits for room go on: there is some, or nobody reads any more."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)
