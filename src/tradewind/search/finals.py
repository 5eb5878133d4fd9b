"""The last, careful timing: certified variants against the original, in one run."""

import contextlib
from collections.abc import Callable

import numpy as np

from tradewind.bundle import Percentiles
from tradewind.errors import EngineError
from tradewind.measure import (
    Ratio,
    Task,
    Timing,
    calling,
    interleave,
    paired_ratio,
    peak_memory_bytes,
    speedup,
    throughput_ratio,
)
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.probing import Inputs
from tradewind.search.trials import Trial

TURN_S = 0.06
LOAD_TURN_S = 0.25
MAX_ROUNDS = 60
ROUNDS_ALONE = 12  # with nothing to compare, noise does not matter much
MAX_FINALISTS = 4


def finalists(baseline: Trial, trials: list[Trial], cost: Callable[[Trial], float]) -> list[Trial]:
    """Return the baseline, the cheapest certified variants, and the cheapest exact one."""
    certified = sorted((trial for trial in trials if trial.is_certified), key=cost)
    chosen = certified[:MAX_FINALISTS]
    exact = [trial for trial in trials if trial.is_original and trial not in chosen]
    entrants = [baseline, *chosen, *sorted(exact, key=cost)[:1]]
    for trial in certified:
        if trial not in entrants:
            trial.refusals.append(
                f"certified, but {MAX_FINALISTS} others looked cheaper, so it was not timed"
            )
    return entrants


def race(job: Job, entrants: list[Trial], inputs: Inputs, until: float) -> None:
    """Time all entrants in interleaved rounds; the first one is the baseline.

    Args:
        job: what the search works on.
        entrants: what to time; their measurements are filled in.
        inputs: batches of real inputs.
        until: the clock's reading at which no further round is begun.
    """
    with contextlib.ExitStack() as stack:
        tasks: list[Task] = []
        for trial in entrants:
            runner = stack.enter_context(trial.plan.compile())
            batches = inputs.by_size[trial.load.batch_size]
            tasks.append(Task(calling(runner, *inputs.singles)))
            tasks.append(Task(calling(runner, *batches), trial.load.concurrency, LOAD_TURN_S))
        timings = interleave(
            tasks,
            seed=job.settings.seed,
            turn_s=TURN_S,
            max_rounds=MAX_ROUNDS if len(entrants) > 1 else ROUNDS_ALONE,
            until=until,
        )
    singles, loads = timings[::2], timings[1::2]
    for trial, single, load in zip(entrants, singles, loads, strict=True):
        _fill(trial, single, load)
        if not trial.is_baseline:
            _compare(trial, entrants[0], (single, load), (singles[0], loads[0]))


def _fill(trial: Trial, single: Timing, load: Timing) -> None:
    size = trial.load.batch_size
    trial.percentiles = Percentiles(single.latency_ms(50), single.latency_ms(99))
    trial.throughput_per_s = size / float(np.median(load.wall_per_call_s))
    trial.cpu_ms = load.cpu_per_call_s / size * 1e3


def _compare(
    trial: Trial,
    baseline: Trial,
    ours: tuple[Timing, Timing],
    theirs: tuple[Timing, Timing],
) -> None:
    work = trial.load.batch_size / baseline.load.batch_size
    trial.speedup = speedup(theirs[0], ours[0], varies=trial.plan.is_cascade)
    trial.throughput_gain = throughput_ratio(theirs[1], ours[1], work)
    trial.energy_gain = paired_ratio(theirs[1].cpu_per_call * work, ours[1].cpu_per_call)


def weigh(job: Job, entrants: list[Trial], inputs: Inputs) -> None:
    """Measure the peak memory of every entrant, each time in a process of its own.

    The gain is the ratio of the medians; its interval runs from the least to the most
    favourable pairing of what was seen. When nothing depends on it, what there is no time for
    is left out.
    """
    matters = job.budget.objective == "memory" or job.budget.max_memory_mb is not None
    times = 3 if job.budget.objective == "memory" else 1
    seen = [
        _peaks(trial, inputs, times) if matters or job.deadline.left_s() > 0 else []
        for trial in entrants
    ]
    for trial, peaks in zip(entrants, seen, strict=True):
        trial.peak_memory_bytes = int(np.median(peaks)) if peaks else None
        if peaks and seen[0]:
            trial.memory_gain = Ratio(
                float(np.median(seen[0]) / np.median(peaks)),
                min(seen[0]) / max(peaks),
                max(seen[0]) / min(peaks),
            )


def _peaks(trial: Trial, inputs: Inputs, times: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(EngineError):  # what cannot be measured is said as unknown
        found += [peak_of(trial.plan, inputs) for _ in range(times)]
    return found


def peak_of(plan: Plan, inputs: Inputs) -> int:
    """Return the peak memory of a fresh process in which all stages of a plan answer.

    Raises:
        EngineError: the process failed or took too long.
    """
    first, *others = [stage.part for stage in plan.stages]
    return peak_memory_bytes(*first, inputs.single, also=others)
