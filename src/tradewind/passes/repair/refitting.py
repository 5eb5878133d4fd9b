"""Layers fitted one after the other, each on what the changed graph now feeds it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

from tradewind.model import Model
from tradewind.passes.repair.layers import Layer, layers
from tradewind.passes.repair.normal import NormalEquations
from tradewind.passes.repair.patches import at_places, some_places
from tradewind.passes.repair.walking import Batches, Walk
from tradewind.tensors import Array

_MOST_INPUTS = 5000
"""A layer with more inputs for each output has normal equations of 200 MB; it is left alone."""

Picked = Callable[[str, int], Array | None]
"""Returns which positions along an axis of an original's value are left; None means all."""


def _all(name: str, axis: int) -> Array | None:
    return None


@dataclass(frozen=True)
class Repair:
    """How weights are fitted.

    Args:
        rows: about as many are looked at for each layer.
        ridge: how strongly weights are drawn to where they were, relative to the data.
        seed: of the places in pictures that are looked at.
        targets: for values of the changed graph, the original's value they should come close
            to, where that has another name.
        picked: which channels of an original's value the changed graph still has.
    """

    rows: int = 60_000
    ridge: float = 1e-4
    seed: int = 0
    targets: Mapping[str, str] = field(default_factory=dict)
    picked: Picked = _all


def repair(changed: Model, original: Model, batches: Batches, how: Repair) -> tuple[Model, int]:
    """Fit every layer of `changed` so that its results come close to those of `original`.

    Layers are fitted in the order in which they run: each finds weights that make the best of
    what those before it, already fitted, hand on. Where the result of a layer is added to
    something, it is fitted so that the sum is right.

    Args:
        changed: the graph to repair; names are those of the original.
        original: the graph before the change.
        batches: examples.
        how: settings.

    Returns:
        The repaired graph, with the number of layers that were fitted.

    Raises:
        PassError: ONNX Runtime cannot run a part of one of the graphs.
    """
    proto, before = changed.to_proto(), original.to_proto()
    known = {name for node in before.graph.node for name in node.output}
    jobs = [_settled(layer, proto) for layer in layers(proto)]
    jobs = [layer for layer in jobs if how.targets.get(layer.result, layer.result) in known]
    asked = [how.targets.get(layer.result, layer.result) for layer in jobs]
    source = changed.origin.source
    walk = Walk(proto, batches, {layer.data for layer in jobs} | _skips(jobs), source)
    teacher = Walk(before, batches, set(asked), source)
    count = 0
    for index, (layer, target) in enumerate(zip(jobs, asked, strict=True)):
        names = [layer.data, layer.skip] if layer.skip else [layer.data]
        count += _fit(layer, proto, walk.to(names), teacher.to([target]), target, how)
        left = jobs[index + 1 :]
        walk.forget({layer.data, layer.skip} - {one.data for one in left} - _skips(left))
        teacher.forget({target} - set(asked[index + 1 :]))
    return changed.with_proto(proto), count


def _skips(jobs: list[Layer]) -> set[str]:
    return {layer.skip for layer in jobs if layer.skip}


def _settled(layer: Layer, proto: onnx.ModelProto) -> Layer:
    """Return the layer without its sum where that depends on a layer which is fitted later."""
    if not layer.skip:
        return layer
    order = {name: index for index, node in enumerate(proto.graph.node) for name in node.output}
    late = order.get(layer.skip, -1) > order[layer.out]
    return Layer(**{**vars(layer), "sum": "", "skip": ""}) if late else layer


def _fit(
    layer: Layer,
    proto: onnx.ModelProto,
    inputs: list[dict[str, Array]],
    targets: list[dict[str, Array]],
    target: str,
    how: Repair,
) -> bool:
    """Fit one layer in place; return whether it could be."""
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    weight = numpy_helper.to_array(tensors[layer.weight])
    groups = layer.window.groups if layer.window else 1
    start = layer.as_matrix(weight, groups)
    if start.shape[1] > _MOST_INPUTS:
        return False
    sums, random = NormalEquations(), np.random.default_rng(how.seed)
    total = sum(len(batch[layer.data]) for batch in inputs)
    for batch, wanted in zip(inputs, targets, strict=True):
        aim = wanted[target]
        picked = how.picked(target, layer.channel_axis % aim.ndim)
        aim = aim if picked is None else np.compress(picked, aim, layer.channel_axis)
        aim = aim - batch[layer.skip] if layer.skip else aim
        rows, values = rows_of(layer, batch[layer.data], aim, how.rows / total, random)
        sums.add(rows, values)
    fitted, bias = sums.solve(start, how.ridge, bool(layer.bias))
    if not (np.isfinite(fitted).all() and np.isfinite(bias).all()):
        return False
    _store(tensors[layer.weight], layer.as_weight(fitted, weight.shape))
    if layer.bias:
        _store(tensors[layer.bias], bias.ravel())
    return True


def rows_of(
    layer: Layer, data: Array, aim: Array, share: float, random: np.random.Generator
) -> tuple[Array, Array]:
    """Return some rows [groups, rows, inputs] with what they should give [groups, rows, out]."""
    if layer.window is None:
        rows, values = data.reshape(-1, data.shape[-1]), aim.reshape(-1, aim.shape[-1])
        most = max(1, round(share * len(data)))
        if len(rows) > most:
            chosen = np.sort(random.choice(len(rows), most, replace=False))
            rows, values = rows[chosen], values[chosen]
        return rows[None], values[None]
    places = some_places(aim.shape[2:], max(1, round(share)), random)
    rows = layer.window.rows(data, places)
    values = at_places(aim, places)  # [examples, channels, places]
    grouped = values.reshape(len(values), layer.window.groups, -1, values.shape[-1])
    return rows, grouped.transpose(1, 0, 3, 2).reshape(layer.window.groups, rows.shape[1], -1)


def _store(tensor: onnx.TensorProto, array: Array) -> None:
    content = np.ascontiguousarray(array, np.float32)
    tensor.CopyFrom(numpy_helper.from_array(content, tensor.name))
