"""How much the channels of a graph matter."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from onnx import numpy_helper

from tradewind.model import Model
from tradewind.passes.inner import session
from tradewind.passes.pruning.coupling import Coupling
from tradewind.passes.pruning.positions import FROZEN
from tradewind.passes.pruning.tracing import constant, name_of
from tradewind.passes.repair.layers import Layer, layers
from tradewind.passes.repair.normal import NormalEquations
from tradewind.passes.repair.patches import some_places
from tradewind.tensors import Array, Tensors

Rule = Literal["magnitude", "activation", "reconstruction"]
"""What tells how much a channel c matters; summed over all that read it, each as a share.

- magnitude: ||W_c||^2 of all weights that would be cut.
- activation: E||x_c||^2 of what flows through it.
- reconstruction: how much worse the best linear fit of what follows becomes without x_c,
  tr(W_c' [(E x x')^-1]_cc^-1 W_c): the other channels make up for what they can. Source: Hassibi
  and Stork, 1992, for weights one by one; here for all weights of a channel at once.
"""

_ROWS = 20_000
_DAMPING = 1e-3


def importance(
    model: Model, coupling: Coupling, batches: Sequence[Tensors], rule: Rule
) -> Mapping[int, float]:
    """Return how much each channel matters, by its label.

    Raises:
        PassError: ONNX Runtime cannot run the model on these examples.
    """
    if rule == "magnitude":
        return _by_magnitude(coupling)
    proto = model.with_graph(coupling.graph).to_proto()
    readers = list(layers(proto))
    pairs = list(_pairs(coupling))
    names = {layer.data for layer in readers} | {layer.result for layer in readers}
    names |= {name for left, right, _ in pairs for name in (left, right)}
    inputs = {value.name for value in proto.graph.input}
    loaded = session(proto, sorted(names - inputs), model.origin.source)
    sums = [NormalEquations() for _ in readers]
    energy = np.zeros(len(readers))
    squares: defaultdict[str, Array | float] = defaultdict(float)
    random = np.random.default_rng(0)
    total = sum(_count(batch) for batch in batches)
    for batch in batches:
        inner = loaded(batch) | dict(batch)
        for index, layer in enumerate(readers):
            energy[index] += _observe(sums[index], layer, inner, _ROWS / total, random)
        for left, right, _ in pairs:
            squares[left] += _square(inner[left], -1)
            squares[right] += _square(inner[right], -2)
    scores: defaultdict[int, float] = defaultdict(float)
    weights = {tensor.name: tensor for tensor in proto.graph.initializer}
    for layer, gram, size in zip(readers, sums, energy, strict=True):
        weight = numpy_helper.to_array(weights[layer.weight])
        for label, score in _of_layer(coupling, layer, weight, gram, float(size), rule):
            scores[label] += score
    for left, right, labels in pairs:
        both = np.asarray(squares[left]) * np.asarray(squares[right])
        for label, score in zip(labels.tolist(), both / max(float(both.sum()), 1e-30), strict=True):
            scores[label] += float(score)
    return scores


def _count(batch: Tensors) -> int:
    return next((len(array) for array in batch.values() if array.ndim), 1)


def _by_magnitude(coupling: Coupling) -> dict[int, float]:
    scores: defaultdict[int, float] = defaultdict(float)
    for name, axes in coupling.trace.axes.items():
        value = coupling.graph.graph.initializers.get(name)
        array = constant(value)
        if array is None or array.ndim < 2 or array.dtype.kind != "f":
            continue
        squared = array.astype(np.float64) ** 2
        total = max(float(squared.sum()), 1e-30)
        for axis, labels in enumerate(axes):
            others = tuple(other for other in range(array.ndim) if other != axis)
            shares = squared.sum(others) / total
            roots = coupling.trace.positions.roots(labels)
            for root, share in zip(roots.tolist(), shares.tolist(), strict=True):
                scores[root] += share
    return scores


def _pairs(coupling: Coupling) -> Iterator[tuple[str, str, Array]]:
    """Yield products of two values that both depend on the input, with the labels between."""
    for product in coupling.products:
        left, right = product.node.inputs[:2]
        if product.node.op_type != "MatMul" or left is None or right is None:
            continue
        if constant(left) is None and constant(right) is None:
            labels = coupling.trace.positions.roots(product.inner)
            if (labels != FROZEN).any():
                yield name_of(left), name_of(right), labels


def _square(array: Array, axis: int) -> Array:
    others = tuple(other for other in range(array.ndim) if other != axis % array.ndim)
    total: Array = np.mean(np.square(array, dtype=np.float64), axis=others)
    return total


def _observe(
    sums: NormalEquations, layer: Layer, inner: Tensors, share: float, random: np.random.Generator
) -> float:
    """Add what a layer sees in one batch; return the energy of what it helps to make, by row."""
    data, result = inner[layer.data], inner[layer.result]
    if layer.window is None:
        rows = data.reshape(-1, data.shape[-1])
        most = max(1, round(share * len(data)))
        rows = rows[np.sort(random.choice(len(rows), min(most, len(rows)), replace=False))][None]
        seen = result.size / result.shape[-1]
    else:
        places = some_places(result.shape[2:], max(1, round(share)), random)
        rows = layer.window.rows(data, places)
        seen = result.size / result.shape[1]
    sums.add(rows, rows[:, :, :0])
    return float(np.square(result, dtype=np.float64).sum() / seen * rows.shape[1])


def _of_layer(
    coupling: Coupling,
    layer: Layer,
    weight: Array,
    sums: NormalEquations,
    energy: float,
    rule: Rule,
) -> Iterator[tuple[int, float]]:
    """Yield for every channel that a layer reads how much it matters there."""
    axis = 1 if layer.window or layer.is_turned else 0
    labels = coupling.trace.positions.roots(coupling.trace.axes[layer.weight][axis])
    if (labels == FROZEN).all():
        return
    groups = layer.window.groups if layer.window else 1
    matrix = layer.as_matrix(weight, groups)
    gram = sums.gram
    size = gram.shape[-1]
    inverse = None
    if rule == "reconstruction":
        damping = _DAMPING * np.trace(gram, axis1=1, axis2=2) / size + 1e-12
        inverse = np.linalg.inv(gram + damping[:, None, None] * np.eye(size))
    owner = np.repeat(labels, size // len(labels))
    for label in np.unique(labels[labels != FROZEN]).tolist():
        chosen = np.flatnonzero(owner == label)
        if inverse is None:
            lost = np.trace(gram[:, chosen][:, :, chosen], axis1=1, axis2=2).sum()
            yield label, float(lost / max(np.trace(gram, axis1=1, axis2=2).sum(), 1e-30))
            continue
        part = matrix[:, chosen]
        solved = np.linalg.solve(inverse[:, chosen][:, :, chosen], part)
        yield label, float(np.sum(part * solved) / max(energy, 1e-30))
