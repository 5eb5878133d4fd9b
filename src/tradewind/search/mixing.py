"""Layers of an int8 graph that are worth returning to float, by what they cost here."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from tradewind.engines import Engine, Step
from tradewind.model import Model
from tradewind.passes import RevertLayers
from tradewind.passes.mixing import Sensitivity, Switched, layers, owners, pair, sensitivity
from tradewind.passes.quantization.preparing import prepared
from tradewind.search.candidates import Graph
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.making import Maker
from tradewind.search.probing import Inputs
from tradewind.search.screening import TOO_DEAR
from tradewind.search.settings import Effort
from tradewind.search.trials import Trial
from tradewind.tensors import Tensors

EXAMPLES = 16
"""On so many the effect of each layer is measured."""

RUNS: dict[Effort, int] = {"quick": 24, "normal": 48, "thorough": 96}
"""Of the graph over these examples, at most."""

SHARES: dict[Effort, tuple[float, ...]] = {
    "quick": (0.1,),
    "normal": (0.25, 0.03),
    "thorough": (0.5, 0.25, 0.1, 0.03, 0.01),
}
"""What may be left of the divergence from the original; one variant is made for each."""

WORTHWHILE = 0.03
"""Share of the time that returning layers must save where the answers are good enough already."""

NEAR = 0.5
"""Share of the budget from which on what int8 loses is worth healing."""

MOST = 0.15
"""Share of the whole time that the search for layers may take."""

_PROFILED_S = 0.3
_ROUNDS = 2
_CLEARLY = 0.9
_NOISE = 0.002
"""A layer is never thought to cost less than this share of the time of all of them."""


@dataclass(frozen=True)
class LayerTime:
    """Seconds that one layer takes in an answer, in rounds that alternate.

    Args:
        quantized: one number for each round.
        in_float: the same, of the original.
    """

    quantized: tuple[float, ...]
    in_float: tuple[float, ...]

    @property
    def cost_s(self) -> float:
        """What returning the layer to float costs; negative where that saves time."""
        return min(self.in_float) - min(self.quantized)

    @property
    def is_faster_in_float(self) -> bool:
        """Whether every round agrees that int8 does not pay for this layer."""
        return max(self.in_float) < _CLEARLY * min(self.quantized)


def layer_times(
    quantized: Model, original: Model, engine: Engine, batches: Sequence[Tensors]
) -> dict[str, LayerTime]:
    """Return how long each layer takes on the engine that will run it, in int8 and in float.

    Args:
        quantized: the int8 graph.
        original: what it was made from.
        engine: its profile says where the time goes; a runtime that has none gives nothing.
        batches: real inputs to answer.

    Raises:
        EngineError: it cannot run one of the graphs.
    """
    sides = [_named(quantized), _named(original)]
    belong = [_belonging(side.to_proto()) for side in sides]
    rounds: list[list[dict[str, float]]] = [[], []]
    for _ in range(_ROUNDS):
        for index, side in enumerate(sides):
            rounds[index].append(_by_layer(engine.profile(side, batches), belong[index]))
    ours, theirs = rounds
    names = [layer.name for layer in layers(pair(quantized, original))]
    return {
        name: LayerTime(tuple(one[name] for one in ours), tuple(one[name] for one in theirs))
        for name in names
        if all(name in one for one in (*ours, *theirs))
    }


def _named(model: Model) -> Model:
    """Return the same graph with a name for every node, by which a profile tells them."""
    return model.with_proto(prepared(model))


def _belonging(proto: onnx.ModelProto) -> dict[str, str]:
    """Return the layer of each node by its name, and by the names of what it puts out."""
    belongs = owners(proto)
    by_output = {name: belongs[node.name] for node in proto.graph.node for name in node.output}
    return by_output | belongs


def _by_layer(steps: Iterable[Step], belongs: Mapping[str, str]) -> dict[str, float]:
    """Add up the time of each layer; a step that nobody knows belongs to the one before it."""
    found: dict[str, float] = {}
    current = ""
    for step in steps:
        known = [belongs[name] for name in map(_stem, step.names) if name in belongs]
        # of operators that were merged, the one with weights took the time
        heavy = [name for name in known if name in map(_stem, step.names)]
        current = next(iter(heavy or known), current)
        found[current] = found.get(current, 0.0) + step.seconds
    return found


def _stem(name: str) -> str:
    """Return the name of a node without what runtimes append to it."""
    return _ENDING.sub("", name)


_ENDING = re.compile(r"(/(Dequantization|Without)\w*|_token_\d+|_nchwc)$")


@dataclass(frozen=True)
class Ranking:
    """Layers in the order in which they return to float.

    Args:
        order: those that save time first, then those that buy most accuracy for theirs.
        free: how many of them save time.
        saved_s: what those save together in one answer.
        total_s: of an answer of the int8 graph, by its profile.
    """

    order: tuple[str, ...]
    free: int
    saved_s: float
    total_s: float


def rank(found: Sensitivity, times: Mapping[str, LayerTime]) -> Ranking:
    """Order layers by damage undone for each second.

    Where nothing is known about times all layers cost the same.
    """
    free = [name for name in found.damage if name in times and times[name].is_faster_in_float]
    free.sort(key=lambda name: times[name].cost_s)
    total_s = sum(min(one.quantized) for one in times.values())
    least_s = max(_NOISE * total_s, 1e-9)

    def worth(name: str) -> float:
        cost_s = times[name].cost_s if name in times else least_s
        return found.damage[name] / max(cost_s, least_s)

    rest = sorted((name for name in found.damage if name not in free), key=worth, reverse=True)
    saved_s = -sum(times[name].cost_s for name in free)
    return Ranking((*free, *rest), len(free), saved_s, total_s)


def prefixes(
    ranking: Ranking, divergence: Callable[[Sequence[str]], float], limits: Iterable[float]
) -> list[int]:
    """Return how many layers of the order must return so that the divergence falls to a limit.

    Each limit is searched for by halving, as though no layer made the others worse; a limit that
    is reached only in float, or without any layer, gives nothing.

    Args:
        ranking: the order.
        divergence: that of the graph with these layers in float.
        limits: of the divergence.
    """
    known: dict[int, float] = {}

    def at(count: int) -> float:
        if count not in known:
            known[count] = divergence(ranking.order[:count])
        return known[count]

    found = set()
    for limit in limits:
        low, high = 0, len(ranking.order)  # `high` reaches every limit: that is the original
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if at(middle) <= limit else (middle + 1, high)
        if 0 < low < len(ranking.order):
            found.add(low)
    return sorted(found)


def mixable(job: Job, trials: Sequence[Trial], baseline: Trial) -> Trial | None:
    """Return the cheapest int8 variant, None where none is about as cheap as the original.

    Args:
        job: knows what is dear.
        trials: what was looked at.
        baseline: the original.
    """
    cost = cost_of(job)
    found = [
        trial
        for trial in trials
        if not trial.plan.is_cascade
        and trial.select is not None
        and cost(trial) < TOO_DEAR * cost(baseline)
        and _is_quantized(trial.plan.last.graph)
    ]
    return min(found, key=cost, default=None)


class Mixer:
    """Looks for layers to return in what a search has made.

    Args:
        job: what the search works on.
        maker: knows what each graph was made from.
        inputs: real inputs for timing.
    """

    def __init__(self, job: Job, maker: Maker, inputs: Inputs) -> None:
        self._job = job
        self._maker = maker
        self._inputs = inputs

    def heals(self, trial: Trial) -> bool:
        """Say whether a variant loses so much that its certificate is in danger."""
        return trial.select is not None and trial.select.drop > NEAR * self._job.budget.max_drop

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
        times = layer_times(quantized, original, stage.engine, self._batches(trial))
        if not self.heals(trial):
            gains = rank(Sensitivity(0.0, dict.fromkeys(times, 0.0), 0), times)
            pays = gains.saved_s > WORTHWHILE * gains.total_s
            return [RevertLayers(gains.order[: gains.free])] if pays else []
        effort = job.settings.effort
        seen = job.observe(max(EXAMPLES, job.fixed_batch or 1))
        switched = Switched(quantized, original, seen)
        found = sensitivity(switched, RUNS[effort], lambda: clock() < until)
        ranking = rank(found, times)
        limits = [share * found.total for share in SHARES[effort]]
        counts = prefixes(ranking, switched.divergence, limits)
        return [RevertLayers(ranking.order[:count]) for count in counts]

    def _batches(self, trial: Trial) -> list[Tensors]:
        """Return batches of the size that counts, enough to take about `_PROFILED_S`."""
        by_size = self._inputs.by_size
        is_alone = self._job.budget.objective in ("latency", "memory")
        size = min(by_size) if is_alone else trial.load.batch_size
        took_s = trial.latency_s if is_alone else trial.example_s * size
        count = int(np.clip(_PROFILED_S / max(took_s, 1e-6), 5, 60))
        return [by_size[size][number % len(by_size[size])] for number in range(count)]


def _is_quantized(graph: Graph) -> bool:
    """Say whether a graph was quantized last, in a form whose layers can return."""
    kinds = {node.op_type for node in graph.model.graph.graph}
    mixed = any(isinstance(step, RevertLayers) for step in graph.steps)
    return bool(graph.steps) and not mixed and {"QuantizeLinear", "DequantizeLinear"} <= kinds
