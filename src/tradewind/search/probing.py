"""Quick timings: good enough to decide what to look at closely."""

import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.measure import Task, Timing, calling, interleave, timing_batches
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.search.trials import Load
from tradewind.tensors import Array, Tensors

BATCH_SIZES = (1, 8, 32, 64)
LARGE_BATCH_SIZES = (128, 256)
"""Tried with cascades too: the larger the batch, the more examples escalate together."""

TURN_S = 0.03
LOAD_TURN_S = 0.12
ROUNDS = 6
_CALLS_EACH = 6
"""In a turn of several callers, at least: while the last of them ends, the others do nothing."""
_PLENTY = 50
"""Calls in a turn, at most, unless they take less than `_LEAST_TURN_S`: more turns tell more about
what the machine does than more calls."""
_LEAST_TURN_S = 0.012
_TURNS_EACH, _LEAST_TURNS = 8, 4
"""Of each setting, until the best of them is taken; fewer where there is little time."""
MAX_PROBE_S = 2.0
"""When probing a batch size takes longer than this, no larger one is probed."""

MAX_CALL_S = 0.5
"""A batch size whose call would take longer than this is not probed, but for the first."""

PAST_THE_BEST = 1.1
"""Where an example costs so many times the least before, larger batches will not pay either."""


@dataclass(frozen=True)
class Inputs:
    """Real inputs in batches of the sizes that are tried, several different ones of each.

    Args:
        by_size: batches of each size; what a cascade costs depends on the examples in them.
    """

    by_size: dict[int, tuple[Tensors, ...]]

    @property
    def single(self) -> Tensors:
        """One of the smallest batches: one example, where the graph allows it."""
        return self.singles[0]

    @property
    def singles(self) -> tuple[Tensors, ...]:
        """The smallest batches."""
        return self.by_size[min(self.by_size)]


def make_inputs(take: Callable[[Array], Tensors], indices: Array, fixed: int | None) -> Inputs:
    """Return batches of real inputs, repeated where there are too few.

    Args:
        take: returns the examples of these numbers.
        indices: int64[n], the examples that may be used.
        fixed: the only batch size that the graph takes; None when it takes any.
    """
    sizes = (*BATCH_SIZES, *LARGE_BATCH_SIZES) if fixed is None else (fixed,)
    return Inputs(timing_batches(take, indices, sizes))


def callers_of(engine: Engine, cores: int) -> tuple[int, ...]:
    """Return how many may call an engine at once for the most answers, the likeliest first.

    One for each computation that runs side by side; where each takes all cores, a second caller
    may fill the gaps between them.
    """
    if isinstance(engine, OpenVINO):
        return (engine.streams,)
    if isinstance(engine, OnnxRuntime) and engine.threads == 1:
        return (cores,)
    return (1, cores) if cores > 1 else (1,)


@contextlib.contextmanager
def quickest(
    model: Model,
    engines: list[Engine],
    inputs: Tensors,
    callers: list[int],
    turn_s: float,
    seed: int,
    patience: float = 1.0,
) -> Iterator[tuple[Engine, Runner, float]]:
    """Lend the engine that is quickest with `inputs`, with what it has compiled.

    What is lent with them are the seconds that it took to have one of them answer, on average.

    Args:
        model: what is run.
        engines: what to choose from.
        inputs: one batch.
        callers: how many call each at once; answers per second count.
        turn_s: how long each is called in one round.
        seed: fixes the order of timing.
        patience: share of the usual number of turns, but for the least.

    Raises:
        EngineError: one of them cannot run the model.
    """
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        runners = [stack.enter_context(engine.compile(model)) for engine in engines]
        for runner in runners:
            runner(inputs)  # code for this batch size is compiled at the first call
        ready_s = (time.monotonic() - began) / len(engines)
        best = 0
        if len(engines) > 1:
            tasks = [
                loaded(runner, (inputs,), count, turn_s)
                for runner, count in zip(runners, callers, strict=True)
            ]
            turns = max(patience * _TURNS_EACH, _LEAST_TURNS)
            limit_s = turns * sum(task.turn_s or turn_s for task in tasks)
            timings = probe(tasks, seed, 2 * ROUNDS, limit_s)
            costs = [float(np.median(timing.wall_per_call_s)) for timing in timings]
            best = int(np.argmin(costs))
        for runner in runners:
            if runner is not runners[best]:
                runner.close()
        yield engines[best], runners[best], ready_s


def loaded(runner: Runner, batches: Sequence[Tensors], callers: int, turn_s: float) -> Task:
    """Return the task of some callers, with turns in which each comes round a few times.

    Args:
        runner: has answered a batch of this size before.
        batches: what it is asked.
        callers: how many ask at once.
        turn_s: how long a turn takes, where that is neither too short nor more than is needed;
            never longer than `LOAD_TURN_S`.
    """
    call = calling(runner, *batches)
    begin = time.perf_counter()
    call()
    call_s = time.perf_counter() - begin
    turn_s = min(turn_s, max(_PLENTY * call_s, callers * _LEAST_TURN_S))
    if callers > 1:
        turn_s = max(turn_s, min(_CALLS_EACH * call_s, LOAD_TURN_S))
    return Task(call, callers, turn_s)


def probe(tasks: list[Task], seed: int, rounds: int = ROUNDS, limit_s: float = 2.0) -> list[Timing]:
    """Time tasks side by side for a moment."""
    return interleave(
        tasks,
        seed=seed,
        turn_s=TURN_S,
        max_rounds=rounds,
        until=time.monotonic() + limit_s,
        min_rounds=2,
    )


@dataclass(frozen=True)
class Throughput:
    """The best load found for a runner, with what an example costs under it."""

    load: Load
    example_s: float  # wall time
    cpu_s: float  # CPU time, all threads


def best_load(
    runner: Runner,
    inputs: Inputs,
    callers: tuple[int, ...],
    turn_s: float,
    seed: int,
    sizes: Collection[int] = BATCH_SIZES,
    max_call_s: float = MAX_CALL_S,
) -> Throughput:
    """Find the batch size with the highest throughput, then how many callers are best.

    Args:
        runner: what answers.
        inputs: batches of the sizes to try, the smallest first.
        callers: how many call at once while batch sizes are tried, then other numbers to try.
        turn_s: how long each is called in one round.
        seed: fixes the order of timing.
        sizes: those to try, where the graph takes more than one.
        max_call_s: what a call would take longer than is not tried, but for the first size.
    """
    best: Throughput | None = None
    for size, batches in sorted(inputs.by_size.items()):
        if size not in sizes and len(inputs.by_size) > 1:
            continue
        if best is not None and size * best.example_s > max_call_s:
            break
        begin = time.perf_counter()
        runner(batches[0])  # code for this batch size is compiled at the first call
        [found] = _throughputs(runner, inputs, [Load(size, callers[0])], turn_s, seed)
        if best is None or found.example_s < best.example_s:
            best = found
        is_past = found.example_s > PAST_THE_BEST * best.example_s
        if is_past or time.perf_counter() - begin > MAX_PROBE_S:
            break
    assert best is not None  # there is at least one size
    if len(callers) == 1:
        return best
    loads = [Load(best.load.batch_size, count) for count in callers]
    every = _throughputs(runner, inputs, loads, turn_s, seed)
    return min(every, key=lambda found: found.example_s)


def _throughputs(
    runner: Runner, inputs: Inputs, loads: list[Load], turn_s: float, seed: int
) -> list[Throughput]:
    tasks = [
        loaded(runner, inputs.by_size[load.batch_size], load.concurrency, turn_s) for load in loads
    ]
    return [
        Throughput(
            load,
            float(np.median(timing.wall_per_call_s)) / load.batch_size,
            timing.cpu_per_call_s / load.batch_size,
        )
        for load, timing in zip(loads, probe(tasks, seed, rounds=3, limit_s=0.4), strict=True)
    ]
