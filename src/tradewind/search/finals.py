"""The last, careful timing: certified variants against the original, in one run."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind.bundle import Percentiles
from tradewind.errors import EngineError
from tradewind.measure import (
    Conditions,
    MemoryUse,
    Rates,
    Ratio,
    RawTimes,
    Task,
    Timing,
    Watch,
    calling,
    footprint,
    interleave,
    memory_use,
    paired_ratio,
    rates,
    rounds_needed,
    speedup,
    this_meter,
    throughput_ratio,
)
from tradewind.search.costs import COSTS
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.probing import Inputs
from tradewind.search.settings import SearchSettings
from tradewind.search.trials import Trial
from tradewind.tensors import Array

_LEAST_LOAD_TURN_S = 0.15
"""A turn of several callers, at least: in less, some of them do not come round."""
MAX_FINALISTS = 4
SURE_FINALISTS = 2  # the others may be the best in something else
ALPHA = 0.05
"""How often at most a race calls any entrant better that is just as good as the baseline."""


@dataclass(frozen=True)
class Pace:
    """How long a race takes turns.

    Args:
        turn_s: of one caller at batch 1.
        load_turn_s: of the callers under load.
        rounds: at most.
        rounds_alone: at most, with nothing to compare, where noise does not matter much.
    """

    turn_s: float = 0.06
    load_turn_s: float = 0.25
    rounds: int = 60
    rounds_alone: int = 12

    @classmethod
    def of(cls, settings: SearchSettings) -> "Pace":
        """Return the usual one, or a quicker one where there is little time."""
        # shorter turns would count against those with several callers, who wait for the last
        load_turn_s = max(cls.load_turn_s * settings.patience, _LEAST_LOAD_TURN_S)
        return cls(cls.turn_s * settings.patience, load_turn_s)


def finalists(baseline: Trial, trials: list[Trial], cost: Callable[[Trial], float]) -> list[Trial]:
    """Return the baseline, the cheapest certified variants, and the cheapest exact one.

    What is the cheapest by another measure of cost takes the place of the last of them.
    """
    certified = sorted((trial for trial in trials if trial.is_certified), key=cost)
    chosen: list[Trial] = []
    otherwise = [min(certified, key=measure) for measure in COSTS] if certified else []
    for trial in (*certified[:SURE_FINALISTS], *otherwise, *certified):
        if trial not in chosen and len(chosen) < MAX_FINALISTS:
            chosen.append(trial)
    exact = [trial for trial in trials if trial.is_original and trial not in chosen]
    entrants = [baseline, *chosen, *sorted(exact, key=cost)[:1]]
    for trial in certified:
        if trial not in entrants:
            trial.refusals.append(
                f"certified, but {MAX_FINALISTS} others looked cheaper, so it was not timed"
            )
    return entrants


@dataclass(frozen=True)
class Raced:
    """What a race says beside the measurements of its entrants.

    Args:
        rates: what the machine's time costs.
        conditions: under which it was run.
        raw: every single time, by the entrant's name.
    """

    rates: Rates
    conditions: Conditions
    raw: dict[str, RawTimes]


def confidence_of_each(rivals: int) -> float:
    """Return the confidence of each interval at which all "better" together are wrong in 5%.

    An interval that is 95% sure is above 1 in at most 2.5% of comparisons of equals, so that
    two rivals need no correction; of more, each gets its share of the 5% (Bonferroni).

    Args:
        rivals: how many are compared with the baseline.
    """
    return 1.0 - 2.0 * ALPHA / max(rivals, 2)


def race(
    job: Job, entrants: list[Trial], inputs: Inputs, until: float, pace: Pace | None = None
) -> Raced:
    """Time all entrants in interleaved rounds; the first one is the baseline.

    Args:
        job: what the search works on.
        entrants: what to time; their measurements are filled in.
        inputs: batches of real inputs.
        until: the clock's reading at which no further round is begun.
        pace: how long the turns are; the usual when None.
    """
    pace = pace or Pace.of(job.settings)
    sure = confidence_of_each(len(entrants) - 1)
    meter = this_meter(has_gpu=any(trial.plan.may_use_gpu for trial in entrants))
    known = rates(job.settings.prices, job.hardware.cpu, meter.parts, meter.idle_watts())
    watch = Watch()
    with contextlib.ExitStack() as stack:
        tasks: list[Task] = []
        for trial in entrants:
            runner = stack.enter_context(trial.plan.compile())
            batches = inputs.by_size[trial.load.batch_size]
            tasks.append(Task(calling(runner, *inputs.singles)))
            tasks.append(Task(calling(runner, *batches), trial.load.concurrency, pace.load_turn_s))
        timings = interleave(
            tasks,
            seed=job.settings.seed,
            turn_s=pace.turn_s,
            max_rounds=pace.rounds if len(entrants) > 1 else pace.rounds_alone,
            until=until,
            min_rounds=rounds_needed(sure),
            joules=meter.joules,
        )
    conditions = watch.conditions()
    singles, loads = timings[::2], timings[1::2]
    for trial, single, load in zip(entrants, singles, loads, strict=True):
        _fill(trial, single, load, known)
        if not trial.is_baseline:
            _compare(trial, entrants[0], (single, load), (singles[0], loads[0]), sure)
    raw = map(RawTimes, singles, loads)
    names = [trial.name for trial in entrants]
    return Raced(known, conditions, dict(zip(names, raw, strict=True)))


def _fill(trial: Trial, single: Timing, load: Timing, known: Rates) -> None:
    size = trial.load.batch_size
    trial.percentiles = Percentiles(single.latency_ms(50), single.latency_ms(99))
    trial.throughput_per_s = size / float(np.median(load.wall_per_call_s))
    trial.cpu_ms = load.cpu_per_call_s / size * 1e3
    trial.footprint = footprint(load, size, known)


def _compare(
    trial: Trial,
    baseline: Trial,
    ours: tuple[Timing, Timing],
    theirs: tuple[Timing, Timing],
    sure: float,
) -> None:
    work = trial.load.batch_size / baseline.load.batch_size
    trial.speedup = speedup(theirs[0], ours[0], sure, varies=trial.plan.is_cascade)
    trial.throughput_gain = throughput_ratio(theirs[1], ours[1], work, sure)
    trial.energy_gain = paired_ratio(*_energies(theirs[1], ours[1], work), sure)
    before, after = theirs[1].cores_per_call_s * work, ours[1].cores_per_call_s
    trial.core_gain = paired_ratio(before, after, sure)


def _energies(theirs: Timing, ours: Timing, work: float) -> tuple[Array, Array]:
    """Return what each round took: joules where they were read, else processor time."""
    before, after = theirs.joules_per_call, ours.joules_per_call
    if before is None or after is None:
        before, after = theirs.cpu_per_call, ours.cpu_per_call
    return before * work, after


def weigh(job: Job, entrants: list[Trial], inputs: Inputs) -> None:
    """Measure the memory of every entrant, each time in a process of its own.

    The gain is the ratio of the medians; its interval runs from the least to the most
    favourable pairing of what was seen. When nothing depends on it, what there is no time for
    is left out.
    """
    matters = job.budget.objective == "memory" or job.budget.max_memory_mb is not None
    times = 3 if job.budget.objective == "memory" else 1
    seen = [
        _uses(trial, inputs, times) if matters or job.deadline.left_s() > 0 else []
        for trial in entrants
    ]
    before = [use.peak_bytes for use in seen[0]]
    for trial, uses in zip(entrants, seen, strict=True):
        peaks, steady = [use.peak_bytes for use in uses], [use.steady_bytes for use in uses]
        trial.peak_memory_bytes = int(np.median(peaks)) if peaks else None
        trial.steady_memory_bytes = int(np.median(steady)) if steady else None
        if peaks and before:
            trial.memory_gain = Ratio(
                float(np.median(before) / np.median(peaks)),
                min(before) / max(peaks),
                max(before) / min(peaks),
            )


def _uses(trial: Trial, inputs: Inputs, times: int) -> list[MemoryUse]:
    found: list[MemoryUse] = []
    with contextlib.suppress(EngineError):  # what cannot be measured is said as unknown
        found += [memory_of(trial.plan, inputs) for _ in range(times)]
    return found


def peak_of(plan: Plan, inputs: Inputs) -> int:
    """Return the peak memory of a fresh process in which all stages of a plan answer.

    Raises:
        EngineError: the process failed or took too long.
    """
    return memory_of(plan, inputs).peak_bytes


def memory_of(plan: Plan, inputs: Inputs) -> MemoryUse:
    """Return the memory of a fresh process in which all stages of a plan answer.

    Raises:
        EngineError: the process failed or took too long.
    """
    first, *others = [stage.part for stage in plan.stages]
    return memory_use(*first, inputs.single, also=others)
