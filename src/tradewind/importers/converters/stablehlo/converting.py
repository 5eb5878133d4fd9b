"""A whole StableHLO module as one ONNX graph."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import onnx
from onnx import helper

from .contracting import CONTRACTING
from .control import CONTROL
from .elementwise import ELEMENTWISE, fold
from .picking import PICKING
from .reading import Operation, typed
from .reducing import REDUCING
from .shaping import SHAPING
from .writing import OPSET, Graph, Value, refused, value_info

OPERATORS: dict[str, Callable[[Operation], list[Value]]] = {
    **ELEMENTWISE, **SHAPING, **CONTRACTING, **REDUCING, **PICKING, **CONTROL,
}  # fmt: skip
"""Every operator that can be converted."""

_INNER = "_wrapped_jax_export_main"
_RETURNS = ("stablehlo.return", "func.return")


class Converter:
    """Writes one module.

    Args:
        module: of MLIR, with a function `main`.
    """

    def __init__(self, module: Any) -> None:
        self.graph = Graph()
        self._functions = {str(f.name).strip('"'): f for f in module.body.operations}
        self._check()

    def said(self) -> list[str]:
        """Return what the arguments were called in the source; empty where that is lost."""
        count = len(self._block("main").arguments)
        # with sizes that may vary, `main` only measures them and calls this
        name = _INNER if _INNER in self._functions else "main"
        arguments = list(self._block(name).arguments)[-count:]
        found = [re.fullmatch(r'loc\("(.+)"\)', str(item.location)) for item in arguments]
        return [match.group(1) if match else "" for match in found]

    def convert(
        self,
        inputs: Sequence[str],
        outputs: Sequence[str],
        weights: Mapping[int, Any],
        batch: Sequence[Sequence[str | None]],
    ) -> onnx.ModelProto:
        """Return the graph of `main`.

        Args:
            inputs: the name of every argument.
            outputs: the name of every result.
            weights: the arguments that are constant, by position.
            batch: for every argument, the names of the sizes that may vary.
        """
        arguments = [typed(argument.type) for argument in self._block("main").arguments]
        declared = []
        for index, (value, name) in enumerate(zip(arguments, inputs, strict=True)):
            if index in weights:
                value.known = weights[index]
                continue
            value.name = name
            info = value_info(name, value)
            for size, symbol in zip(info.type.tensor_type.shape.dim, batch[index], strict=True):
                if symbol is not None:
                    size.dim_param = symbol
            declared.append(info)
        results = self.run("main", arguments)
        given = []
        for name, value in zip(outputs, results, strict=True):
            self.graph.nodes.append(
                helper.make_node("Identity", [self.graph.name(value)], [name], name)
            )
            given.append(value_info(name, value))
        return self._assembled(declared, given)

    def run(self, where: Any, values: list[Value]) -> list[Value]:
        """Write a block, or a function by its name, and return what it gives back."""
        block = self._block(where) if isinstance(where, str) else where
        scope = dict(zip(block.arguments, values, strict=True))
        self._scopes.append(scope)
        try:
            return self._written(block, scope)
        finally:
            self._scopes.pop()

    def _written(self, block: Any, scope: dict[Any, Value]) -> list[Value]:
        for view in block.operations:
            inputs = [self._found(operand) for operand in view.operation.operands]
            if str(view.operation.name) in _RETURNS:
                return inputs
            op = Operation(view, self.graph, inputs, self.run, self._found)
            values = fold(op) or OPERATORS[op.kind](op)
            for result, value in zip(view.operation.results, values, strict=False):
                scope[result] = value
        raise AssertionError

    _scopes: list[dict[Any, Value]]

    def _found(self, operand: Any) -> Value:
        for scope in reversed(self._scopes):
            found: Value | None = scope.get(operand)
            if found is not None:
                return found
        raise AssertionError(operand)

    def _block(self, name: str) -> Any:
        return self._functions[name].regions[0].blocks[0]

    def _check(self) -> None:
        """Raise where the module holds what has no converter, before anything is written."""
        self._scopes = []
        strange: set[str] = set()

        def look(operations: Any) -> None:
            for view in operations:
                name = str(view.operation.name)
                dialect, _, kind = name.partition(".")
                if kind not in OPERATORS and name not in _RETURNS and name != "func.func":
                    strange.add(name if dialect != "stablehlo" else kind)
                for region in view.operation.regions:
                    for block in region.blocks:
                        look(block.operations)

        for function in self._functions.values():
            for block in function.regions[0].blocks:
                look(block.operations)
        if strange:
            raise refused("operators that can be written in ONNX", ", ".join(sorted(strange)))

    def _assembled(
        self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        wanted = {value.name for value in outputs}
        kept = []
        for node in reversed(self.graph.nodes):
            if wanted.intersection(node.output):
                wanted.update(_needed(node))
                kept.append(node)
        weights = [tensor for tensor in self.graph.initializers if tensor.name in wanted]
        graph = helper.make_graph(kept[::-1], "jax", inputs, outputs, weights)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=8, producer_name="tradewind"
        )


def _needed(node: onnx.NodeProto) -> set[str]:
    found = set(node.input)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            found.update(*(_needed(inner) for inner in attribute.g.node))
            found.update(value.name for value in attribute.g.output)
    return found
