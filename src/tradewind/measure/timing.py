"""Paired timing: every round runs all candidates once, in an order drawn at random."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from tradewind.measure.interval import Ratio, paired_ratio
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors

Call = Callable[[], object]
"""One unit of work to be timed."""

SETTLE_S = 0.004
"""A pause before each turn: threads of the previous candidate spin on for a while."""


@dataclass(frozen=True)
class Turn:
    """What one candidate did in one round."""

    seconds: Array  # float64[calls], the duration of each call
    wall_s: float  # of the whole turn
    cpu_s: float  # of the whole process meanwhile, all threads
    joules: float | None = None  # of the whole machine meanwhile, where it can be read
    place: int = 0  # in the order of its round

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return len(self.seconds)


@dataclass
class Timing:
    """All turns of one candidate."""

    turns: list[Turn] = field(default_factory=list)

    def latency_ms(self, percentile: float) -> float:
        """Return a percentile over all calls, in milliseconds."""
        calls = np.concatenate([turn.seconds for turn in self.turns])
        return float(np.percentile(calls, percentile)) * 1e3

    @property
    def medians_s(self) -> Array:
        """The median call of every round, float64[rounds]."""
        return np.array([np.median(turn.seconds) for turn in self.turns])

    @property
    def means_s(self) -> Array:
        """The mean call of every round, float64[rounds]."""
        return np.array([np.mean(turn.seconds) for turn in self.turns])

    @property
    def wall_per_call_s(self) -> Array:
        """Wall time per call of every round, float64[rounds]."""
        return np.array([turn.wall_s / turn.calls for turn in self.turns])

    @property
    def cores_per_call_s(self) -> Array:
        """Seconds of cores that are occupied: busy ones, and at least one; float64[rounds]."""
        return np.maximum(self.wall_per_call_s, self.cpu_per_call)

    @property
    def joules_per_call(self) -> Array | None:
        """Energy of the machine per call of every round, float64[rounds]; None if unread."""
        used = [turn.joules for turn in self.turns]
        known = [joules for joules in used if joules is not None]
        if len(known) < len(self.turns):
            return None
        return np.array(
            [max(one, 1e-9) / turn.calls for one, turn in zip(known, self.turns, strict=True)]
        )

    @property
    def cpu_per_call(self) -> Array:
        """CPU seconds per call of every round, all threads together, float64[rounds]."""
        return np.array([max(turn.cpu_s, 1e-9) / turn.calls for turn in self.turns])

    @property
    def cpu_per_call_s(self) -> float:
        """CPU time per call, the median over rounds."""
        return float(np.median(self.cpu_per_call))


@dataclass(frozen=True)
class Task:
    """Work to be timed.

    Args:
        call: one unit of work.
        concurrency: how many threads call at the same time.
        turn_s: how long it is called in one round, where that differs from other tasks; several
            threads need time for many calls each, so that the last to end does not decide.
    """

    call: Call
    concurrency: int = 1
    turn_s: float | None = None


def interleave(
    tasks: Sequence[Task],
    *,
    seed: int,
    turn_s: float,
    max_rounds: int,
    until: float,
    min_rounds: int = 6,
    joules: Callable[[], float | None] | None = None,
) -> list[Timing]:
    """Time all tasks in rounds, each round in an order of its own.

    Args:
        tasks: what to time; the first is usually the baseline.
        seed: fixes the orders.
        turn_s: how long one task is called in one round, at least one call.
        max_rounds: rounds at most.
        until: the value of `time.monotonic` at which no further round is begun.
        min_rounds: rounds that are run even when `until` has passed.
        joules: reads what the machine has used; None where no energy is measured.

    Returns:
        One `Timing` per task, each with the same number of turns.
    """
    order = np.random.default_rng(seed)
    timings = [Timing() for _ in tasks]
    for done in range(max_rounds):
        if done >= min_rounds and time.monotonic() > until:
            break
        for place, index in enumerate(order.permutation(len(tasks))):
            task = tasks[index]
            timings[index].turns.append(
                _turn(task, task.turn_s or turn_s, joules or _unread, place)
            )
    return timings


def _unread() -> None:
    return None


def _turn(task: Task, turn_s: float, joules: Callable[[], float | None], place: int) -> Turn:
    time.sleep(SETTLE_S)
    task.call()  # wakes the threads and fills the caches; not counted
    with _callers(task) as call_until:
        used = joules()
        begin, cpu = time.perf_counter(), time.process_time()
        seconds = call_until(begin + turn_s)
        wall_s = time.perf_counter() - begin
        cpu_s = max(time.process_time() - cpu, 0.0)
        now = joules()
    took = None if used is None or now is None else now - used
    return Turn(np.array(seconds), wall_s, cpu_s, took, place)


@contextlib.contextmanager
def _callers(task: Task) -> Iterator[Callable[[float], list[float]]]:
    """Lend what calls until a moment, with its threads already there."""
    if task.concurrency == 1:
        yield lambda end: _call_until(task.call, end)
        return
    ready = threading.Barrier(task.concurrency)
    with ThreadPoolExecutor(task.concurrency) as pool:
        try:
            for one in [pool.submit(ready.wait) for _ in range(task.concurrency)]:
                one.result()
        finally:  # Ctrl-C may come before all are there: the pool would wait for those that wait
            ready.abort()

        def call_until(end: float) -> list[float]:
            working = [pool.submit(_call_until, task.call, end) for _ in range(task.concurrency)]
            return [second for work in working for second in work.result()]

        yield call_until


def _call_until(call: Call, end: float) -> list[float]:
    seconds: list[float] = []
    before = time.perf_counter()
    while not seconds or before < end:
        call()
        after = time.perf_counter()
        seconds.append(after - before)
        before = after
    return seconds


def speedup(
    baseline: Timing, candidate: Timing, confidence: float = 0.95, *, varies: bool = False
) -> Ratio:
    """Return how many times sooner a call of the candidate answers: the latency ratio.

    Args:
        baseline: timing of the baseline.
        candidate: timing of the candidate.
        confidence: of the interval.
        varies: whether the candidate's time depends on the example. Then the ratio is that of
            the means of each round, since the median leaves the slow answers out; else it is
            that of the medians, which noise moves less.
    """
    if varies:
        return paired_ratio(baseline.means_s, candidate.means_s, confidence)
    return paired_ratio(baseline.medians_s, candidate.medians_s, confidence)


def throughput_ratio(
    baseline: Timing, candidate: Timing, work: float = 1.0, confidence: float = 0.95
) -> Ratio:
    """Return how many times more work per second the candidate does.

    Args:
        baseline: timing of the baseline.
        candidate: timing of the candidate.
        work: examples in one call of the candidate / examples in one call of the baseline.
        confidence: of the interval.
    """
    return paired_ratio(baseline.wall_per_call_s * work, candidate.wall_per_call_s, confidence)


def calling(runner: Runner, inputs: Tensors, *others: Tensors) -> Call:
    """Return the call that answers one batch, the next one every time.

    Args:
        runner: what answers.
        inputs: the first batch.
        others: further batches of the same size; after the last the first comes again.
    """
    if not others:
        return lambda: runner(inputs)
    ahead = itertools.cycle((inputs, *others))
    return lambda: runner(next(ahead))
