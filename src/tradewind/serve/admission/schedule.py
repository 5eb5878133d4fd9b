"""The decisions of admission: who may wait, who is computed next, with whom.

Nothing here reads a clock or waits, so that a simulation can ask it about any load.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, final

from tradewind.serve.admission.line import Line
from tradewind.serve.admission.returning import Returns
from tradewind.serve.admission.ticket import T
from tradewind.serve.batching.company import Key
from tradewind.serve.batching.costs import Costs, Curve
from tradewind.serve.batching.rules import BatchingRules

_USUAL_TARGET_S = 0.1
"""Without a target, grouping aims at this, or at four times what one example takes."""

_QUANTILE = 0.97  # of the answers that are in time, of those that were admitted with a deadline
_WORTH = 1.1
_RELAX = 0.9
_STEP = 0.1  # of the margin at each answer, as a share of a batch


@final
@dataclass(eq=False, slots=True)
class Run(Generic[T]):
    """One batch that is being computed."""

    key: Key
    rows: int
    began_s: float
    end_s: float  # expected
    requests: int
    tickets: tuple[T, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Verdict(Generic[T]):
    """What becomes of a request that cannot be computed at once."""

    refused: Literal["full", "late"] | None = None
    wait_s: float = 0.0  # expected, until the answer
    displaced: T | None = None  # loses its place to this one


@final
@dataclass(frozen=True, slots=True)
class Turn(Generic[T]):
    """What is computed next."""

    batch: tuple[T, ...] = ()
    late: tuple[T, ...] = ()  # left the line: no answer could be in time
    pause_s: float = 0.0  # a slot is free, and company is on its way; ask again after so long


@final
class Schedule(Generic[T]):
    """Hands free slots to those who wait.

    While all are busy, requests gather, and the next batch takes as many as pay: under load
    batches grow by themselves, and a lone request finds a free slot and goes at once. A free slot
    waits for company only where it is about to come, and worth more than the wait.

    Args:
        slots: batches computed at the same time.
        line: who waits.
        costs: what batches take.
        rules: how they may be grouped.
        is_joined: returns whether anything may be joined.
    """

    def __init__(
        self,
        slots: int,
        line: Line[T],
        costs: Costs,
        rules: BatchingRules,
        is_joined: Callable[[], bool],
    ) -> None:
        self.line = line
        self.runs: list[Run[T]] = []
        self.margin_s = 0.0  # by how much nearly all answers come no later than expected
        self._slots = slots
        self._costs = costs
        self._target_s = rules.target_s
        self._is_joined = is_joined
        self._returns = Returns()
        self._mean_s = 0.0  # of a batch; for shapes of which nothing is known

    @property
    def is_free(self) -> bool:
        """Whether a request that comes now can be computed at once."""
        return len(self.runs) < self._slots and not len(self.line)

    def arrive(self, ticket: T, now_s: float) -> bool:
        """Note that a request came; say whether it is computed at once."""
        self._returns.come(now_s)
        return self.is_free and not self._pause_s(ticket, now_s)

    def offer(self, ticket: T, now_s: float) -> Verdict[T]:
        """Let a request wait, unless there is no place or no point."""
        wait_s = self.expected_s(ticket, now_s)
        if now_s + wait_s + self.margin_s > ticket.deadline_s:
            if not len(self.line):  # so much caution would leave the slots idle
                self.margin_s *= _RELAX
            return Verdict("late", wait_s)
        displaced = None
        if not self.line.fits(ticket):
            displaced = self.line.displaced_by(ticket)
            if displaced is None:
                return Verdict("full", wait_s)
            self.line.remove(displaced)
        ticket.expected_s = now_s + wait_s
        self.line.add(ticket)
        return Verdict(None, wait_s, displaced)

    def withdraw(self, ticket: T) -> None:
        """Give up the place of one that waits."""
        self.line.remove(ticket)

    def next(self, now_s: float) -> Turn[T]:
        """Return who goes next, where a slot is free; those who are returned have left the line."""
        late: list[T] = []
        while len(self.runs) < self._slots:
            head = self.line.head()
            if head is None:
                break
            pause_s = self._pause_s(head, now_s)
            if pause_s:
                return Turn((), tuple(late), pause_s)
            batch = self._batch(head, late, now_s)
            if batch:
                self.line.serve(batch)
                return Turn(tuple(batch), tuple(late))
        return Turn((), tuple(late))

    def begin(self, key: Key, rows: int, now_s: float, tickets: tuple[T, ...] = ()) -> Run[T]:
        """Take a slot, for tickets that waited or for a single request that did not."""
        end_s = now_s + self._time_s(key, rows)
        run = Run(key, rows, now_s, end_s, len(tickets) or 1, tickets)
        self.runs.append(run)
        return run

    def end(self, run: Run[T], now_s: float, *, is_answered: bool) -> None:
        """Free the slot, and learn from how long it was taken."""
        self.runs.remove(run)
        if not is_answered:
            return
        took_s = now_s - run.began_s
        self._returns.answer(run.requests, took_s, now_s)
        self._costs.of(run.key).learn(run.rows, took_s)
        self._mean_s += 0.1 * (took_s - self._mean_s) if self._mean_s else took_s
        for ticket in run.tickets:
            self._correct(ticket, now_s, took_s / len(run.tickets))

    def expected_s(self, ticket: T, now_s: float) -> float:
        """Return how long a request that comes now will take until it is answered.

        The busy slots end as expected, and those before it in the line go in batches of the size
        that will be chosen, spread over the slots.
        """
        free = [max(0.0, run.end_s - now_s) for run in self.runs]
        free += [0.0] * (self._slots - len(free))
        waiting = self.line.rows
        share = self.line.rows_before(ticket) / max(waiting.total(), 1)
        work_s, beside = 0.0, 0
        for key, rows in waiting.items():
            size, each_s = self._full(key)
            batches = int(rows * share / size)
            work_s += batches * each_s
            if key == ticket.key:
                beside = min(rows - batches * size, size)
        own = max(min(beside + ticket.rows, self._full(ticket.key)[0]), ticket.rows)
        start_s = max(min(free), (sum(free) + work_s) / self._slots) if work_s else min(free)
        return start_s + self._time_s(ticket.key, own)

    def drained_s(self, now_s: float) -> float:
        """Return about when everything that waits now will be answered."""
        work_s = sum(max(0.0, run.end_s - now_s) for run in self.runs)
        for key, rows in self.line.rows.items():
            size, each_s = self._full(key)
            work_s += rows / size * each_s
        return work_s / self._slots

    def _batch(self, head: T, late: list[T], now_s: float) -> list[T]:
        """Return who goes together with the head; those who would be late move to `late`."""
        waiting = self.line.rows[head.key]
        size, is_joined = head.rows, self._is_joined()
        if is_joined:
            curve = self._costs.of(head.key)
            size = max(size, curve.choose(waiting, self._limit_s(curve)))
        end_s = now_s + self._time_s(head.key, min(size, waiting))
        batch: list[T] = []
        rows, passed = 0, list[T]()
        for ticket in self.line.in_turn(head.key):
            if rows + ticket.rows > size or (batch and not is_joined):
                break
            if ticket.deadline_s < end_s:
                alone_s = now_s + self._time_s(head.key, ticket.rows)
                if waiting <= size and alone_s <= ticket.deadline_s:
                    batch = [ticket]  # nobody has to wait for long: one goes ahead
                    break
                passed.append(ticket)
                continue
            batch.append(ticket)
            rows += ticket.rows
        for ticket in passed:
            self.line.remove(ticket)
        late += passed
        return batch

    def _pause_s(self, head: T, now_s: float) -> float:
        """Return how long to wait for company, which must be worth a tenth of the rate."""
        owed, left_s = self._returns.owed(now_s)
        if owed < 1 or not self._is_joined():
            return 0.0
        size, _ = self._full(head.key)
        rows = max(self.line.rows[head.key], head.rows)
        more = min(rows + owed, max(size, rows))
        now_rate = rows / max(self._time_s(head.key, rows), 1e-9)
        end_s = left_s + self._time_s(head.key, more)
        if more / end_s < _WORTH * now_rate or now_s + end_s > head.deadline_s:
            return 0.0
        return left_s

    def _full(self, key: Key) -> tuple[int, float]:
        """Return the batch size that is chosen when many wait, with the time it takes."""
        if not self._is_joined():
            return 1, self._time_s(key, 1)
        curve = self._costs.of(key)
        size = curve.full(self._limit_s(curve))
        return size, self._time_s(key, size)

    def _limit_s(self, curve: Curve) -> float:
        """Return how long a batch may take: half of the target may go by in the line."""
        one_s = curve.time_s(1) or 0.0
        if self._target_s is None:
            return max(_USUAL_TARGET_S, 4 * one_s) / 2
        return max(self._target_s / 2, 1.25 * one_s)

    def _time_s(self, key: Key, rows: int) -> float:
        found = self._costs.of(key).time_s(rows)
        return self._mean_s if found is None else found

    def _correct(self, ticket: T, now_s: float, took_s: float) -> None:
        """Move the margin towards the quantile of how much later than expected answers come."""
        is_later = now_s > ticket.expected_s + self.margin_s
        self.margin_s += _STEP * took_s * (_QUANTILE - (not is_later))
