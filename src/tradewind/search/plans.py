"""How a variant answers: one graph on an engine, or a cascade of such."""

from dataclasses import dataclass, replace
from typing import Self

from tradewind.engines import Engine, OnnxRuntime, OpenVINO, PyTorch, compile_stages
from tradewind.model import Model
from tradewind.runners import ConfidenceRule, Runner
from tradewind.search.candidates import Graph, variant_name


@dataclass(frozen=True)
class Stage:
    """A graph on an engine."""

    graph: Graph
    engine: Engine

    @property
    def name(self) -> str:
        """A name that can be typed."""
        return variant_name(self.graph, self.engine)

    @property
    def label(self) -> str:
        """What was done to the graph, and what runs it."""
        return f"{self.graph.label} on {self.engine.label}"

    @property
    def is_original(self) -> bool:
        """Whether graph and arithmetic are the original's, up to the order of summation."""
        exact = getattr(self.engine, "precision", "f32") == "f32"
        return self.graph.is_exact and exact

    @property
    def part(self) -> tuple[Model, Engine]:
        """What is compiled."""
        return self.graph.model, self.engine

    def resting(self) -> "Stage":
        """Return the stage with threads that do not wait busily while another stage computes."""
        if not isinstance(self.engine, OnnxRuntime) or self.engine.threads == 1:
            return self
        return replace(self, engine=replace(self.engine, spin=False))

    def quick_at(self, *sizes: int) -> "Stage":
        """Return the stage with code of its own for just these batch sizes, where that helps."""
        if not isinstance(self.engine, OpenVINO) or self.graph.model.signature.fixed_batch:
            return self
        return replace(self, engine=replace(self.engine, batch_sizes=tuple(sorted({*sizes}))))


@dataclass(frozen=True)
class Plan:
    """Stages, the cheapest first, with the rules by which answers stand.

    Args:
        stages: one, or those of a cascade.
        rules: for every stage but the last.
    """

    stages: tuple[Stage, ...]
    rules: tuple[ConfidenceRule, ...] = ()

    @classmethod
    def alone(cls, graph: Graph, engine: Engine) -> Self:
        """Return the plan of one graph on an engine."""
        return cls((Stage(graph, engine),))

    def compile(self) -> Runner:
        """Prepare all stages for answering on this machine.

        Raises:
            EngineError: an engine cannot run its graph.
        """
        return compile_stages([stage.part for stage in self.stages], self.rules)

    @property
    def last(self) -> Stage:
        """The stage that always answers."""
        return self.stages[-1]

    @property
    def is_cascade(self) -> bool:
        """Whether the time of an answer depends on the example."""
        return len(self.stages) > 1

    @property
    def is_original(self) -> bool:
        """Whether it answers as the original does, up to the order of summation."""
        return not self.is_cascade and self.last.is_original

    @property
    def may_use_gpu(self) -> bool:
        """Whether a stage runs on a GPU where there is one."""
        engines = [stage.engine for stage in self.stages]
        return any(isinstance(one, PyTorch) and one.device != "cpu" for one in engines)

    @property
    def name(self) -> str:
        """A name that can be typed; two cascades of the same stages share one."""
        return "-then-".join(stage.name for stage in self.stages)

    @property
    def label(self) -> str:
        """What answers, in words."""
        rules = [f" ({rule.label})" for rule in self.rules] + [""]
        parts = [stage.label + rule for stage, rule in zip(self.stages, rules, strict=True)]
        return ", then ".join(parts)

    @property
    def size_bytes(self) -> int:
        """The size of all graphs, each counted once."""
        graphs = {stage.graph.model.digest: stage.graph.model for stage in self.stages}
        return sum(len(model.content) for model in graphs.values())
