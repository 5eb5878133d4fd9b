"""Every operator that the interpreter computes."""

from collections.abc import Mapping

import onnx_ir as ir

from tradewind.interpreter import (
    activations,
    control,
    convolutions,
    elementwise,
    indexing,
    normalizing,
    pooling,
    products,
    recurrent,
    reductions,
    shapes,
    steps,
)
from tradewind.interpreter.operator import Operator
from tradewind.model import Model

ONNX = ""
MICROSOFT = "com.microsoft"

_ONNX: Mapping[str, Operator] = {
    **activations.OPERATORS,
    **control.OPERATORS,
    **convolutions.OPERATORS,
    **elementwise.OPERATORS,
    **indexing.OPERATORS,
    **normalizing.OPERATORS,
    **pooling.OPERATORS,
    **products.OPERATORS,
    **recurrent.OPERATORS,
    **reductions.OPERATORS,
    **shapes.OPERATORS,
    **steps.OPERATORS,
}
TABLE: Mapping[tuple[str, str], Operator] = {
    **{(ONNX, name): operator for name, operator in _ONNX.items()},
    **{(MICROSOFT, name): operator for name, operator in steps.OPERATORS.items()},
}
"""By domain and name; ONNX's own domain is empty."""


def missing_operators(model: Model) -> tuple[str, ...]:
    """Return the operators of a model that the interpreter does not know, sorted.

    Args:
        model: any graph; operators inside branches, loops and its own functions count.

    Returns:
        Names, behind their domain where that is not ONNX's own: `com.microsoft.Sampling`.

    Raises:
        ModelError: the model is no ONNX graph.
    """
    graph = model.graph
    nodes = list(graph.graph.all_nodes())
    nodes += [node for function in graph.functions.values() for node in function.all_nodes()]
    own = {(function.domain, function.name) for function in graph.functions.values()}
    found = {(_domain(node), node.op_type) for node in nodes} - own
    return tuple(sorted(_spelled(*one) for one in found - set(TABLE)))


def _domain(node: ir.Node) -> str:
    return "" if node.domain == "ai.onnx" else node.domain


def _spelled(domain: str, name: str) -> str:
    return f"{domain}.{name}" if domain else name
