"""Layers of an int8 graph that are worth returning to float, by what they cost here."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from tradewind.engines import Engine
from tradewind.evidence import Paired, PairedCounts, PairedLosses
from tradewind.model import Model
from tradewind.passes import Observed, RevertLayers
from tradewind.passes.mixing import Switched, sensitivity
from tradewind.search.candidates import Graph
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.layer_times import LayerTime, faster_in_float, is_quicker, layer_times
from tradewind.search.making import Maker
from tradewind.search.probing import Inputs
from tradewind.search.risk import SAFE, risk
from tradewind.search.screening import TOO_DEAR
from tradewind.search.settings import Effort
from tradewind.search.trials import Trial
from tradewind.tensors import Tensors

EXAMPLES = 16
"""On so many the effect of each layer is measured."""

RUNS: dict[Effort, int] = {"quick": 24, "normal": 48, "thorough": 96}
"""Of the graph over these examples, at most."""

MULTIPLES: dict[Effort, tuple[float, ...]] = {
    "quick": (1.0,),
    "normal": (1.0, 0.2),
    "thorough": (4.0, 2.0, 1.0, 0.4, 0.1),
}
"""Of the divergence that may be left (see `allowed`); one variant is made for each."""

MOST = 0.15
"""Share of the whole time that the search for layers may take."""

_SHARES = 0.8 ** np.arange(1, 32)  # of the divergence: down to a thousandth
_PROFILED_S = 0.3
_NOISE = 0.002
"""A layer is never thought to cost less than this share of the time of all of them."""


def rank(
    damage: Mapping[str, float], times: Mapping[str, LayerTime], free: Sequence[str] = ()
) -> tuple[str, ...]:
    """Order layers by damage undone for each second.

    Args:
        damage: of each layer.
        times: of each layer; those of which nothing is known cost the least that counts.
        free: layers that save time, which come first.
    """
    total_s = sum(min(one.quantized) for one in times.values())
    least_s = max(_NOISE * total_s, 1e-9)

    def worth(name: str) -> float:
        cost_s = times[name].cost_s if name in times else least_s
        return damage[name] / max(cost_s, least_s)

    rest = [name for name in damage if name not in free]
    return (*free, *sorted(rest, key=worth, reverse=True))


def prefixes(
    order: Sequence[str], divergence: Callable[[Sequence[str]], float], limits: Iterable[float]
) -> list[int]:
    """Return how many layers of the order must return so that the divergence falls to a limit.

    Each limit is searched for by halving, as though no layer made the others worse; a limit that
    is reached only in float, or without any layer, gives nothing.

    Args:
        order: in which layers return.
        divergence: that of the graph with these layers in float.
        limits: of the divergence.
    """
    known: dict[int, float] = {}

    def at(count: int) -> float:
        if count not in known:
            known[count] = divergence(order[:count])
        return known[count]

    found = set()
    for limit in limits:
        low, high = 0, len(order)  # `high` reaches every limit: that is the original
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if at(middle) <= limit else (middle + 1, high)
        if 0 < low < len(order):
            found.add(low)
    return sorted(found)


def allowed(job: Job, trial: Trial) -> float:
    """Return which share of a variant's divergence from the original may be left for it to pass.

    The divergence is a squared error. What errors it leads to falls with its root, and so does
    how many answers turn; how many more of them turn from right to wrong than back falls with the
    divergence itself, because small errors turn about as many either way.

    Args:
        job: knows what is to be certified.
        trial: with what it lost on the select split.

    Returns:
        1 if it will probably pass as it is; else one of a thousandth to four fifths.
    """
    if trial.select is None or not needs_healing(job, trial):
        return 1.0
    for share in _SHARES:
        if risk(job, trial, _with_less(trial.select, float(share))) <= SAFE:
            return float(share)
    return float(_SHARES[-1])


def _with_less(seen: Paired, share: float) -> Paired:
    """Return what would have been seen with a share of the divergence."""
    root = share**0.5
    if isinstance(seen, PairedLosses):
        return PairedLosses(seen.differences * root, seen.unit)
    turned, lost = root * (seen.worse + seen.better), share * (seen.worse - seen.better)
    return PairedCounts(seen.n, round((turned + lost) / 2), max(round((turned - lost) / 2), 0))


def mixable(job: Job, trials: Sequence[Trial], baseline: Trial) -> Trial | None:
    """Return the int8 variant that will be cheapest when it is healed; None where none is cheap.

    What has to undo most of its divergence is taken to cost most of what lies between it and the
    original then.

    Args:
        job: knows what is dear.
        trials: what was looked at.
        baseline: the original.
    """
    cost = cost_of(job)

    def healed(trial: Trial) -> float:
        undone = 1.0 - allowed(job, trial)
        return cost(trial) + undone * max(cost(baseline) - cost(trial), 0.0)

    found = [
        trial
        for trial in trials
        if not trial.plan.is_cascade
        and trial.select is not None
        and cost(trial) < TOO_DEAR * cost(baseline)
        and _is_quantized(trial.plan.last.graph)
    ]
    return min(found, key=healed, default=None)


def needs_healing(job: Job, trial: Trial) -> bool:
    """Say whether a variant loses so much that its certificate is in danger."""
    return trial.select is not None and risk(job, trial, trial.select) > SAFE


class Mixer:
    """Looks for layers to return in what a search has made.

    Args:
        job: what the search works on.
        maker: knows what each graph was made from.
        inputs: real inputs for timing.
        quicker: says whether one graph is quicker than another.
    """

    def __init__(
        self,
        job: Job,
        maker: Maker,
        inputs: Inputs,
        quicker: Callable[[Model, Model, Engine, Sequence[Tensors]], bool] = is_quicker,
    ) -> None:
        self._job = job
        self._maker = maker
        self._inputs = inputs
        self._quicker = quicker

    def steps(self, trial: Trial, left_s: float) -> list[RevertLayers]:
        """Return what to make of an int8 variant, that with the fewest layers in float first.

        Args:
            trial: as `mixable` returns it.
            left_s: seconds in which variants may be made.

        Raises:
            PassError: the graph does not fit to what it was made from, or does not run.
            EngineError: the engine cannot run one of the graphs.
        """
        job, stage = self._job, trial.plan.last
        quantized = stage.graph.model
        original = self._maker.before(quantized, left_s)
        clock = job.deadline.clock
        until = clock() + min(MOST * job.settings.time_s, 0.5 * left_s)
        batches = self._batches(trial)
        times = layer_times(quantized, original, stage.engine, batches)
        free = faster_in_float(times)
        free = self._proven(free, quantized, original, stage.engine, batches, until)
        share = allowed(job, trial)
        if share == 1.0:
            return [RevertLayers(free)] if free else []
        effort = job.settings.effort
        seen = job.observe(max(EXAMPLES, job.fixed_batch or 1))
        switched = Switched(quantized, original, seen)
        found = sensitivity(switched, RUNS[effort], lambda: clock() < until)
        order = rank(found.damage, times, free)
        limits = [min(times * share, 0.9) * found.total for times in MULTIPLES[effort]]
        counts = prefixes(order, switched.divergence, limits)
        return [RevertLayers(order[:count]) for count in counts]

    def _proven(
        self,
        free: tuple[str, ...],
        quantized: Model,
        original: Model,
        engine: Engine,
        batches: Sequence[Tensors],
        until: float,
    ) -> tuple[str, ...]:
        """Return the first of the layers that seem to save time, as many as certainly do together.

        Of many layers some always seem quicker, and each may slow its neighbours; so the whole
        graph has to be, else that with half as many layers returned, and so on while there is
        time.
        """
        while free and self._job.deadline.clock() < until:
            mixed = RevertLayers(free).apply(quantized, Observed({}, original)).model
            if self._quicker(mixed, quantized, engine, batches):
                return free
            free = free[: len(free) // 2]
        return ()

    def _batches(self, trial: Trial) -> list[Tensors]:
        """Return batches of the size that counts, enough to take about `_PROFILED_S`."""
        by_size = self._inputs.by_size
        is_alone = not self._job.budget.decides_under_load
        size = min(by_size) if is_alone else trial.load.batch_size
        took_s = trial.latency_s if is_alone else trial.example_s * size
        count = int(np.clip(_PROFILED_S / max(took_s, 1e-6), 5, 60))
        return [by_size[size][number % len(by_size[size])] for number in range(count)]


def _is_quantized(graph: Graph) -> bool:
    """Say whether a graph was quantized last, in a form whose layers can return."""
    kinds = {node.op_type for node in graph.model.graph.graph}
    mixed = any(isinstance(step, RevertLayers) for step in graph.steps)
    return bool(graph.steps) and not mixed and {"QuantizeLinear", "DequantizeLinear"} <= kinds
