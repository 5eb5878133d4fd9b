"""How long each layer of a graph takes, in int8 and in float, on the engine that will run it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from tradewind.engines import Engine, Step
from tradewind.measure import Task, calling, speedup
from tradewind.model import Model
from tradewind.passes.mixing import layers, owners, pair
from tradewind.passes.quantization.preparing import prepared
from tradewind.search.probing import probe
from tradewind.tensors import Tensors

WORTHWHILE = 0.03
"""Share of the time that returning layers must save where the answers are good enough already."""

_ROUNDS = 2
_PROOF_ROUNDS = 12
_CLEARLY = 0.9


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


def faster_in_float(times: Mapping[str, LayerTime]) -> tuple[str, ...]:
    """Return the layers that seem to save time, none where that is too little to matter."""
    free = [name for name, one in times.items() if one.is_faster_in_float]
    saved_s = -sum(times[name].cost_s for name in free)
    total_s = sum(min(one.quantized) for one in times.values())
    if saved_s <= WORTHWHILE * total_s:
        return ()
    return tuple(sorted(free, key=lambda name: times[name].cost_s))


def is_quicker(one: Model, other: Model, engine: Engine, batches: Sequence[Tensors]) -> bool:
    """Say whether one graph is certainly quicker than another, by timing both in turn.

    Raises:
        EngineError: it cannot run one of them.
    """
    with engine.compile(one) as first, engine.compile(other) as second:
        tasks = [Task(calling(runner, *batches)) for runner in (second, first)]
        before, after = probe(tasks, 0, _PROOF_ROUNDS)
        return speedup(before, after).is_better
