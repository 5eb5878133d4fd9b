"""Those who wait, in the order in which it is their turn."""

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Generic, final

from tradewind.serve.admission.ticket import T
from tradewind.serve.batching.company import Key

_IDLE = 1024  # clients remembered that are ahead of their share but wait for nothing


@final
class _Queue(Generic[T]):
    """What one client waits for on one level."""

    __slots__ = ("client", "rows", "served", "tickets")

    def __init__(self, client: str, served: float) -> None:
        self.client = client
        self.served = served  # rows until now, on a clock that all clients of a level share
        self.tickets: list[T] = []
        self.rows = 0


@final
class _Level(Generic[T]):
    """The clients of one priority, each of whom gets the same share of rows.

    Start-time fair queuing: whoever was served least goes next, and whoever comes back starts at
    the clock, which is where the last one served stood. So nobody saves up turns by being away,
    and between two clients who both wait, what they were served differs by at most one request
    of each.
    """

    def __init__(self) -> None:
        self.queues: dict[str, _Queue[T]] = {}
        self.clock = 0.0
        self._ahead: dict[str, float] = {}

    def start(self, client: str) -> float:
        """Return where a new ticket of a client would stand."""
        queue = self.queues.get(client)
        if queue is not None:
            return queue.served + queue.rows
        return max(self.clock, self._ahead.get(client, 0.0))

    def add(self, ticket: T) -> None:
        queue = self.queues.get(ticket.client)
        if queue is None:
            queue = _Queue(ticket.client, self.start(ticket.client))
            self._ahead.pop(ticket.client, None)
            self.queues[ticket.client] = queue
        queue.tickets.append(ticket)
        queue.rows += ticket.rows

    def remove(self, ticket: T) -> None:
        queue = self.queues[ticket.client]
        queue.tickets.remove(ticket)
        queue.rows -= ticket.rows
        if not queue.tickets:
            del self.queues[ticket.client]
            if queue.served > self.clock:
                self._remember(queue)

    def charge(self, ticket: T) -> None:
        """Count rows as served; before the ticket is removed."""
        self.queues[ticket.client].served += ticket.rows

    def in_turn(self, key: Key | None) -> Iterator[T]:
        """Yield tickets in their order: all, or those with one key."""
        heap = []
        for number, queue in enumerate(self.queues.values()):
            mine = iter([one for one in queue.tickets if key is None or one.key == key])
            first = next(mine, None)
            if first is not None:
                heap.append((queue.served, number, first, mine))
        heapq.heapify(heap)
        while heap:
            served, number, ticket, mine = heap[0]
            yield ticket
            following = next(mine, None)
            if following is None:
                heapq.heappop(heap)
            else:
                heapq.heapreplace(heap, (served + ticket.rows, number, following, mine))

    def last(self) -> T:
        """Return the ticket whose turn comes last."""
        return max(self.queues.values(), key=lambda one: one.served + one.rows).tickets[-1]

    def _remember(self, queue: _Queue[T]) -> None:
        if len(self._ahead) >= _IDLE:
            self._ahead = {
                client: served for client, served in self._ahead.items() if served > self.clock
            }
            if len(self._ahead) >= _IDLE:
                self._ahead.clear()
        self._ahead[queue.client] = queue.served


@final
class Line(Generic[T]):
    """A bounded number of tickets: urgent levels first, within a level the clients in turns."""

    def __init__(self, max_tickets: int, max_bytes: int) -> None:
        self._max_tickets = max_tickets
        self._max_bytes = max_bytes
        self._levels: dict[int, _Level[T]] = {}
        self._rows: Counter[Key] = Counter()
        self._bytes = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> Counter[Key]:
        """How many examples wait, by key."""
        return self._rows

    def rows_before(self, ticket: T) -> int:
        """Return about how many examples go before one that is added now."""
        before = 0.0
        for number, level in self._levels.items():
            if number < ticket.level:
                before += sum(queue.rows for queue in level.queues.values())
            elif number == ticket.level:
                start = level.start(ticket.client)
                for queue in level.queues.values():
                    before += min(queue.rows, max(0.0, start - queue.served))
        return round(before)

    def displaced_by(self, ticket: T) -> T | None:
        """Return who leaves a full line for a ticket that would go before; None for nobody."""
        busy = [number for number, level in self._levels.items() if level.queues]
        if not busy or ticket.level > max(busy):
            return None
        level = self._levels[max(busy)]
        last = level.last()
        if ticket.level == last.level:
            end = level.start(ticket.client) + ticket.rows
            if end > level.start(last.client) - last.rows:
                return None
        return last if self._fits(ticket, last.size_bytes, 1) else None

    def fits(self, ticket: T) -> bool:
        """Say whether there is a place left."""
        return self._fits(ticket, 0, 0)

    def add(self, ticket: T) -> None:
        """Put a ticket at the end of what its client waits for."""
        level = self._levels.get(ticket.level)
        if level is None:
            level = self._levels[ticket.level] = _Level()
        level.add(ticket)
        self._rows[ticket.key] += ticket.rows
        self._bytes += ticket.size_bytes
        self._count += 1

    def remove(self, ticket: T) -> None:
        """Take out a ticket that was not served."""
        self._levels[ticket.level].remove(ticket)
        self._rows[ticket.key] -= ticket.rows
        if not self._rows[ticket.key]:
            del self._rows[ticket.key]
        self._bytes -= ticket.size_bytes
        self._count -= 1

    def serve(self, tickets: Sequence[T]) -> None:
        """Take out tickets that are computed now, the most urgent first."""
        level = self._levels[tickets[0].level]
        level.clock = max(level.clock, min(queue.served for queue in level.queues.values()))
        for ticket in tickets:
            self._levels[ticket.level].charge(ticket)
            self.remove(ticket)

    def head(self) -> T | None:
        """Return the ticket whose turn it is."""
        return next(self.in_turn(None), None)

    def in_turn(self, key: Key | None) -> Iterator[T]:
        """Yield tickets in their order: all, or those with one key."""
        for number in sorted(self._levels):
            yield from self._levels[number].in_turn(key)

    def _fits(self, ticket: T, freed_bytes: int, freed: int) -> bool:
        return (
            self._count + 1 - freed <= self._max_tickets
            and self._bytes + ticket.size_bytes - freed_bytes <= self._max_bytes
        )
