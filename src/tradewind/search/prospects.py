"""What the variants seen until now say about those that are not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

from tradewind.engines import Engine, OnnxRuntime
from tradewind.model import Model
from tradewind.passes import Pass, PruneTrees, QuantizeDynamic
from tradewind.search.candidates import Graph, attends
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.risk import SAFE, risk
from tradewind.search.trials import Trial

QUANTIZES = "quantize"
"""How the names of the passes begin that end in whole numbers."""

MUCH, SOME, AHEAD = 0.67, 0.85, 1.15
"""int8 that costs less than so much of the original gains much; so much will not be had by other
settings of the default engine; an engine on which int8 costs so many times as much as on another is
behind."""

EASY = 0.1
"""Share of the budget up to which what a cut loses says that far more can go."""

TEACHER_LOSS, TEACHER_COST = 0.005, 0.7
"""What may be lost on the select split, and in what share of the original's time one has to
answer, to teach in its place."""

NEAR = 0.5
"""Share of the budget up to which what was cut may lose for more to be cut."""


@final
@dataclass(frozen=True)
class Prospects:
    """Decides what is worth trying next.

    Args:
        job: knows what is dear.
        baseline: the original.
        trials: what was looked at.
    """

    job: Job
    baseline: Trial
    trials: Sequence[Trial]

    def holds(self, graph: Graph) -> bool:
        """Say whether what was made of a graph loses so little that more may be cut."""
        share = 1.0 if _is_forest(graph) else NEAR
        return any(
            trial.select.drop <= share * self.job.budget.max_drop
            for trial in self._made_of(graph)
            if trial.select is not None
        )

    def holds_easily(self, graph: Graph) -> bool:
        """Say whether what was made of a graph loses so little that twice as much may be cut."""
        most = EASY * self.job.budget.max_drop
        return not _is_forest(graph) and any(
            trial.select.drop <= most for trial in self._made_of(graph) if trial.select is not None
        )

    def may_recover(self, graph: Graph) -> bool:
        """Say whether a graph that loses too much may lose less when it is cut further.

        Fewer trees may, and are soon made.
        """
        return _is_forest(graph) and any(True for _ in self._made_of(graph))

    def _made_of(self, graph: Graph) -> Iterator[Trial]:
        """Yield the variants of a graph that are quick enough and not hopeless."""
        count = len(graph.steps)
        for trial in self.trials:
            is_alone = not trial.refusals and not trial.plan.is_cascade
            if is_alone and trial.plan.last.graph.steps[:count] == graph.steps:
                yield trial

    def best_quantizer(self, likely: Sequence[Pass]) -> Pass | None:
        """Return what made the cheapest graph until now; None where int8 does not pay here."""
        cost = cost_of(self.job)
        quick = sorted((one for one in self.trials if not one.refusals), key=cost)
        if not quick:
            return likely[0] if likely else None
        steps = quick[0].plan.last.graph.steps
        found = [step for step in steps if step.name.startswith(QUANTIZES)]
        return found[-1] if found else None

    def teacher(self) -> Model:
        """Return what students are trained by: the original, or who stands in for it.

        Most of the time of short training goes into the teacher's answers. What loses next to
        nothing against the original and answers far sooner is as good a teacher.
        """
        original = self.baseline
        close = [
            one
            for one in self.trials
            if one.select is not None
            and one.select.drop < TEACHER_LOSS
            and one.example_s < TEACHER_COST * original.example_s
        ]
        best = min(close, key=lambda one: one.example_s, default=original)
        return best.plan.last.graph.model

    def place(self, engines: list[Engine]) -> tuple[bool, bool]:
        """Return what the order is sorted by in which engines are looked at.

        What computes with fewer bits is likelier to be ahead; and where answers per second count,
        OpenVINO, whose streams share one graph.
        """
        is_default = isinstance(engines[0], OnnxRuntime)
        return _is_exact(engines), is_default and self.job.budget.decides_under_load

    def can_wait(self, graph: Graph, engine: Engine) -> bool:
        """Say whether something else is likelier to help.

        Where int8 gains much and loses next to nothing, the graph in float will not catch up with
        it, least of all on the same engine. It does so in its own time on another one only if that
        int8 is likely to pass its test: the original in float passes, and is there if others fail.
        Nor will one engine with another that was clearly ahead
        with int8 before, nor what computes the rest of the same graph in more bits. Where answers
        per second count, ONNX Runtime rarely passes what gains much on OpenVINO; but what is
        quantized as it runs takes twice as long as the original on OpenVINO, wherever it was
        measured. So is attention in int8 slower than the original there, where sums of products
        saturate.
        """
        is_default = isinstance(engine, OnnxRuntime)
        is_dynamic = any(isinstance(step, QuantizeDynamic) for step in graph.steps)
        if not is_default and (is_dynamic or (self.is_rough and not graph.is_exact)):
            return True
        if graph.is_exact:
            return self._gains(SOME) if is_default else self._gains(MUCH, most=SAFE)
        if not self.is_good:
            return False
        cost = cost_of(self.job)
        rounded = [(cost(one), one.plan.last) for one in self.trials if not one.is_original]
        if any(
            stage.engine.name == engine.name and stage.graph.model.digest == graph.model.digest
            for _, stage in rounded
        ):
            return True
        here = [found for found, stage in rounded if stage.engine.name == engine.name]
        if not here:
            return is_default and self.job.budget.decides_under_load
        return min(here) > AHEAD * min(found for found, _ in rounded)

    @property
    def is_rough(self) -> bool:
        """Whether there is attention, on a processor where int8 gains it little."""
        return self.job.hardware.saturates and attends(self.job.model)

    @property
    def is_good(self) -> bool:
        """Whether int8 was seen to gain much and to lose next to nothing."""
        return self._gains(MUCH)

    def _gains(self, share: float, most: float = 1.0) -> bool:
        """Say whether a variant that loses next to nothing costs less than a share.

        Args:
            share: of what the original costs.
            most: risk that it may have to fail its test.
        """
        cost, baseline = cost_of(self.job), self.baseline
        return any(
            one.select is not None
            and one.select.drop < self.job.budget.max_drop / 2
            and cost(one) < share * cost(baseline)
            and (most == 1.0 or risk(self.job, one, one.select) <= most)
            for one in self.trials
            if not one.is_original
        )

    def slower_on(self, engine: str) -> float:
        """Return how much slower the original is on an engine, in its best arithmetic there."""
        cost, baseline = cost_of(self.job), self.baseline
        seen = [
            cost(one) / cost(baseline)
            for one in self.trials
            if one.plan.last.engine.name == engine and one.plan.last.graph.is_exact
        ]
        return min(seen, default=0.0)


def _is_forest(graph: Graph) -> bool:
    """Say whether a graph was made by leaving out trees."""
    return any(isinstance(step, PruneTrees) for step in graph.steps)


def _is_exact(engines: list[Engine]) -> bool:
    """Say whether engines compute in 32 bits."""
    return getattr(engines[0], "precision", "f32") == "f32"
