"""Uses of operators that a runtime answers wrongly, so that they are refused instead.

All were found with the tests that the ONNX package ships; `docs/reference/backend.md` says what
became of them. A rule can go once the runtime passes the tests without it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import onnx
import onnx_ir as ir

from tradewind.errors import UnsupportedModel
from tradewind.model import Model


@final
@dataclass(frozen=True)
class KnownWrong:
    """One use of one or more operators that a runtime answers wrongly."""

    operators: tuple[str, ...]
    is_meant: Callable[[ir.Node], bool]
    what: str  # names the use; reads well after "got"
    opsets: range = range(1_000)  # the versions of ONNX in which it is wrong


def refuse_known_wrong(model: Model, runtime: str, rules: Sequence[KnownWrong]) -> None:
    """Raise if the model holds what the runtime is known to answer wrongly.

    Args:
        model: what is about to be compiled.
        runtime: its name in the message.
        rules: what it is known for.

    Raises:
        UnsupportedModel: names the node.
        ModelError: the model is no ONNX graph.
    """
    opset = model.graph.opset_imports.get("", 0)
    known = [rule for rule in rules if opset in rule.opsets]
    for node in standard_nodes(model):
        for rule in known:
            if node.op_type in rule.operators and rule.is_meant(node):
                raise _refusal(model, node, runtime, rule.what)


def refuse_newer_attributes(model: Model, runtime: str, opset: int) -> None:
    """Raise if a node has an attribute or input that ONNX did not know at `opset`.

    A runtime that was written for that version reads the node as if it had none.

    Raises:
        UnsupportedModel: names the node with the attribute or input.
        ModelError: the model is no ONNX graph.
    """
    if model.graph.opset_imports.get("", 0) <= opset:
        return
    for node in standard_nodes(model):
        try:
            schema = onnx.defs.get_schema(node.op_type, opset, "")
        except onnx.defs.SchemaError:
            continue  # a whole operator that is newer, which the runtime names itself
        newer = [name for name in _told(model, node) if name not in schema.attributes]
        if newer:
            raise _refusal(model, node, runtime, f"`{newer[0]}`, which is newer than opset {opset}")
        if len(node.inputs) > schema.max_input:
            what = f"input {len(node.inputs)}, which is newer than opset {opset}"
            raise _refusal(model, node, runtime, what)


def standard_nodes(model: Model) -> Iterator[ir.Node]:
    """Yield every node of ONNX's own operators, those inside of others and functions too."""
    whole = model.graph
    graphs: tuple[ir.Graph | ir.Function, ...] = (whole.graph, *whole.functions.values())
    for graph in graphs:
        for node in ir.traversal.RecursiveGraphIterator(graph):
            if node.domain in ("", "ai.onnx"):
                yield node


def _told(model: Model, node: ir.Node) -> list[str]:
    """Return the attributes that say something else than their absence would."""
    opset = model.graph.opset_imports.get("", 0)
    defaults = onnx.defs.get_schema(node.op_type, opset, "").attributes
    return [
        name
        for name, attribute in node.attributes.items()
        if name not in defaults
        or onnx.helper.get_attribute_value(defaults[name].default_value)
        != onnx.helper.get_attribute_value(ir.to_proto(attribute))
    ]


def _refusal(model: Model, node: ir.Node, runtime: str, what: str) -> UnsupportedModel:
    name = f" {node.name}" if node.name else ""
    return UnsupportedModel(
        f"{model.origin.source}: {node.op_type}{name}",
        f"a use of it that {runtime} computes as ONNX defines it",
        what,
        "choose another engine, or export the model in another way.",
    )


def number(node: ir.Node, name: str, default: int = 0) -> int:
    """Return an attribute that is a whole number."""
    attribute = node.attributes.get(name)
    known = attribute is not None and attribute.type == ir.AttributeType.INT
    return attribute.as_int() if known and attribute is not None else default


def numbers(node: ir.Node, name: str) -> list[int]:
    """Return an attribute that is a list of whole numbers; empty where it is not given."""
    attribute = node.attributes.get(name)
    known = attribute is not None and attribute.type == ir.AttributeType.INTS
    return list(attribute.as_ints()) if known and attribute is not None else []


def word(node: ir.Node, name: str, default: str = "") -> str:
    """Return an attribute that is a text."""
    attribute = node.attributes.get(name)
    known = attribute is not None and attribute.type == ir.AttributeType.STRING
    return attribute.as_string() if known and attribute is not None else default


def has_input(node: ir.Node, position: int) -> bool:
    """Say whether an optional input is given."""
    return len(node.inputs) > position and node.inputs[position] is not None


def has_output(node: ir.Node, position: int) -> bool:
    """Say whether an optional output is asked for."""
    return len(node.outputs) > position and bool(node.outputs[position].name)


def is_constant(node: ir.Node, position: int) -> bool:
    """Say whether an input is known before the model is asked."""
    value = node.inputs[position] if has_input(node, position) else None
    return value is not None and ir.convenience.get_const_tensor(value) is not None
