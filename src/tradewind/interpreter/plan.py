"""The nodes of a graph in the order in which they are computed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import onnx_ir as ir

from tradewind.errors import EngineError, TradewindError, UnsupportedModel
from tradewind.interpreter.datatypes import Datatypes
from tradewind.interpreter.expanding import domain_of
from tradewind.interpreter.node import Node
from tradewind.interpreter.operator import Operator
from tradewind.interpreter.pytorch import Tensor
from tradewind.interpreter.table import TABLE

Values = dict[str, Tensor]
"""Tensors by their ONNX name."""


@final
@dataclass(frozen=True)
class Step:
    """One node with the names of what it reads and writes.

    Args:
        node: what is computed.
        operator: what computes it.
        inputs: names in order, empty for one that is left out.
        outputs: the same of the results.
        last: names that no later step of the graph reads.
    """

    node: Node
    operator: Operator
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last: tuple[str, ...]


@final
@dataclass(frozen=True)
class Plan:
    """A graph that is ready to be computed.

    Args:
        inputs: names of what goes in.
        outputs: names of what comes out.
        constants: tensors that belong to the graph.
        steps: every node, each after those that it depends on.
        device: where tensors are that are not read as Python numbers.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Tensor]
    steps: tuple[Step, ...]
    device: str

    def run(self, values: Values, keep: Collection[str] = ()) -> None:
        """Add every result to `values`; those that nothing reads any more leave it again.

        Args:
            values: the inputs and what else the nodes read; changed in place.
            keep: names that stay although nothing reads them.

        Raises:
            EngineError: PyTorch could not compute a node; names it.
        """
        values.update(self.constants)
        for step in self.steps:
            self._compute(step, values)
            for name in step.last:
                if name not in keep:
                    values.pop(name, None)

    def call(self, outside: Values, given: list[Tensor]) -> list[Tensor]:
        """Compute a graph inside a node, which sees all that its surroundings know."""
        values = {**outside, **dict(zip(self.inputs, given, strict=True))}
        self.run(values)
        return [values[name] for name in self.outputs]

    def _compute(self, step: Step, values: Values) -> None:
        given = [values[name] if name else None for name in step.inputs]
        if self.device != "cpu":
            given = [*self._placed(step.operator, given)]
        scope = (values,) if step.operator.takes_scope else ()
        try:
            made = step.operator.function(step.node, *scope, *given)
        except TradewindError:
            raise
        except Exception as error:  # PyTorch raises whatever its parts raise
            shapes = ", ".join("-" if one is None else str(list(one.shape)) for one in given)
            raise EngineError(
                f"{step.node.where} ({step.node.op})",
                f"inputs that fit each other, of shapes {shapes}",
                f"{error}".splitlines()[0] if f"{error}" else type(error).__name__,
            ) from error
        results = made if isinstance(made, tuple) else (made,)
        for name, tensor in zip(step.outputs, results, strict=False):
            if name and tensor is not None:
                values[name] = tensor

    def _placed(self, operator: Operator, given: list[Tensor | None]) -> Iterator[Tensor | None]:
        """Yield inputs on one device, unless all are on the CPU, where shapes are computed."""
        away = any(one is not None and one.device.type != "cpu" for one in given)
        for position, one in enumerate(given):
            is_host = position in operator.host or not away
            yield one if one is None or is_host else one.to(self.device)


def planned(
    graph: ir.Graph,
    where: str,
    opsets: Mapping[str, int],
    builder: "Builder",
    outside: frozenset[str] = frozenset(),
) -> Plan:
    """Return the plan of a graph.

    Args:
        graph: of a model, or of an attribute.
        where: what to call it in messages.
        opsets: the version of each domain.
        builder: how tensors are made.
        outside: names that a graph inside a node finds around it.

    Raises:
        UnsupportedModel: a node reads what nothing makes; names it.
    """
    nodes = list(graph)
    given = tuple(value.name or "" for value in graph.inputs)
    outputs = tuple(value.name or "" for value in graph.outputs)
    last = _last_uses(nodes, outputs)
    constants = builder.constants(graph, where)
    known = {"", *outside, *given, *constants, *builder.lifted}
    steps = []
    for at, node in enumerate(nodes):
        spot = f"{where}: {node.name or node.op_type}"
        inputs = tuple(value.name or "" if value is not None else "" for value in node.inputs)
        if unknown := [name for name in inputs if name not in known]:
            raise UnsupportedModel(spot, "inputs that the graph has", unknown[0])
        domain = domain_of(node)
        made = tuple(value.name or "" for value in node.outputs)
        computed = builder.node(node, domain, spot, opsets, frozenset(known))
        steps.append(Step(computed, TABLE[domain, node.op_type], inputs, made, last[at]))
        known.update(made)
    if unknown := [name for name in outputs if name not in known]:
        raise UnsupportedModel(where, "outputs that a node makes", unknown[0])
    return Plan(given, outputs, constants, tuple(steps), builder.device)


def _last_uses(nodes: list[ir.Node], outputs: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return, for every node, the results of this graph that it is the last to read."""
    made = {value.name for node in nodes for value in node.outputs}
    seen: set[str] = set(outputs)
    found: list[tuple[str, ...]] = []
    for node in reversed(nodes):
        read = _read(node) | {value.name or "" for value in node.outputs}
        fresh = tuple(sorted(name for name in read & made - seen if name))
        seen.update(fresh)
        found.insert(0, fresh)
    return found


def _read(node: ir.Node) -> set[str]:
    """Return the names that a node reads, also by way of the graphs inside it."""
    names = {value.name or "" for value in node.inputs if value is not None}
    for attribute in node.attributes.values():
        if attribute.type is ir.AttributeType.GRAPH:
            names |= {name for inner in attribute.as_graph() for name in _read(inner)}
            names |= {value.name or "" for value in attribute.as_graph().outputs}
    return names


_QUANTIZERS = {"QLinearConv": 7, "QLinearMatMul": 7, "QuantizeLinear": 2}
"""Where an operator has the number that stands for 0, whose type is that of its result."""


@final
@dataclass(frozen=True)
class Builder:
    """Makes what a plan is put together from.

    Args:
        datatypes: which PyTorch type stands for an ONNX type.
        device: where constants are put.
        lifted: names of constants that somebody else provides.
    """

    datatypes: Datatypes
    device: str
    lifted: frozenset[str]

    def node(
        self,
        node: ir.Node,
        domain: str,
        where: str,
        opsets: Mapping[str, int],
        known: frozenset[str],
    ) -> Node:
        """Return a node with its attributes; graphs among them become plans."""
        attributes: dict[str, Any] = {}
        for name, attribute in node.attributes.items():
            if attribute.type is ir.AttributeType.GRAPH:
                attributes[name] = planned(attribute.as_graph(), where, opsets, self, known)
            else:
                attributes[name] = attribute.value
        if node.op_type in _QUANTIZERS:
            zero = node.inputs[_QUANTIZERS[node.op_type] :][:1]
            if zero and zero[0] is not None and zero[0].dtype is not None:
                attributes["output_dtype"] = zero[0].dtype  # a tensor may hold it in a wider type
        wanted = [at for at, value in enumerate(node.outputs, 1) if value.name]
        outputs = max(wanted, default=1)
        opset = node.version or opsets.get(domain, 1)
        return Node(node.op_type, domain, opset, where, outputs, attributes, self.datatypes)

    def constants(self, graph: ir.Graph, where: str) -> dict[str, Tensor]:
        """Return the tensors of a graph; those in floating point are put on the device."""
        found: dict[str, Tensor] = {}
        for name, value in graph.initializers.items():
            if name in self.lifted or value.const_value is None:
                continue
            tensor = self.datatypes.tensor(value.const_value, f"{where}: {name}")
            found[name] = tensor.to(self.device) if tensor.is_floating_point() else tensor
        return found
