"""Constant folding with operator fusion."""

from dataclasses import dataclass
from typing import ClassVar, final

import onnx_ir as ir
from onnx_ir.passes.common import (
    CommonSubexpressionEliminationPass,
    RemoveUnusedNodesPass,
    RemoveUnusedOpsetsPass,
)

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass


@final
@dataclass(frozen=True)
class Fold(Pass):
    """Compute what does not depend on the input, fuse what can be one operator."""

    name: ClassVar[str] = "fold"
    is_lossless: ClassVar[bool] = True

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        # imported here because it costs half a second that serving never needs
        from onnxscript import optimizer, rewriter

        graph = model.thaw()
        before = _count(graph)
        try:
            optimizer.optimize_ir(graph)
            rewriter.rewrite(graph)
            ir.passes.Sequential(
                CommonSubexpressionEliminationPass(),
                RemoveUnusedNodesPass(),
                RemoveUnusedOpsetsPass(),
            )(graph)
        except Exception as error:  # third-party rules fail in ways of their own
            raise PassError(
                model.origin.source,
                "a graph that can be folded",
                f"{type(error).__name__}: {error}",
            ) from error
        return Change(model.with_graph(graph), f"{before} nodes became {_count(graph)}")

    @property
    def label(self) -> str:
        return "fold"


def _count(graph: ir.Model) -> int:
    return sum(1 for _ in graph.graph.all_nodes())
