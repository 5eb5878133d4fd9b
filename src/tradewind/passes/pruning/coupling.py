"""Which channels of a graph go together, found by following all of them through it."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import LiftConstantsToInitializersPass

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.inner import shapes_inside
from tradewind.passes.pruning.moving import MOVING
from tradewind.passes.pruning.positions import FROZEN, Labels
from tradewind.passes.pruning.rules import COMPUTING, stop
from tradewind.passes.pruning.tracing import Kept, Product, Tracing, is_weight, name_of
from tradewind.tensors import Array, Tensors

_RULES = {**COMPUTING, **MOVING}


@dataclass(frozen=True)
class Group:
    """Channels of one kind: each can go by itself, and all touch the same weights.

    Args:
        channels: the label of each.
        weights: the axes of weights that they lie along.
    """

    channels: Labels
    weights: frozenset[tuple[str, int]]

    @property
    def name(self) -> str:
        """The weight that comes first in the alphabet."""
        return min(self.weights)[0]


@dataclass(frozen=True)
class Coupling:
    """The channels of a graph.

    Args:
        graph: what was followed; shared, look but do not change.
        trace: the labels of everything in it.
        groups: what may be cut.
    """

    graph: ir.Model
    trace: Tracing
    groups: tuple[Group, ...]

    @property
    def products(self) -> tuple[Product, ...]:
        """The nodes that multiply."""
        return tuple(self.trace.products)

    def keeping(self, gone: Collection[int]) -> Kept:
        """Return what tells which positions stay when the channels `gone` are cut."""
        lost = np.array(sorted(gone), np.int64)

        def kept(labels: Labels) -> Array:
            return ~np.isin(self.trace.positions.roots(labels), lost)

        return kept

    def macs(self, kept: Kept) -> int:
        """Count the multiplications that remain, for the examples that were looked at."""
        return sum(round(one.macs * share_of(one, kept)) for one in self.products)


def share_of(product: Product, kept: Kept) -> float:
    """Return which share of a product's multiplications remains."""
    shares = [np.mean(kept(labels)) for labels in product.sides if len(labels)]
    return float(np.prod(shares))


def couple(model: Model, inputs: Tensors, *, heads: bool) -> Coupling:
    """Follow all channels through a graph.

    What is not understood is frozen, with all that is connected to it: a cut that was found
    leaves a graph whose answers are those of the whole one with these channels set to zero.

    Args:
        model: the graph; it stays as it was.
        inputs: a few examples, from which shapes are learned.
        heads: whether attention loses whole heads, or the same share of each.

    Raises:
        PassError: ONNX Runtime cannot run the model, so that its shapes are unknown.
    """
    graph = prepared(model)
    frame = model.with_graph(graph)
    trace = Tracing(shapes_inside(frame, inputs), heads)
    for node in graph.graph:
        _follow(trace, node)
    trace.freeze(*graph.graph.outputs)
    return Coupling(graph, trace, tuple(_groups(trace, graph.graph)))


def prepared(model: Model) -> ir.Model:
    """Return a copy of the graph whose constants are all among its weights."""
    graph = model.thaw()
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(graph)
    graph.ir_version = max(graph.ir_version, 4)  # before it weights are inputs too
    weights = graph.graph.initializers
    for value in [value for value in graph.graph.inputs if name_of(value) in weights]:
        graph.graph.inputs.remove(value)
        weights[name_of(value)] = value
    return graph


def _follow(trace: Tracing, node: ir.Node) -> None:
    for attribute in node.attributes.values():
        if attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS):
            _freeze_captured(trace, attribute)
    rule = _RULES.get(node.op_type, stop) if node.domain in ("", "ai.onnx") else stop
    try:
        rule(trace, node)
    except (ValueError, IndexError, KeyError) as error:
        raise PassError(
            f"{node.op_type} {node.name or name_of(node.outputs[0])}",
            "an operator as ONNX defines it",
            f"{type(error).__name__}: {error}",
        ) from error


def _freeze_captured(trace: Tracing, attribute: ir.Attr) -> None:
    """Freeze what a graph inside a node takes from outside."""
    graphs = (
        [attribute.as_graph()]
        if attribute.type == ir.AttributeType.GRAPH
        else (attribute.as_graphs())
    )
    for graph in graphs:
        for inner in graph.all_nodes():
            trace.freeze(*(value for value in inner.inputs if value and value.name in trace.axes))
            trace.freeze(*(value for value in inner.inputs if value and is_weight(value)))


def _groups(trace: Tracing, graph: ir.Graph) -> Iterator[Group]:
    """Yield channels that are summed over somewhere, by the weights that they touch."""
    touched: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
    for name in graph.initializers:
        for axis, labels in enumerate(trace.axes.get(name, [])):
            for root in np.unique(trace.positions.roots(labels)).tolist():
                touched[root].add((name, axis))
    summed: set[int] = set()
    for product in trace.products:
        summed |= set(trace.positions.roots(product.inner).tolist())
    kinds: defaultdict[frozenset[tuple[str, int]], list[int]] = defaultdict(list)
    for root in sorted(touched):
        if root != FROZEN and root in summed:
            kinds[frozenset(touched[root])].append(root)
    for weights, roots in kinds.items():
        if len(roots) > 1:
            yield Group(np.array(roots, np.int64), weights)
