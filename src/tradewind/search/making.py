"""Graphs made from the original, each checked before anybody relies on it."""

from collections.abc import Callable
from dataclasses import replace

from tradewind.engines import OnnxRuntime
from tradewind.errors import TradewindError
from tradewind.model import Model
from tradewind.passes import (
    Change,
    Distil,
    Fold,
    Observed,
    Pass,
    QuantizeStatic,
    RevertLayers,
    Smooth,
    UpgradeOpset,
    Workshop,
    apply_isolated,
    check,
)
from tradewind.search.candidates import Graph
from tradewind.search.recalling import Recall
from tradewind.tensors import Tensors

MIN_OPSET = 13
"""From here on weights can be quantized channel by channel."""


class Maker:
    """Applies passes to one model.

    Args:
        model: the original.
        observe: returns that many calibration examples, or as many as there are.
        sample: a few real inputs on which every graph is compared with the original.
        recall: what earlier searches made; nothing when None.
        isa: of this machine.
        workshop: where passes are applied; each in a process that starts from nothing when None.
    """

    def __init__(
        self,
        model: Model,
        observe: Callable[[int], Observed],
        sample: Tensors,
        recall: Recall | None = None,
        isa: tuple[str, ...] = (),
        workshop: Workshop | None = None,
    ) -> None:
        self.teacher = model  # whose answers students are trained on
        self._model = model
        self._recall = recall or Recall()
        self._isa = isa
        self._workshop = workshop
        self._observe = observe
        self._sample = sample
        self._digests = {model.digest}
        self._before: dict[str, Model] = {}
        self._smoothed: dict[str, QuantizeStatic] = {}

    def base(self, timeout_s: float) -> tuple[Graph, list[str]]:
        """Return the graph that other passes start from, and what could not be done to it."""
        graph, troubles = Graph((), self._model, "as it was given"), []
        is_new = _opset(self._model) >= MIN_OPSET
        steps: list[Pass] = [Fold()] if is_new else [UpgradeOpset(MIN_OPSET), Fold()]
        for step in steps:
            try:
                found = self.apply(graph, step, timeout_s)
            except TradewindError as error:
                troubles.append(str(error))
            else:
                graph = found or graph
        return graph, troubles

    def apply(self, graph: Graph, step: Pass, timeout_s: float) -> Graph | None:
        """Return the graph after one more pass; None when that makes nothing new.

        Raises:
            PassError: the pass failed, or its result did not pass the check.
        """
        seen = self._observe(step.needs(graph.model).examples)
        if isinstance(step, Distil):
            seen = replace(seen, original=self.teacher)
        if isinstance(step, RevertLayers):
            seen = replace(seen, original=self.before(graph.model, timeout_s))
        change = self._recall.change(
            step,
            graph.model,
            seen,
            self._isa,
            lambda: self._isolated(step, graph.model, seen, timeout_s),
        )
        if change.model.digest in self._digests:
            return None
        if step.is_lossless and _is_same(graph.model, change.model):
            return None
        if step.is_lossless:  # others are judged on every engine, not all of which may run them
            check(self._model, change.model, self._sample, OnnxRuntime(), is_lossless=True)
        self._digests.add(change.model.digest)
        self._before[change.model.digest] = graph.model
        if isinstance(step, QuantizeStatic) and step.smooths:
            self._smoothed[change.model.digest] = step
        return Graph((*graph.steps, step), change.model, change.summary)

    def before(self, model: Model, timeout_s: float) -> Model:
        """Return the float graph that was rounded to an int8 one; others are their own.

        Raises:
            PassError: what was done before rounding could not be done again.
        """
        given = self._before.get(model.digest, model)
        step = self._smoothed.pop(model.digest, None)
        if step is not None:  # it moved scales between layers first, from the same examples
            again = Smooth(examples=step.examples)
            given = self._isolated(again, given, self._observe(step.examples), timeout_s).model
            self._before[model.digest] = given
        return given

    def _isolated(self, step: Pass, model: Model, seen: Observed, timeout_s: float) -> Change:
        """Apply a pass in a process of its own.

        Raises:
            PassError: it failed.
        """
        if self._workshop is None or isinstance(step, Distil):  # a GPU is no friend of forks
            return apply_isolated(step, model, seen, timeout_s)
        return apply_isolated(step, model, seen, timeout_s, self._workshop.run)


def _opset(model: Model) -> int:
    return model.graph.opset_imports.get("", 0)


def _is_same(before: Model, after: Model) -> bool:
    """Say whether both graphs run the same operators; serializing alone changes bytes."""
    return _operators(before) == _operators(after)


def _operators(model: Model) -> list[tuple[str, int]]:
    opset = _opset(model)
    return [(node.op_type, opset) for node in model.graph.graph.all_nodes()]
