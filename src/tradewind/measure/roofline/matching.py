"""From the steps of a runtime's profile to the layers of the graph that they compute."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from onnx import inliner

from tradewind.engines import Step
from tradewind.measure.roofline.kernels import Places, places_of
from tradewind.measure.roofline.layer_groups import LayerGroup
from tradewind.model import Model

_TOKEN = re.compile(r"tradewindnode(\d+)(?!\d)")
_ENDINGS = ("_nchwc", "/WithoutBiases")

_KINDS: tuple[tuple[str, LayerGroup], ...] = (
    ("reorder", LayerGroup.MOVEMENT),
    ("transpose", LayerGroup.MOVEMENT),
    ("concat", LayerGroup.MOVEMENT),
    ("gather", LayerGroup.MOVEMENT),
    ("slice", LayerGroup.MOVEMENT),
    ("reshape", LayerGroup.MOVEMENT),
    ("attention", LayerGroup.ATTENTION),
    ("conv", LayerGroup.CONVOLUTION),
    ("matmul", LayerGroup.DENSE),
    ("gemm", LayerGroup.DENSE),
    ("fullyconnected", LayerGroup.DENSE),
    ("lstm", LayerGroup.RECURRENT),
    ("gru", LayerGroup.RECURRENT),
    ("rnn", LayerGroup.RECURRENT),
    ("norm", LayerGroup.ELEMENTWISE),
    ("mvn", LayerGroup.ELEMENTWISE),
    ("softmax", LayerGroup.ELEMENTWISE),
    ("gelu", LayerGroup.ELEMENTWISE),
    ("quantize", LayerGroup.ELEMENTWISE),
    ("eltwise", LayerGroup.ELEMENTWISE),
    ("subgraph", LayerGroup.ELEMENTWISE),
    ("reduce", LayerGroup.ELEMENTWISE),
    ("pool", LayerGroup.ELEMENTWISE),
    ("convert", LayerGroup.ELEMENTWISE),
)
"""What the kind of a step says where its name does not, the first that is found in it."""

_HEAVY = {
    LayerGroup.CONVOLUTION,
    LayerGroup.DEPTHWISE,
    LayerGroup.DENSE,
    LayerGroup.ATTENTION,
    LayerGroup.RECURRENT,
}
"""Layers that multiply and add up."""


def with_names(model: Model) -> Model:
    """Return the same graph with a name for each node that runtimes carry through to profiles."""
    proto = model.to_proto()
    if proto.functions:
        proto = inliner.inline_local_functions(proto)
    for position, node in enumerate(proto.graph.node):
        node.name = f"tradewindnode{position}"
    return model.with_proto(proto)


def seconds_by_group(named: Model, steps: Iterable[Step]) -> dict[LayerGroup, float]:
    """Return how long the layers of each group took.

    A step that computes several layers counts for the heaviest of them.

    Args:
        named: as `with_names` returns it; what was profiled.
        steps: what the runtime did.
    """
    places = places_of(named)
    positions = {
        name: position
        for position, node in enumerate(named.to_proto().graph.node)
        for name in node.output
        if name
    }
    found: dict[LayerGroup, float] = defaultdict(float)
    for step in steps:
        found[_group(step, positions, places)] += step.seconds
    return dict(found)


def _group(step: Step, positions: Mapping[str, int], places: Places) -> LayerGroup:
    kind = step.kind.lower()
    told = next((group for word, group in _KINDS if word in kind), LayerGroup.OTHER)
    if "reorder" in kind:  # named after the layer that wants another order
        return told
    inside = {place for name in step.names for place in _numbers(name, positions)}
    groups = {places.alone[place] for place in inside}
    if told in _HEAVY and not groups & _HEAVY:  # named after the last of what was merged
        groups = {places.joined[place] for place in inside if place in places.joined} & _HEAVY
    return next((group for group in LayerGroup if group in groups), told)


def _numbers(name: str, positions: Mapping[str, int]) -> list[int]:
    """Return which nodes a name stands for: by the name given to them, or by what they put out."""
    found = [int(number) for number in _TOKEN.findall(name)]
    if found:
        return found
    for ending in ("", *_ENDINGS):
        place = positions.get(name.removesuffix(ending))
        if place is not None:
            return [place]
    return []
