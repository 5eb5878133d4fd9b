"""Normalizations for the time of training: students learn much faster with what was folded away."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tradewind.interpreter import TorchGraph
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.model import Model
from tradewind.tensors import Array

Given = Mapping[str, Tensor]
"""Inputs of a graph by name."""

_EPSILON = 1e-5
_LEAST_PLACES = 4
"""Numbers of a channel in one example below which a batch says too little about it."""
_OPSET = 14
"""The first in which BatchNormalization computes with the statistics of a batch."""


@final
@dataclass(frozen=True)
class Place:
    """A convolution whose output is normalized.

    Args:
        weight: its name, float[channels, ...].
        bias: the same of float[channels].
        output: the name of what it computes.
    """

    weight: str
    bias: str
    output: str

    @property
    def scale(self) -> str:
        """The name of the deviation that the output has, float[channels]; it is learned."""
        return f"{self.output}/scale"

    @property
    def shift(self) -> str:
        """The name of the mean that the output has, float[channels]; it is learned."""
        return f"{self.output}/shift"

    @property
    def statistics(self) -> tuple[str, str]:
        """The names of the mean and the variance of a batch before it is normalized."""
        return f"{self.output}/mean", f"{self.output}/variance"


@final
class Unfolded:
    """A student as it learns: each convolution followed by a normalization of its batch.

    It answers as the student does in the beginning, for scale and shift are what the outputs
    have. `fold` takes the statistics of some examples and writes into the student what answers
    alike without the normalizations.

    Args:
        student: as it will answer.
        graph: as it learns.
        places: where it normalizes.
    """

    def __init__(self, student: TorchGraph, graph: TorchGraph, places: list[Place]) -> None:
        self._student = student
        self.graph = graph
        self._places = places

    def fold(self, batches: Iterable[Given]) -> None:
        """Write what was learned into the student's parameters.

        Args:
            batches: examples whose statistics it is to answer with.
        """
        names = [name for place in self._places for name in place.statistics]
        sums, count = dict.fromkeys(names, torch.zeros(())), 0
        with torch.no_grad():
            for inputs in batches:
                made = self.graph(inputs, also=names)
                sums = {name: total + made[name] for name, total in sums.items()}
                count += 1
            student, learned = self._student.parameters, self.graph.parameters
            for name, parameter in student.items():
                if name in learned:
                    parameter.copy_(learned[name])
            for place in self._places:
                mean, variance = (sums[name] / count for name in place.statistics)
                factor = learned[place.scale] / torch.sqrt(variance + _EPSILON)
                student[place.bias].copy_(learned[place.shift] - mean * factor)
                weight = student[place.weight]
                weight.mul_(factor.reshape(-1, *(1,) * (weight.dim() - 1)))


def unfold(
    model: Model,
    student: TorchGraph,
    batches: Iterable[Given],
    build: Callable[[Model], TorchGraph],
) -> Unfolded | None:
    """Return a student as it learns; None where it has no convolutions that can be normalized.

    Args:
        model: the student.
        student: the same, as it will answer.
        batches: examples that show which statistics its outputs have.
        build: makes a graph that computes where and how the student does.
    """
    proto = model.to_proto()
    places = {place.output: place for place in _find_places(proto, student)}
    found = _observed(student, places, batches) if places else {}
    if not found:
        return None
    graph = build(model.with_proto(_with_normalizations(proto, found)))
    return Unfolded(student, graph, list(found))


def _find_places(proto: onnx.ModelProto, graph: TorchGraph) -> list[Place]:
    """Return the convolutions with weights and biases that are trained, and nobody else's."""
    opset = next((one.version for one in proto.opset_import if one.domain == ""), 0)
    if opset < _OPSET:
        return []
    read = [name for node in proto.graph.node for name in node.input]
    normalized = {
        node.input[0] for node in proto.graph.node if node.op_type == "BatchNormalization"
    }
    return [
        Place(node.input[1], node.input[2], node.output[0])
        for node in proto.graph.node
        if node.op_type == "Conv"
        and len(node.input) == 3
        and node.output[0] not in normalized
        and all(name in graph.parameters and read.count(name) == 1 for name in node.input[1:])
    ]


def _observed(
    graph: TorchGraph, places: Mapping[str, Place], batches: Iterable[Given]
) -> dict[Place, tuple[Array, Array]]:
    """Return mean and deviation of every channel, where an example says enough about one."""
    sums: dict[str, tuple[Tensor, Tensor]] = {}
    count = 0
    with torch.no_grad():
        for inputs in batches:
            made = graph(inputs, also=list(places))
            for name in places:
                values = made[name].float()
                if values[0, 0].numel() < _LEAST_PLACES:
                    continue
                axes = [axis for axis in range(values.dim()) if axis != 1]
                before = sums.get(name, (torch.zeros(()), torch.zeros(())))
                sums[name] = (
                    before[0] + values.mean(axes).cpu(),
                    before[1] + values.var(axes, correction=0).cpu(),
                )
            count += 1
    return {
        places[name]: (
            (mean / count).numpy(),
            torch.sqrt(variance / count + _EPSILON).numpy(),
        )
        for name, (mean, variance) in sums.items()
    }


def _with_normalizations(
    proto: onnx.ModelProto, found: Mapping[Place, tuple[Array, Array]]
) -> onnx.ModelProto:
    """Return the graph with a normalization of the batch behind every place."""
    places = {place.output: place for place in found}
    nodes = []
    for node in proto.graph.node:
        place = places.get(node.output[0]) if node.op_type == "Conv" else None
        nodes.append(node)
        if place is None:
            continue
        before, zeros, ones = (f"{place.output}/{part}" for part in ("before", "zeros", "ones"))
        del node.input[2:]  # the shift stands for it
        node.output[0] = before
        nodes.append(
            helper.make_node(
                "BatchNormalization",
                [before, place.scale, place.shift, zeros, ones],
                [place.output, *place.statistics],
                epsilon=_EPSILON,
                momentum=0.0,  # what goes out are the statistics of this batch alone
                training_mode=1,
            )
        )
        mean, deviation = found[place]
        for name, array in (
            (place.scale, deviation),
            (place.shift, mean),
            (zeros, np.zeros_like(mean)),
            (ones, np.ones_like(mean)),
        ):
            proto.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    biases = {place.bias for place in found}
    weights = [one for one in proto.graph.initializer if one.name not in biases]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(weights)
    return proto
