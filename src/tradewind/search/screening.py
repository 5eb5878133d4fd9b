"""A first look at every variant: is it quicker here, and how much does it lose."""

from dataclasses import dataclass, replace

import numpy as np

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import PassError, TradewindError
from tradewind.evidence import PairedCounts
from tradewind.measure import Task, Timing, calling
from tradewind.passes import judge
from tradewind.runners import Runner, Scores
from tradewind.search.candidates import Graph, engine_options
from tradewind.search.costs import cost_of, no_gain
from tradewind.search.finals import peak_of
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.probing import (
    BATCH_SIZES,
    LARGE_BATCH_SIZES,
    LOAD_TURN_S,
    TURN_S,
    Inputs,
    best_load,
    make_inputs,
    probe,
    quickest,
)
from tradewind.search.scoring import find_scores
from tradewind.search.trials import TINY_S, Load, Seen, Trial
from tradewind.tensors import Array, Tensors

HOPELESS = 200
"""After this many examples of the select split a variant that lost far too many is dropped."""

FIRST_STAGE_LOSS = 0.25
"""A variant that loses up to this share may still be of use as the first stage of a cascade."""

GRACE = 0.07
"""Share of the time that a look which was begun may take longer, rather than be lost."""

TOO_DEAR = 1.15
"""A variant that costs so many times the baseline's in a quick look will not end up below it."""


@dataclass(frozen=True)
class Baseline:
    """The original on ONNX Runtime with its default settings, kept ready for comparison."""

    trial: Trial
    runner: Runner
    sample: Tensors  # its outputs for `Job.sample`
    seen: Seen  # on the select split, or as much of it as time allowed


class Screen:
    """Looks at variants one after the other.

    Args:
        job: what the search works on.
        share: of the time, after which no new look is begun.
    """

    def __init__(self, job: Job, share: float) -> None:
        self._job = job
        self.extend(share)
        self._longest_look_s = 0.0
        # loads are timed longer where they decide
        decides = job.budget.objective in ("throughput", "energy")
        self._load_turn_s = LOAD_TURN_S if decides else TURN_S
        self._inputs = make_inputs(job.dataset.take, job.timed(), job.fixed_batch)
        self.scores: Scores | None = None
        self.no_cascade = ""  # why there are no class scores to build one on
        self.baseline = self._baseline()

    @property
    def inputs(self) -> Inputs:
        """Batches of real inputs for timing."""
        return self._inputs

    def extend(self, share: float) -> None:
        """Allow looks until another share of the time has passed."""
        self._until = self._job.deadline.at(share)
        self._answers_until = self._job.deadline.at(share + GRACE)

    def _baseline(self) -> Baseline:
        job = self._job
        plan = Plan.alone(Graph((), job.model, "as it was given"), OnnxRuntime())
        runner = plan.compile()
        found = best_load(
            runner,
            self._inputs,
            job.hardware.cores,
            self._load_turn_s,
            job.settings.seed,
            self._sizes(),
        )
        [timing] = probe([Task(calling(runner, *self._inputs.singles))], job.settings.seed)
        trial = Trial(
            plan,
            found.load,
            float(np.median(timing.medians_s)),
            found.example_s,
            found.cpu_s,
            name="original",
            is_baseline=True,
        )
        sample = runner(job.sample())
        self.scores, self.no_cascade = find_scores(job, sample)
        seen = job.see(
            runner, job.splits.select, found.load.batch_size, job.deadline.at(0.2), self.scores
        )
        trial.seen, trial.select = (
            seen,
            self._job.paired(seen.losses, seen.losses, job.splits.select),
        )
        if job.budget.objective == "memory":
            trial.peak_memory_bytes = peak_of(plan, self._inputs)
        return Baseline(trial, runner, sample, seen)

    def engines(self, graph: Graph) -> list[list[Engine]]:
        """Return the engines to try on a graph, grouped by arithmetic."""
        return engine_options(
            graph,
            self._job.hardware,
            BATCH_SIZES if self._job.fixed_batch is None else (),
            is_throughput=self._job.budget.objective in ("throughput", "energy"),
            is_tiny=self.baseline.trial.latency_s < TINY_S,
        )

    @property
    def has_time(self) -> bool:
        """Whether another look would probably end in time."""
        return self._until - self._job.deadline.clock() > self._longest_look_s

    def look(self, graph: Graph, engines: list[Engine]) -> Trial:
        """Find the fastest of some engines on a graph, then how many answers it loses.

        What is clearly slower than the baseline is not asked for its answers any more.

        Args:
            graph: what would run.
            engines: settings of one engine with one arithmetic.

        Raises:
            EngineError: the engine cannot run the graph.
            PassError: what it answers is not finite, or far off for an exact graph.
        """
        job = self._job
        begin = job.deadline.clock()
        try:
            return self._look(graph, engines)
        finally:
            took_s = job.deadline.clock() - begin
            self._longest_look_s = max(self._longest_look_s, took_s)

    def _look(self, graph: Graph, engines: list[Engine]) -> Trial:
        job = self._job
        trial = self._measured(graph, engines)
        if job.budget.objective == "memory":
            trial.peak_memory_bytes = peak_of(trial.plan, self._inputs)
        price = cost_of(job)(trial) / cost_of(job)(self.baseline.trial)
        if price > TOO_DEAR:
            trial.refusals.append(no_gain(job, price))
            return trial
        with trial.plan.compile() as runner:
            where = job.model.origin.source
            judge(self.baseline.sample, runner(job.sample()), where, trial.is_original)
            trial.seen = self._see(runner, trial.load)
        before, after = self.baseline.seen.losses, trial.seen.losses
        trial.select = job.paired(before, after, job.splits.select)
        least = min(HOPELESS, len(self.baseline.seen))
        if len(trial.seen) < least:
            trial.refusals.append(f"time ran out after {len(trial.seen)} of {least} examples")
        return trial

    def _measured(self, graph: Graph, engines: list[Engine]) -> Trial:
        """Return the quickest settings, with quick timings."""
        job = self._job
        wants_throughput = job.budget.objective in ("throughput", "energy")
        load = self.baseline.trial.load
        size = load.batch_size if wants_throughput else min(self._inputs.by_size)
        engine = quickest(
            graph.model,
            engines,
            self._inputs.by_size[size][0],
            is_throughput=wants_throughput,
            seed=job.settings.seed,
        )
        plan = Plan.alone(graph, engine)
        with plan.compile() as runner:
            load = self._best_load(plan, runner)
            plan = Plan((plan.last.quick_at(1, load.batch_size),))
            return self._compared(plan, runner, load)

    def measured(self, plan: Plan, escalated: float) -> Trial:
        """Return a cascade with quick timings, under the load that suits it best.

        Args:
            plan: two stages.
            escalated: share of the examples that the last one is asked about.

        Raises:
            EngineError: a stage does not run.
        """
        with plan.compile() as runner:
            load = self._best_load(plan, runner)
            rows = load.batch_size * escalated
            # as many as are left of a batch, and some more: rows are added up to that size
            usual = int(np.ceil(rows + np.sqrt(rows)))
            first, last = plan.stages
            stages = (first.quick_at(1, load.batch_size), last.quick_at(1, usual))
            settled = replace(plan, stages=stages)
            if settled == plan:
                return self._compared(plan, runner, load)
        with settled.compile() as runner:
            return self._compared(settled, runner, load)

    def _best_load(self, plan: Plan, runner: Runner) -> Load:
        job = self._job
        engine = plan.stages[0].engine
        callers = engine.streams if isinstance(engine, OpenVINO) else job.hardware.cores
        sizes = self._sizes() if plan.is_cascade else BATCH_SIZES
        turn_s, seed = self._load_turn_s, job.settings.seed
        return best_load(runner, self._inputs, callers, turn_s, seed, sizes).load

    def _sizes(self) -> tuple[int, ...]:
        """Return the batch sizes to try where the graph itself has no size of its own."""
        decides = self._job.budget.objective in ("throughput", "energy")
        return (*BATCH_SIZES, *LARGE_BATCH_SIZES) if decides else BATCH_SIZES

    def _compared(self, plan: Plan, runner: Runner, load: Load) -> Trial:
        """Return quick timings in units of the baseline's, timed in the same moments.

        What the machine does to all, such as another program on it, then cancels out.
        """
        base = self.baseline
        before, after, before_load, after_load = probe(
            [
                Task(calling(base.runner, *self._inputs.singles)),
                Task(calling(runner, *self._inputs.singles)),
                self._loaded(base.runner, base.trial.load),
                self._loaded(runner, load),
            ],
            self._job.settings.seed,
            limit_s=4.0,
        )
        work = base.trial.load.batch_size / load.batch_size
        example = after_load.wall_per_call_s / before_load.wall_per_call_s * work
        cpu = after_load.cpu_per_call / before_load.cpu_per_call * work
        return Trial(
            plan,
            load,
            latency_s=base.trial.latency_s * _latency(plan, before, after),
            example_s=base.trial.example_s * float(np.median(example)),
            cpu_s=base.trial.cpu_s * float(np.median(cpu)),
        )

    def _loaded(self, runner: Runner, load: Load) -> Task:
        batches = self._inputs.by_size[load.batch_size]
        return Task(calling(runner, *batches), load.concurrency, self._load_turn_s)

    def _see(self, runner: Runner, load: Load) -> Seen:
        job, indices = self._job, self._job.splits.select
        original = self.baseline.seen
        count = len(original)
        first = self._seen(runner, indices[: min(HOPELESS, count)], load)
        counts = PairedCounts.from_correct(original.right[: len(first)], first.right)
        spread = np.sqrt(max(counts.disagreement, 1 / counts.n) / counts.n)
        allowed = job.tolerated
        if self.scores is not None:
            allowed = max(allowed, FIRST_STAGE_LOSS)
        if counts.drop - 3 * spread > allowed or count <= HOPELESS:
            return first
        return self._seen(runner, indices[:count], load)

    def _seen(self, runner: Runner, indices: Array, load: Load) -> Seen:
        return self._job.see(
            runner,
            indices,
            load.batch_size,
            self._answers_until,
            self.scores,
            self.baseline.seen.answers,
        )


def _latency(plan: Plan, before: Timing, after: Timing) -> float:
    """Return how long one answer takes in units of the baseline's."""
    if plan.is_cascade:  # its median leaves out what escalates
        return float(np.median(after.means_s / before.means_s))
    return float(np.median(after.medians_s / before.medians_s))


def reason_of(error: TradewindError) -> str:
    """Return one line that says why a variant could not be looked at."""
    kind = "its check failed" if isinstance(error, PassError) else "it does not run"
    return f"{kind}: {str(error).splitlines()[0]}"
