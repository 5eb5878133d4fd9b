"""A first look at every variant: is it quicker here, and how much does it lose."""

from dataclasses import dataclass

import numpy as np

from tradewind.engines import Engine, OnnxRuntime
from tradewind.errors import PassError, TradewindError
from tradewind.evidence import PairedCounts
from tradewind.passes import judge
from tradewind.runners import Runner, Scores
from tradewind.search.candidates import Graph, engine_options
from tradewind.search.comparing import Comparison, load_turn_s, longest_call_s, sizes_for
from tradewind.search.costs import cost_of, no_gain
from tradewind.search.finals import peak_of
from tradewind.search.job import Job
from tradewind.search.keys import answers_key
from tradewind.search.plans import Plan
from tradewind.search.probing import (
    TURN_S,
    Inputs,
    best_load,
    callers_of,
    loaded,
    make_inputs,
    probe,
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

_FEW = 3
"""Looks after which the longest one is taken to have been disturbed."""

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

    Attributes:
        best: what the cheapest variant that keeps the promise costs, in units of the baseline.
    """

    def __init__(self, job: Job, share: float) -> None:
        self._job = job
        self.extend(share)
        self._looks_s = list[float]()
        self.best = 1.0
        self._inputs = make_inputs(job.dataset.take, job.timed(), job.fixed_batch)
        self.scores: Scores | None = None
        self.no_cascade = ""  # why none can be built
        self.baseline = self._baseline()
        original = self.baseline
        self.comparison = Comparison(job, self._inputs, original.trial, original.runner)

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
            callers_of(plan.last.engine, job.hardware.cores),
            load_turn_s(job),
            job.settings.seed,
            sizes_for(job),
            longest_call_s(job),
        )
        [timing] = probe([loaded(runner, self._inputs.singles, 1, TURN_S)], job.settings.seed)
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
        seen = self._of_original(plan, runner, found.load)
        trial.seen, trial.select = (
            seen,
            self._job.paired(seen.losses, seen.losses, job.splits.select),
        )
        if job.budget.objective == "memory":
            trial.peak_memory_bytes = peak_of(plan, self._inputs)
        return Baseline(trial, runner, sample, seen)

    def _of_original(self, plan: Plan, runner: Runner, load: Load) -> Seen:
        """Return the original's answers to the select split, as many as time allows."""
        job, indices = self._job, self._job.splits.select
        key = answers_key(job, plan, self.scores)
        known = _recalled(job, key, None)
        if known is not None and len(known) == len(indices):
            return known
        seen = job.see(runner, indices, load, job.deadline.at(0.2), self.scores)
        job.recall.keep_answers(key, seen.answers, seen.logits)
        return seen

    def engines(self, graph: Graph) -> list[list[Engine]]:
        """Return the engines to try on a graph, grouped by arithmetic."""
        options = engine_options(
            graph,
            self._job.hardware,
            sizes_for(self._job) if self._job.fixed_batch is None else (),
            is_throughput=self._job.budget.decides_under_load,
            is_tiny=self.baseline.trial.latency_s < TINY_S,
        )
        same = self.baseline.trial.plan.last
        if graph.model.digest != same.graph.model.digest:
            return options
        return [engines for engines in options if engines != [same.engine]]  # timed already

    @property
    def look_s(self) -> float:
        """Seconds that the next look may take: a single longer one was probably disturbed."""
        looks_s = sorted(self._looks_s)
        return looks_s[-2] if len(looks_s) >= _FEW else max(looks_s, default=0.0)

    @property
    def has_time(self) -> bool:
        """Whether another look would probably end in time, or within the grace."""
        now = self._job.deadline.clock()
        return now < self._until and now + self.look_s < self._answers_until

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
            self._looks_s.append(job.deadline.clock() - begin)

    def _look(self, graph: Graph, engines: list[Engine]) -> Trial:
        job = self._job
        trial = self.comparison.alone(graph, engines, self._ask, self.best)
        price = self._price(trial)
        if price > TOO_DEAR:
            trial.refusals.append(no_gain(job, price))
            return trial
        if trial.seen is None:  # its timings were known
            trial.seen = self._known(trial) or self._asked(trial)
        before, after = self.baseline.seen.losses, trial.seen.losses
        trial.select = job.paired(before, after, job.splits.select)
        least = min(HOPELESS, len(self.baseline.seen))
        if len(trial.seen) < least:
            trial.refusals.append(f"time ran out after {len(trial.seen)} of {least} examples")
        return trial

    def _price(self, trial: Trial) -> float:
        """Return what a variant costs in units of the baseline."""
        cost = cost_of(self._job)
        return cost(trial) / cost(self.baseline.trial)

    def cascade(self, plan: Plan, asked: tuple[float, ...]) -> Trial:
        """Return a cascade with quick timings.

        Args:
            plan: its stages.
            asked: share of the examples that reaches each stage after the first.

        Raises:
            EngineError: a stage does not run.
        """
        return self.comparison.cascade(plan, asked)

    def _asked(self, trial: Trial) -> Seen:
        """Return what a variant says about the select split; of a hopeless one, the beginning.

        Raises:
            EngineError: it does not run.
            PassError: its answers are not finite, or far off for an exact graph.
        """
        with trial.plan.compile() as runner:
            self._ask(trial, runner)
        assert trial.seen is not None
        return trial.seen

    def _ask(self, trial: Trial, runner: Runner) -> None:
        """Fill in what a variant says, unless it is too dear anyway."""
        if self._price(trial) > TOO_DEAR:
            return
        trial.seen = self._known(trial)
        if trial.seen is not None:
            return
        job = self._job
        where = job.model.origin.source
        judge(self.baseline.sample, runner(job.sample()), where, trial.is_original)
        trial.seen = self._see(runner, trial.load)
        key = answers_key(job, trial.plan, self.scores)
        job.recall.keep_answers(key, trial.seen.answers, trial.seen.logits)

    def _known(self, trial: Trial) -> Seen | None:
        """Return what an earlier search was told; None where that is not enough."""
        key = answers_key(self._job, trial.plan, self.scores)
        return self._enough(_recalled(self._job, key, self.baseline.seen.answers))

    def _enough(self, known: Seen | None) -> Seen | None:
        """Return as many known answers as would be asked for now; None where some are missing."""
        if known is None:
            return None
        count = len(self.baseline.seen)
        if len(known) >= count:
            return known.first(count)
        first = known.first(HOPELESS)
        return first if len(first) == HOPELESS and self._is_hopeless(first) else None

    def _see(self, runner: Runner, load: Load) -> Seen:
        indices = self._job.splits.select
        count = len(self.baseline.seen)
        first = self._seen(runner, indices[: min(HOPELESS, count)], load)
        if count <= HOPELESS or self._is_hopeless(first):
            return first
        return self._seen(runner, indices[:count], load)

    def _is_hopeless(self, first: Seen) -> bool:
        """Say whether the first answers show that far too many are lost."""
        right = self.baseline.seen.right[: len(first)]
        counts = PairedCounts.from_correct(right, first.right)
        spread = np.sqrt(max(counts.disagreement, 1 / counts.n) / counts.n)
        allowed = self._job.tolerated
        if not self.no_cascade:
            allowed = max(allowed, FIRST_STAGE_LOSS)
        return bool(counts.drop - 3 * spread > allowed)

    def _seen(self, runner: Runner, indices: Array, load: Load) -> Seen:
        return self._job.see(
            runner,
            indices,
            load,
            self._answers_until,
            self.scores,
            self.baseline.seen.answers,
        )


def _recalled(job: Job, key: str, original: Array | None) -> Seen | None:
    """Return the answers to the select split that an earlier search got; None where unknown."""
    found = job.recall.answers(key)
    if found is None:
        return None
    answers, logits = found
    compared = answers if original is None else original
    count = min(len(answers), len(compared))
    answers = answers[:count]
    losses = job.losses(answers, compared, job.splits.select)
    return Seen(answers, losses, None if logits is None else logits[:count])


def reason_of(error: TradewindError) -> str:
    """Return one line that says why a variant could not be looked at."""
    kind = "its check failed" if isinstance(error, PassError) else "it does not run"
    return f"{kind}: {str(error).splitlines()[0]}"
