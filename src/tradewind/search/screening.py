"""A first look at every variant: is it quicker here, and how much does it lose."""

from dataclasses import dataclass

import numpy as np

from tradewind.engines import Engine, OnnxRuntime, OpenVINO
from tradewind.errors import PassError, TradewindError
from tradewind.evidence import PairedCounts
from tradewind.measure import Task, calling, peak_memory_bytes
from tradewind.passes import judge
from tradewind.runners import Runner
from tradewind.search.candidates import Graph, engine_options
from tradewind.search.costs import cost_of, no_gain
from tradewind.search.job import Job
from tradewind.search.probing import (
    BATCH_SIZES,
    LOAD_TURN_S,
    TURN_S,
    Inputs,
    best_load,
    make_inputs,
    probe,
    quickest,
    settled,
)
from tradewind.search.trials import TINY_S, Load, Trial
from tradewind.tensors import Array, Tensors

HOPELESS = 200
"""After this many examples of the select split a variant that lost far too many is dropped."""


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
    answers: Array  # to the select split, or as much of it as time allowed
    is_right: Array  # bool, of these answers


class Screen:
    """Looks at variants one after the other.

    Args:
        job: what the search works on.
        share: of the time, after which no new look is begun.
    """

    def __init__(self, job: Job, share: float) -> None:
        self._job = job
        self._until = job.deadline.at(share)
        self._answers_until = job.deadline.at(share + GRACE)
        self._longest_look_s = 0.0
        # loads are timed longer where they decide
        decides = job.budget.objective in ("throughput", "energy")
        self._load_turn_s = LOAD_TURN_S if decides else TURN_S
        self._inputs = make_inputs(job.dataset.take, job.splits.calibrate, job.fixed_batch)
        self.baseline = self._baseline()

    @property
    def inputs(self) -> Inputs:
        """Batches of real inputs for timing."""
        return self._inputs

    def _baseline(self) -> Baseline:
        job = self._job
        engine = OnnxRuntime()
        runner = engine.compile(job.model)
        found = best_load(
            runner, self._inputs, job.hardware.cores, self._load_turn_s, job.settings.seed
        )
        [timing] = probe([Task(calling(runner, self._inputs.single))], job.settings.seed)
        graph = Graph((), job.model, "as it was given")
        trial = Trial(
            graph,
            engine,
            found.load,
            float(np.median(timing.medians_s)),
            found.example_s,
            found.cpu_s,
            name="original",
            is_baseline=True,
        )
        indices = job.splits.select
        answers = job.answers(runner, indices, found.load.batch_size, job.deadline.at(0.2))
        right = job.right(answers, answers, indices)
        trial.select = PairedCounts.from_correct(right, right)
        if job.budget.objective == "memory":
            trial.peak_memory_bytes = peak_memory_bytes(job.model, engine, self._inputs.single)
        return Baseline(trial, runner, runner(job.sample()), answers, right)

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
            trial.peak_memory_bytes = peak_memory_bytes(
                graph.model, trial.engine, self._inputs.single
            )
        price = cost_of(job)(trial) / cost_of(job)(self.baseline.trial)
        if price > TOO_DEAR:
            trial.refusals.append(no_gain(job, price))
            return trial
        with trial.engine.compile(graph.model) as runner:
            where = job.model.origin.source
            judge(self.baseline.sample, runner(job.sample()), where, trial.is_original)
            trial.select = self._lost(runner, trial.load)
        least = min(HOPELESS, len(self.baseline.answers))
        if trial.select.n < least:
            trial.refusals.append(f"time ran out after {trial.select.n} of {least} examples")
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
            self._inputs.by_size[size],
            is_throughput=wants_throughput,
            seed=job.settings.seed,
        )
        with engine.compile(graph.model) as runner:
            callers = engine.streams if isinstance(engine, OpenVINO) else job.hardware.cores
            load = best_load(
                runner, self._inputs, callers, self._load_turn_s, job.settings.seed
            ).load
            return self._compared(graph, settled(engine, load, job.fixed_batch), runner, load)

    def _compared(self, graph: Graph, engine: Engine, runner: Runner, load: Load) -> Trial:
        """Return quick timings in units of the baseline's, timed in the same moments.

        What the machine does to all, such as another program on it, then cancels out.
        """
        base = self.baseline
        before, after, before_load, after_load = probe(
            [
                Task(calling(base.runner, self._inputs.single)),
                Task(calling(runner, self._inputs.single)),
                self._loaded(base.runner, base.trial.load),
                self._loaded(runner, load),
            ],
            self._job.settings.seed,
            limit_s=4.0,
        )
        work = base.trial.load.batch_size / load.batch_size
        latency = after.medians_s / before.medians_s
        example = after_load.wall_per_call_s / before_load.wall_per_call_s * work
        cpu = after_load.cpu_per_call / before_load.cpu_per_call * work
        return Trial(
            graph,
            engine,
            load,
            latency_s=base.trial.latency_s * float(np.median(latency)),
            example_s=base.trial.example_s * float(np.median(example)),
            cpu_s=base.trial.cpu_s * float(np.median(cpu)),
        )

    def _loaded(self, runner: Runner, load: Load) -> Task:
        batch = self._inputs.by_size[load.batch_size]
        return Task(calling(runner, batch), load.concurrency, self._load_turn_s)

    def _lost(self, runner: Runner, load: Load) -> PairedCounts:
        job, indices = self._job, self._job.splits.select
        count = len(self.baseline.answers)
        first = self._counts(runner, indices[: min(HOPELESS, count)], load)
        spread = np.sqrt(max(first.disagreement, 1 / first.n) / first.n)
        if first.drop - 3 * spread > job.budget.max_drop or count <= HOPELESS:
            return first
        return self._counts(runner, indices[:count], load)

    def _counts(self, runner: Runner, indices: Array, load: Load) -> PairedCounts:
        job = self._job
        answers = job.answers(runner, indices, load.batch_size, self._answers_until)
        right = job.right(answers, self.baseline.answers, indices)
        return PairedCounts.from_correct(self.baseline.is_right[: len(right)], right)


def reason_of(error: TradewindError) -> str:
    """Return one line that says why a variant could not be looked at."""
    kind = "its check failed" if isinstance(error, PassError) else "it does not run"
    return f"{kind}: {str(error).splitlines()[0]}"
