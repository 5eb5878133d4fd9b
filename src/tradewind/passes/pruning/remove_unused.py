"""What does nothing, taken out."""

from dataclasses import dataclass
from typing import ClassVar, final

import onnx_ir as ir
from onnx_ir.passes.common import (
    IdentityEliminationPass,
    RemoveUnusedNodesPass,
    RemoveUnusedOpsetsPass,
)

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.contract import Change, Needs, Observed, Pass
from tradewind.passes.pruning.tracing import constant

_IDEMPOTENT = ("Relu", "Abs", "Ceil", "Floor", "Round", "Sign")
"""Applied twice they do what they do once."""


@final
@dataclass(frozen=True)
class RemoveUnused(Pass):
    """Remove what no output depends on, what only training needs, and what does nothing."""

    name: ClassVar[str] = "remove_unused"
    is_lossless: ClassVar[bool] = True

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        graph = model.thaw()
        before = sum(1 for _ in graph.graph.all_nodes())
        try:
            for node in list(graph.graph):
                if _does_nothing(node):
                    _skip(node)
            ir.passes.Sequential(
                IdentityEliminationPass(),
                RemoveUnusedNodesPass(),
                RemoveUnusedOpsetsPass(),
            )(graph)
        except Exception as error:  # third-party passes fail in ways of their own
            raise PassError(
                model.origin.source,
                "a graph whose use can be followed",
                f"{type(error).__name__}: {error}",
            ) from error
        after = sum(1 for _ in graph.graph.all_nodes())
        changed = model.with_graph(graph)
        sizes = f"{len(model.content)} bytes {len(changed.content)}"
        return Change(changed, f"{before} nodes became {after}, {sizes}")

    @property
    def label(self) -> str:
        return "without what is unused"


def _does_nothing(node: ir.Node) -> bool:
    """Say whether a node hands on its first input; one that is an output of the graph stays."""
    if node.domain not in ("", "ai.onnx") or node.outputs[0].is_graph_output():
        return False
    data = node.inputs[0] if node.inputs else None
    if data is None:
        return False
    if node.op_type == "Dropout":
        is_training = node.inputs[2] if len(node.inputs) > 2 else None
        known = constant(is_training)
        is_idle = is_training is None or (known is not None and not known.any())
        mask = node.outputs[1] if len(node.outputs) > 1 else None
        is_read = mask is not None and (mask.is_graph_output() or len(list(mask.uses())) > 0)
        return is_idle and not is_read
    if node.op_type in _IDEMPOTENT:
        maker = data.producer()
        return maker is not None and maker.op_type == node.op_type
    return False


def _skip(node: ir.Node) -> None:
    source = node.inputs[0]
    if source is not None:
        ir.convenience.replace_all_uses_with(node.outputs[0], source)
