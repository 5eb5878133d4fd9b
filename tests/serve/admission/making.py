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
    warm_up_s: float = 2.0,
) -> Told:
    """Send requests at random moments, as many as come, however the server fares."""
    told, born = Told(), dict[Ticket, float]()
    numbers = itertools.count()
    moments = np.cumsum(random.exponential(1 / rate, int(rate * seconds * 1.2)))
    events: list[tuple[float, int, Run[Ticket] | None]] = [
        (float(at_s), next(numbers), None) for at_s in moments if at_s < seconds
    ]

    def compute(batch: tuple[Ticket, ...], waited: tuple[Ticket, ...], now_s: float) -> None:
        rows = sum(one.rows for one in batch)
        run = asked.begin(batch[0].key, rows, now_s, waited)
        running[run] = batch
        took_s = model.time_s(rows) * float(random.lognormal(0, model.noise))
        heapq.heappush(events, (now_s + took_s, next(numbers), run))
        if now_s > warm_up_s:
            told.batches.append(rows)

    running: dict[Run[Ticket], tuple[Ticket, ...]] = {}
    while events:
        now_s, _, run = heapq.heappop(events)
        if run is None:
            new = ticket(deadline_s=now_s + patience_s)
            born[new] = now_s
            if asked.is_free:
                compute((new,), (), now_s)
            else:
                refused = asked.offer(new, now_s).refused
                told.ends[refused or "waited"] += 1
            continue
        asked.end(run, now_s, is_answered=True)
        for one in running.pop(run):
            began_s = born.pop(one)
            if began_s > warm_up_s:
                told.latencies_s.append(now_s - began_s)
        while (turn := asked.next(now_s)).batch:
            compute(turn.batch, turn.batch, now_s)
            told.ends["shed"] += len(turn.late)
    return told
