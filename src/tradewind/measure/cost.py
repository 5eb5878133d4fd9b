"""What a graph costs on paper: parameters, multiplications, bytes."""

from collections import Counter
from dataclasses import dataclass
from math import prod

from tradewind.measure.multiplications import COUNTED, macs_of
from tradewind.measure.shaping import Shaped, shaped
from tradewind.model import Model


@dataclass(frozen=True)
class GraphCost:
    """What one example costs on paper.

    Args:
        parameters: numbers in all weights.
        weight_bytes: size of all weights.
        macs: multiply-accumulate operations of convolutions, matrix products and recurrent
            cells; None when a shape that they need is unknown.
        activation_bytes: every tensor between two operators, written once.
        operators: how often each operator occurs, the most frequent first.
    """

    parameters: int
    weight_bytes: int
    macs: int | None
    activation_bytes: int
    operators: dict[str, int]

    @property
    def arithmetic_intensity(self) -> float | None:
        """Operations per byte moved, 2 * MACs / (weights + activations)."""
        moved = self.weight_bytes + self.activation_bytes
        return None if self.macs is None or not moved else 2 * self.macs / moved


def graph_cost(model: Model) -> GraphCost:
    """Count what one example costs; symbolic batch sizes are taken as 1."""
    found = shaped(model)
    nodes = found.graph.node
    counted = [macs_of(node, found.shapes) for node in nodes if node.op_type in COUNTED]
    known = [macs for macs in counted if macs is not None]
    return GraphCost(
        parameters=sum(prod(shape) for shape in found.weights.values()),
        weight_bytes=round(sum(found.bytes_of(name) for name in found.weights)),
        macs=sum(known) if len(known) == len(counted) else None,
        activation_bytes=_activation_bytes(found),
        operators=dict(Counter(node.op_type for node in nodes).most_common()),
    )


def _activation_bytes(found: Shaped) -> int:
    graph = found.graph
    return round(
        sum(
            found.bytes_of(value.name) for value in [*graph.input, *graph.value_info, *graph.output]
        )
    )
