"""Tickets, and a server in which time is a number."""

import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from tradewind.serve.admission.line import Line
from tradewind.serve.admission.schedule import Run, Schedule
from tradewind.serve.admission.ticket import DEFAULT_LEVEL, Ticket
from tradewind.serve.batching.company import Key
from tradewind.serve.batching.costs import Costs, ladder
from tradewind.serve.batching.rules import BatchingRules

SHAPE: Key = ((4,),)
FOREVER = float("inf")
WARM_UP_S = 2.0


def ticket(
    client: str = "",
    rows: int = 1,
    key: Key = SHAPE,
    level: int = DEFAULT_LEVEL,
    deadline_s: float = FOREVER,
    size_bytes: int = 100,
) -> Ticket:
    return Ticket(key, rows, size_bytes, client, level, deadline_s)


def schedule(
    slots: int = 1, max_queue: int = 256, rules: BatchingRules | None = None
) -> Schedule[Ticket]:
    rules = rules or BatchingRules()
    line = Line[Ticket](max_queue, 10**9)
    return Schedule(slots, line, Costs(ladder(rules.max_batch)), rules, lambda: rules.enabled)


@dataclass
class Model:
    """A model whose batches take base_s + each_s * rows, give or take."""

    base_s: float
    each_s: float
    noise: float = 0.1  # of the logarithm

    def time_s(self, rows: int) -> float:
        return self.base_s + self.each_s * rows

    def rate(self, target_s: float, max_batch: int = 64) -> float:
        """Return the examples a second at the best batch that fits into half of a target."""
        limit_s = max(target_s / 2, 1.25 * self.time_s(1))
        sizes = [size for size in range(1, max_batch + 1) if self.time_s(size) <= limit_s]
        return max(size / self.time_s(size) for size in sizes)


@dataclass
class Told:
    """What a simulation saw after its warm-up."""

    latencies_s: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)

    def goodput(self, target_s: float, duration_s: float) -> float:
        return sum(1 for found in self.latencies_s if found <= target_s) / duration_s


def simulate(
    model: Model,
    asked: Schedule[Ticket],
    rate: float,
    seconds: float,
    patience_s: float,
    random: np.random.Generator,
) -> Told:
    """Send requests at random moments, as many as come, however the server fares."""
    moments = np.cumsum(random.exponential(1 / rate, int(rate * seconds * 1.2)))
    simulated = Simulated(model, asked, patience_s, random, seconds)
    return simulated.run([float(at_s) for at_s in moments if at_s < seconds])


def simulate_clients(
    model: Model,
    asked: Schedule[Ticket],
    clients: int,
    seconds: float,
    pause_s: float,
    random: np.random.Generator,
) -> Told:
    """Let so many clients ask, each again a short while after it was answered."""
    simulated = Simulated(model, asked, FOREVER, random, seconds, pause_s)
    return simulated.run([1e-4 * number for number in range(clients)])


@dataclass
class Simulated:
    """A server with its clients, in a time of its own."""

    model: Model
    asked: Schedule[Ticket]
    patience_s: float
    random: np.random.Generator
    seconds: float
    pause_s: float | None = None  # until a client that was answered asks again; None for never
    told: Told = field(default_factory=Told)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self._numbers = itertools.count()
        self._events: list[tuple[float, int, Run[Ticket] | str]] = []
        self._running: dict[Run[Ticket], tuple[Ticket, ...]] = {}
        self._born: dict[Ticket, float] = {}

    def run(self, moments: list[float]) -> Told:
        for at_s in moments:
            self._later(at_s, "come")
        while self._events:
            self.now_s, _, event = heapq.heappop(self._events)
            if event == "come":
                self._come()
            elif isinstance(event, Run):
                self._end(event)
            while True:
                turn = self.asked.next(self.now_s)
                self.told.ends["shed"] += len(turn.late)
                if not turn.batch:
                    break
                self._compute(turn.batch, turn.batch)
            if turn.pause_s:
                self._later(self.now_s + turn.pause_s, "again")
        return self.told

    def _come(self) -> None:
        new = ticket(deadline_s=self.now_s + self.patience_s)
        self._born[new] = self.now_s
        if self.asked.arrive(new, self.now_s):
            self._compute((new,), ())
        else:
            self.told.ends[self.asked.offer(new, self.now_s).refused or "waited"] += 1

    def _compute(self, batch: tuple[Ticket, ...], waited: tuple[Ticket, ...]) -> None:
        rows = sum(one.rows for one in batch)
        run = self.asked.begin(batch[0].key, rows, self.now_s, waited)
        self._running[run] = batch
        took_s = self.model.time_s(rows) * float(self.random.lognormal(0, self.model.noise))
        self._later(self.now_s + took_s, run)
        if self.now_s > WARM_UP_S:
            self.told.batches.append(rows)

    def _end(self, run: Run[Ticket]) -> None:
        self.asked.end(run, self.now_s, is_answered=True)
        for one in self._running.pop(run):
            began_s = self._born.pop(one)
            if began_s > WARM_UP_S:
                self.told.latencies_s.append(self.now_s - began_s)
            if self.pause_s is not None and self.now_s < self.seconds:
                self._later(self.now_s + float(self.random.exponential(self.pause_s)), "come")

    def _later(self, at_s: float, event: Run[Ticket] | str) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), event))
