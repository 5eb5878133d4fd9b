"""Graphs with functions in place of what is defined by functions."""

from typing import Any

import onnx
import onnx_ir as ir
from onnx import inliner
from onnx_ir.passes.common import InlinePass

from tradewind.errors import ModelError
from tradewind.interpreter.table import TABLE
from tradewind.model import Model


def expanded(model: Model) -> ir.Model:
    """Return a copy of the graph without functions.

    Those of its own are put in place of their calls. So are ONNX's definitions of operators that
    the interpreter does not know but that ONNX defines by others; what is left cannot be
    computed.

    Raises:
        ModelError: the content is no ONNX graph, or its functions cannot be put in place.
    """
    graph = model.thaw()
    if graph.functions:
        try:
            InlinePass()(graph)
        except Exception as error:  # passes wrap whatever went wrong
            raise ModelError(model.origin.source, "functions to inline", f"{error}") from error
    proto = None
    for _ in range(_DEPTH):
        defined = sorted({one for one in unknown(graph) if _is_defined(*one)})
        if not defined:
            break
        proto = proto or ir.serde.serialize_model(graph)
        for one in defined:
            proto = _defined(proto, one)
        graph = ir.serde.deserialize_model(proto)
    return graph


_DEPTH = 3
"""Definitions use operators that are defined by others, no deeper than this."""


def _defined(proto: onnx.ModelProto, operator: tuple[str, str]) -> onnx.ModelProto:
    """Return a graph with an operator's definition in its place, or as it was."""
    try:
        typed = onnx.shape_inference.infer_shapes(proto)
        return inliner.inline_selected_functions(typed, [operator], inline_schema_functions=True)
    except Exception:  # its checks end in errors of the binding; the operator stays unknown
        return proto


def unknown(graph: ir.Model) -> set[tuple[str, str]]:
    """Return domain and name of every operator that has no function in the table."""
    nodes = graph.graph.all_nodes()
    return {(domain_of(node), node.op_type) for node in nodes} - set(TABLE)


def domain_of(node: ir.Node) -> str:
    """Return the domain of a node; ONNX's own is empty, however it is written."""
    return "" if node.domain == "ai.onnx" else node.domain


def missing_operators(model: Model) -> tuple[str, ...]:
    """Return the operators of a model that the interpreter cannot compute, sorted.

    Args:
        model: any graph; operators inside branches, loops and its own functions count.

    Returns:
        Names, behind their domain where that is not ONNX's own: `com.microsoft.Sampling`.

    Raises:
        ModelError: the model is no ONNX graph.
    """
    return named(unknown(expanded(model)))


def named(operators: set[tuple[str, str]]) -> tuple[str, ...]:
    """Return operators as they are spelled in messages, sorted."""
    return tuple(sorted(f"{domain}.{name}" if domain else name for domain, name in operators))


def _is_defined(domain: str, name: str) -> bool:
    if not onnx.defs.has(name, domain=domain):
        return False
    schema: Any = onnx.defs.get_schema(name, domain=domain)  # its stubs lack both
    return bool(schema.has_function or schema.has_context_dependent_function)
