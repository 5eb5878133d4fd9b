"""Quick timings of variants in units of the baseline's, taken in the same moments."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from tradewind.engines import Engine
from tradewind.measure import Task, Timing
from tradewind.runners import Runner
from tradewind.search.candidates import Graph
from tradewind.search.finals import peak_of
from tradewind.search.job import Job
from tradewind.search.keys import look_key
from tradewind.search.plans import Plan
from tradewind.search.probing import (
    BATCH_SIZES,
    LARGE_BATCH_SIZES,
    LOAD_TURN_S,
    MAX_CALL_S,
    ROUNDS,
    TURN_S,
    Inputs,
    Throughput,
    best_load,
    callers_of,
    loaded,
    probe,
    quickest,
)
from tradewind.search.recalling import Look
from tradewind.search.trials import Load, Trial

_LOAD_ROUNDS = 2  # where it is not what counts
_LEAST_ROUNDS, _GLANCES = 4, 2
_LOOKED_S = 4.0
"""A look takes timings for so long at most, where answers per second count."""
_DISTURBED = 1.35
"""A baseline that differs from usual by more than this factor was disturbed."""
FAR_BEHIND = 1.6
"""What costs so many times as much as the best, under the load that suits the baseline, is behind
it under any other."""
_NEAR = 4
"""Batches down to this fraction of the baseline's best are tried with a variant."""


@final
@dataclass(frozen=True)
class Comparison:
    """Compares variants with the baseline, or recalls what came of that before.

    What the machine does to all, such as another program on it, cancels out in the ratios.

    Args:
        job: what the search works on.
        inputs: batches of real inputs.
        baseline: the original with its timings.
        runner: of the baseline.
    """

    job: Job
    inputs: Inputs
    baseline: Trial
    runner: Runner

    def alone(
        self,
        graph: Graph,
        engines: list[Engine],
        then: Callable[[Trial, Runner], None],
        best: float = 1.0,
    ) -> Trial:
        """Return one graph on the quickest of some engines.

        Args:
            graph: what would run.
            engines: settings of one engine with one arithmetic.
            then: what is done while it is ready to answer, if it had to be compiled at all.
            best: cost of what it has to surpass, in units of the baseline's.

        Raises:
            EngineError: an engine cannot run the graph.
        """
        job = self.job
        key = look_key(job, [graph.model], engines)
        known = job.recall.look(key)
        if known is not None and known.choice < len(engines) and self._has(known):
            return self._trial(Plan.alone(graph, engines[known.choice]), known)
        is_throughput = job.budget.decides_under_load
        size = self.baseline.load.batch_size if is_throughput else min(self.inputs.by_size)
        callers = [self._callers(engine)[0] if is_throughput else 1 for engine in engines]
        batch, turn_s = self.inputs.by_size[size][0], load_turn_s(job)
        seed, patience = job.settings.seed, job.settings.patience
        choosing = quickest(graph.model, engines, batch, callers, turn_s, seed, patience)
        with choosing as (engine, runner, ready_s):
            plan, choice = Plan.alone(graph, engine), engines.index(engine)
            load = Load(size, callers[choice])
            if is_throughput and self._is_far_behind(runner, load, best):
                look = self._look(_settled(plan, load), runner, load, choice, rounds=_GLANCES)
            else:
                load = self._load(plan, runner)
                look = self._look(_settled(plan, load), runner, load, choice)
            job.recall.keep_look(key, look)
            trial = self._trial(plan, look)
            trial.ready_s = ready_s
            then(trial, runner)
        return trial

    def cascade(self, plan: Plan, asked: tuple[float, ...]) -> Trial:
        """Return a cascade.

        Args:
            plan: its stages.
            asked: share of the examples that reaches each stage after the first.

        Raises:
            EngineError: a stage does not run.
        """
        job = self.job
        models = [stage.graph.model for stage in plan.stages]
        engines = [stage.engine for stage in plan.stages]
        key = look_key(job, models, engines, plan.rules)
        known = job.recall.look(key)
        if known is not None and self._has(known):
            return self._trial(plan, known, asked)
        with plan.compile() as runner:
            load = self._load(plan, runner)
            settled = _settled(plan, load, asked)
            look = self._look(plan, runner, load, 0) if settled == plan else None
        if look is None:
            with settled.compile() as runner:
                look = self._look(settled, runner, load, 0)
        job.recall.keep_look(key, look)
        return self._trial(plan, look, asked)

    def settle(self, trial: Trial) -> None:
        """Give a variant the load that suits it best, where that was not looked for before."""
        if self.job.budget.decides_under_load or trial.is_baseline:
            return
        with trial.plan.compile() as runner:
            found = self._best_load(trial.plan, runner)
        trial.plan = _settled(trial.plan, found.load, trial.asked)
        trial.load = found.load

    def _has(self, known: Look) -> bool:
        return known.batch_size in self.inputs.by_size

    def _load(self, plan: Plan, runner: Runner) -> Load:
        """Return the best load where it counts, else that of the baseline."""
        if not self.job.budget.decides_under_load:
            return self.baseline.load
        return self._best_load(plan, runner).load

    def _best_load(self, plan: Plan, runner: Runner) -> Throughput:
        job = self.job
        callers = self._callers(plan.stages[0].engine)
        if job.budget.decides_under_load and not plan.is_cascade:
            callers = callers[:1]  # others were compared with it as engines of one thread
        # what is best for the baseline is never far from what is best for others
        usual = self.baseline.load.batch_size
        least, most = usual // _NEAR, max(usual, BATCH_SIZES[-1])
        sizes = tuple(
            size for size in sizes_for(job) if size >= least and (size <= most or plan.is_cascade)
        )
        turn_s = load_turn_s(job)
        seed, max_call_s = job.settings.seed, longest_call_s(job)
        return best_load(runner, self.inputs, callers, turn_s, seed, sizes, max_call_s)

    def _callers(self, engine: Engine) -> tuple[int, ...]:
        return callers_of(engine, self.job.hardware.cores)

    def _is_far_behind(self, runner: Runner, load: Load, best: float) -> bool:
        """Say at a glance whether no other load will help a variant."""
        tasks = [self._loaded(self.runner, self.baseline.load), self._loaded(runner, load)]
        before, after = probe(tasks, self.job.settings.seed, _GLANCES, limit_s=1.0)
        ratios = after.wall_per_call_s / before.wall_per_call_s
        work = load.batch_size / self.baseline.load.batch_size
        return bool(np.min(ratios) > FAR_BEHIND * best * work)

    def _look(
        self, plan: Plan, runner: Runner, load: Load, choice: int, rounds: int | None = None
    ) -> Look:
        base, seed, patience = self.baseline, self.job.settings.seed, self.job.settings.patience
        rounds = rounds or max(round(patience * ROUNDS), _LEAST_ROUNDS)
        singles = [loaded(one, self.inputs.singles, 1, TURN_S) for one in (self.runner, runner)]
        loads = [self._loaded(self.runner, base.load), self._loaded(runner, load)]
        if self.job.budget.decides_under_load:
            before, after, before_load, after_load = self._calmly(
                lambda limit_s: probe([*singles, *loads], seed, rounds, limit_s)
            )
        else:
            before, after = probe(singles, seed)
            before_load, after_load = probe(loads, seed, _LOAD_ROUNDS, limit_s=0.5)
        work = base.load.batch_size / load.batch_size
        is_memory = self.job.budget.objective == "memory"
        return Look(
            choice,
            load.batch_size,
            load.concurrency,
            _latency(plan, before, after),
            float(np.median(after_load.wall_per_call_s / before_load.wall_per_call_s * work)),
            float(np.median(after_load.cpu_per_call / before_load.cpu_per_call * work)),
            peak_of(plan, self.inputs) if is_memory and not plan.is_cascade else None,
        )

    def _calmly(self, measure: Callable[[float], list[Timing]]) -> list[Timing]:
        """Return timings, those of the calmer moment where the first was far from usual.

        What another program takes from callers side by side is not what it takes from one, so
        that ratios do not cancel all of it out. How much there was shows in the baseline.
        """
        found = measure(_LOOKED_S)
        if self._disturbance(found) <= _DISTURBED:
            return found
        return min(found, measure(_LOOKED_S / 2), key=self._disturbance)

    def _disturbance(self, timings: list[Timing]) -> float:
        """Return by which factor the baseline under load, third of all, differs from usual."""
        usual_s = self.baseline.example_s * self.baseline.load.batch_size
        factor = float(np.median(timings[2].wall_per_call_s)) / usual_s
        return max(factor, 1 / factor)

    def _loaded(self, runner: Runner, load: Load) -> Task:
        batches = self.inputs.by_size[load.batch_size]
        return loaded(runner, batches, load.concurrency, load_turn_s(self.job))

    def _trial(self, plan: Plan, look: Look, asked: tuple[float, ...] = ()) -> Trial:
        base = self.baseline
        load = Load(look.batch_size, look.concurrency)
        return Trial(
            _settled(plan, load, asked),
            load,
            latency_s=base.latency_s * look.latency,
            example_s=base.example_s * look.example,
            cpu_s=base.cpu_s * look.cpu,
            asked=asked,
            peak_memory_bytes=look.peak_memory_bytes,
        )


def at_another_threshold(trial: Trial, plan: Plan, asked: tuple[float, ...], share: float) -> Trial:
    """Return a cascade that was looked at, with other rules, without timing it again.

    Args:
        trial: the cascade.
        plan: the same stages with other rules.
        asked: share of the examples that reaches each stage after the first.
        share: what it is expected to cost in units of what `trial` was expected to.
    """
    return replace(
        trial,
        plan=_settled(plan, trial.load, asked),
        asked=asked,
        latency_s=trial.latency_s * share,
        example_s=trial.example_s * share,
        cpu_s=trial.cpu_s * share,
        refusals=[],
    )


def of_stages(trials: Sequence[Trial], plan: Plan, asked: tuple[float, ...], more: float) -> Trial:
    """Return a cascade that was not timed, with what its stages take alone.

    Args:
        trials: each of its stages alone, and others.
        plan: the cascade.
        asked: share of the examples that reaches each stage after the first.
        more: how many times as much an example costs behind the first stage.
    """
    alone = {one.plan.name: one for one in trials if not one.plan.is_cascade}
    stages = [alone[stage.name] for stage in plan.stages]
    shares = (1.0, *(more * share for share in asked))

    def total(cost: Callable[[Trial], float]) -> float:
        return sum(share * cost(one) for share, one in zip(shares, stages, strict=True))

    load = stages[0].load
    return Trial(
        _settled(plan, load, asked),
        load,
        total(lambda one: one.latency_s),
        total(lambda one: one.example_s),
        total(lambda one: one.cpu_s),
        asked=asked,
        ready_s=sum(one.ready_s for one in stages),
    )


def sizes_for(job: Job) -> tuple[int, ...]:
    """Return the batch sizes to try where the graph itself has no size of its own."""
    return (*BATCH_SIZES, *LARGE_BATCH_SIZES) if job.budget.decides_under_load else BATCH_SIZES


def load_turn_s(job: Job) -> float:
    """Return how long a load is timed: longer where it decides."""
    return LOAD_TURN_S * job.settings.patience if job.budget.decides_under_load else TURN_S


def longest_call_s(job: Job) -> float:
    """Return how long a batch may take: in a hurry large ones would take the time of variants."""
    return MAX_CALL_S * job.settings.patience**2


def _settled(plan: Plan, load: Load, asked: tuple[float, ...] = ()) -> Plan:
    """Return a plan with code of its own for one example and for the batches of its load."""
    first, *others = plan.stages
    settled = [first.quick_at(1, load.batch_size)]
    for stage, share in zip(others, asked, strict=True):
        rows = load.batch_size * share
        # as many as are left of a batch, and some more: rows are added up to that size
        settled.append(stage.quick_at(1, int(np.ceil(rows + np.sqrt(rows)))))
    return replace(plan, stages=tuple(settled))


def _latency(plan: Plan, before: Timing, after: Timing) -> float:
    """Return how long one answer takes in units of the baseline's."""
    if plan.is_cascade:  # its median leaves out what escalates
        return float(np.median(after.means_s / before.means_s))
    return float(np.median(after.medians_s / before.medians_s))
