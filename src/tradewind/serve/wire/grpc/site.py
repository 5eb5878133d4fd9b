"""What all connections of the port share: methods, limits, and who is there."""

import time
from collections.abc import Mapping
from typing import Protocol

from tradewind.serve.wire.beginning import receiving_buffer
from tradewind.serve.wire.grpc.call import Method


class Guest(Protocol):
    """One connection, as the site sees it."""

    def expire(self, now_s: float, patience_s: float) -> None:
        """Give up on what takes too long to arrive."""

    def retire(self) -> None:
        """Ask the other side to take its new calls elsewhere."""

    def end(self) -> None:
        """Close it."""


class Room(Protocol):
    """The memory that requests share, whatever their protocol."""

    def take(self, size_bytes: int) -> int:
        """Make room, or raise Refusal; return how much was taken."""

    def release(self, size_bytes: int) -> None:
        """Give room back."""


class Site:
    """Methods, limits and connections.

    Args:
        methods: by path.
        room: where messages are held.
        max_bytes: of one message.
        max_connections: at the same time.
        read_timeout_s: for a connection to say what it wants, and for a message to arrive.
    """

    def __init__(
        self,
        methods: Mapping[str, Method],
        room: Room,
        max_bytes: int,
        max_connections: int,
        read_timeout_s: float,
    ) -> None:
        self.methods = methods
        self.hold = room.take
        self.release = room.release
        self.max_bytes = max_bytes
        self.buffer = receiving_buffer()
        self._read_timeout_s = read_timeout_s
        self.in_flight = 0
        self.open_calls = 0
        self._max_connections = max_connections
        self._is_draining = False
        self._guests: set[Guest] = set()
        self._last_s = time.perf_counter()

    @property
    def is_full(self) -> bool:
        """Whether there are as many calls, answered or not, as there may be connections."""
        return self.open_calls >= self._max_connections

    @property
    def is_visited(self) -> bool:
        """Whether there are connections."""
        return bool(self._guests)

    @property
    def is_draining(self) -> bool:
        """Whether clients were asked to go elsewhere."""
        return self._is_draining

    @is_draining.setter
    def is_draining(self, value: bool) -> None:
        self._is_draining = value
        if value:
            for guest in list(self._guests):
                guest.retire()

    @property
    def quiet_s(self) -> float:
        """How long nothing has happened; 0 while a call is in flight."""
        return 0.0 if self.in_flight else time.perf_counter() - self._last_s

    def enter(self, guest: Guest) -> bool:
        """Let a connection in, unless there are too many."""
        if len(self._guests) >= self._max_connections:
            return False
        self._guests.add(guest)
        return True

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self._guests.discard(guest)

    def begin(self) -> None:
        """Count a request that is answered."""
        self.in_flight += 1

    def done(self) -> None:
        """Count one that is not any more."""
        self.in_flight -= 1
        self._last_s = time.perf_counter()

    def expire(self, now_s: float) -> None:
        """Give up on what takes too long to arrive."""
        for guest in list(self._guests):
            guest.expire(now_s, self._read_timeout_s)

    def close(self) -> None:
        """Close every connection."""
        for guest in list(self._guests):
            guest.end()
