"""What all connections of a port share: the application, limits, and who is there."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, final

from tradewind.serve.wire.beginning import receiving_buffer
from tradewind.serve.wire.http.head import Heads
from tradewind.serve.wire.http.replies import Replies
from tradewind.serve.wire.visit import Visit


class Application(Protocol):
    """Who responds."""

    is_draining: bool  # asks clients to go elsewhere

    def __call__(self, visit: Visit) -> Coroutine[Any, Any, None]:
        """Respond to one request; never raises."""

    def unreadable(self) -> None:
        """Count a request that was refused before anybody could tell what it asks for."""


class Guest(Protocol):
    """One connection, as the site sees it."""

    deadline_s: float  # when the site has to call `expire`

    def expire(self) -> None:
        """Give up on what takes too long."""

    def retire(self) -> None:
        """Close it between two requests."""

    def abort(self) -> None:
        """Close it now."""


@final
@dataclass(frozen=True)
class Limits:
    """How long the other side may take."""

    head_s: float  # for a whole head, also between two requests
    stall_s: float  # to take some of a response


@final
class Site:
    """One application, and the connections to it.

    Args:
        app: responds.
        limits: for every connection.
        on_room: called when a connection has ended.
    """

    def __init__(self, app: Application, limits: Limits, on_room: Callable[[], None]) -> None:
        self.app = app
        self.limits = limits
        self.heads = Heads()
        self.replies = Replies()
        self.guests: set[Guest] = set()
        self.buffer = receiving_buffer()
        self._on_room = on_room

    def enter(self, guest: Guest) -> None:
        """Remember a connection."""
        self.guests.add(guest)

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self.guests.discard(guest)
        self._on_room()

    def look(self) -> None:
        """Give up on what takes too long; called about once a second."""
        self.replies.tell_time()
        now_s = time.perf_counter()
        for guest in [guest for guest in self.guests if guest.deadline_s < now_s]:
            guest.expire()

    def retire(self) -> None:
        """Close every connection between two requests."""
        for guest in list(self.guests):
            guest.retire()

    def abort(self) -> None:
        """Close every connection now."""
        for guest in list(self.guests):
            guest.abort()
