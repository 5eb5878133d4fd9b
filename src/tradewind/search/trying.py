"""The stage in which variants are made and looked at, one after the other."""

from collections.abc import Sequence

from tradewind.bundle import CASCADE, Refusal
from tradewind.engines import Engine
from tradewind.errors import TradewindError
from tradewind.model import Model
from tradewind.passes import Pass, PruneTrees, QuantizeNNCF, RevertLayers
from tradewind.search.candidates import Graph, quantizers, short, variant_name
from tradewind.search.cascades import Proposal, propose
from tradewind.search.certifying import WORTHWHILE
from tradewind.search.comparing import at_another_threshold
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.making import Maker
from tradewind.search.mixing import Mixer, mixable
from tradewind.search.progress import Progress
from tradewind.search.screening import Screen, reason_of
from tradewind.search.shrinking import Recipe, has_time, limit_s, recipes, within
from tradewind.search.timetable import timetable
from tradewind.search.trials import Trial

_LEAST_S = 1.0
_NO_TIME = "not tried: time ran out"
_NO_CASCADE = "none would be cheaper than the best variant alone and keep the promise"

_NO_QUANTIZER = (RevertLayers, PruneTrees)

FAR_TOO_SLOW = 4.0
"""int8 gains about so much at best: an engine that is slower by more will not make up for it."""

MUCH, AHEAD = 0.67, 1.15
"""int8 that costs less than so much of the original gains much; an engine on which int8 costs so
many times as much as on another is behind."""

TEACHER_LOSS, TEACHER_COST = 0.005, 0.7
"""What may be lost on the select split, and in what share of the original's time one has to
answer, to teach in its place."""


class Attempts:
    """What was tried, until time ran out or somebody interrupted.

    Args:
        job: what the search works on.
        screen: looks at variants.
        progress: is told what happens.
    """

    def __init__(self, job: Job, screen: Screen, progress: Progress) -> None:
        self.trials: list[Trial] = []
        self.refused: list[Refusal] = []
        self.is_complete = True
        self._mixed: set[str] = set()
        self._later: list[tuple[Graph, list[Engine]]] = []
        self._job = job
        self._screen = screen
        self._told = progress
        self._shares = timetable(job, screen.baseline.trial)
        # time is kept for cascades where there may be any
        self._screened = self._shares.cascaded if screen.no_cascade else self._shares.screened
        self._until = self._screened
        screen.extend(self._screened)

    def _extend(self, share: float) -> None:
        """Allow looks until another share of the time has passed."""
        self._until = share
        self._screen.extend(share)

    def run(self) -> None:
        """Try single graphs in the order in which they pay most often, then cascades of them."""
        job = self._job
        maker = Maker(job.model, job.observe, job.sample(), job.recall, job.hardware.isa)
        self._told.begin("trying variants")
        # while there is nothing to certify, half of the time for that is better spent here
        self._extend((self._shares.settled + self._shares.certified) / 2)
        base, troubles = maker.base(max(self._left_s, _LEAST_S))
        self.refused += [Refusal("fold", trouble.splitlines()[0]) for trouble in troubles]
        is_hurried = job.settings.patience < 1
        likely = quantizers(job.model, "quick", job.hardware, is_hurried=is_hurried)
        # int8 gains more than another engine: where time is short, it goes first, if it is quick
        is_quick = bool(likely) and not isinstance(likely[0], QuantizeNNCF)
        for step in likely[:is_quick]:
            self._make(maker, base, (step,))
        self._look(self._screen.baseline.trial.plan.last.graph)
        for step in likely[is_quick:]:
            self._make(maker, base, (step,))
        self._mix(maker)
        maker.teacher = self._teacher()
        per_s = 1 / self._screen.baseline.trial.example_s
        for recipe in recipes(job.model, job.settings.effort, self._left_s, per_s):
            if has_time(recipe, self._left_s):
                self._make(maker, base, recipe, quantizer=self._best_quantizer(likely))
            else:
                self._refuse_untried(_named(recipe))
        self._look_again()
        effort = job.settings.effort
        for step in quantizers(job.model, effort, job.hardware, is_hurried=is_hurried):
            if step not in likely:
                self._make(maker, base, (step,))
        if job.settings.effort == "thorough":
            self._mix(maker)  # another quantizer may be ahead by now
        if base.steps:  # rarely faster: the engines fold for themselves
            self._look(base)
        self._look_again()
        self._try_cascades()

    @property
    def _left_s(self) -> float:
        """Seconds in which variants may be made."""
        return self._job.deadline.left_s(self._until)

    def _make(
        self,
        maker: Maker,
        base: Graph,
        recipe: Recipe,
        quantizer: Pass | None = None,
        engine: str = "",
    ) -> None:
        """Apply passes one after the other, and look at the graph in the end.

        Args:
            maker: applies them.
            base: what they start from.
            recipe: the passes.
            quantizer: applied in the end; None when what the recipe made is looked at.
            engine: the name of the only one to look at it on; all when empty.
        """
        graph = base
        name = _named(recipe)
        for planned in (*recipe, *([quantizer] if quantizer else [])):
            if self._left_s <= _LEAST_S:
                self._refuse_untried(name)
                return
            step = within(planned, self._left_s)
            self._told.step(step.label)
            try:
                made = maker.apply(graph, step, self._limit_s(step, recipe))
            except TradewindError as error:
                why = str(error).splitlines()[0].removeprefix(f"{name}: ")
                self.refused.append(Refusal(name, why))
                return
            graph = made or graph  # a step may find nothing to change
        if graph is not base:
            self._look(graph, engine)

    def _limit_s(self, step: Pass, recipe: Recipe) -> float:
        """Return the seconds for one pass; smaller graphs leave some for what comes after."""
        is_alone = len(recipe) == 1 and recipe[0].name.startswith("quantize")
        return self._left_s if is_alone else limit_s(step, self._left_s)

    def _best_quantizer(self, likely: Sequence[Pass]) -> Pass | None:
        """Return what made the cheapest graph until now; None where int8 does not pay here."""
        cost = cost_of(self._job)
        quick = sorted((one for one in self.trials if not one.refusals), key=cost)
        if not quick:
            return likely[0] if likely else None
        steps = quick[0].plan.last.graph.steps
        found = [s for s in steps if not s.is_lossless and not isinstance(s, _NO_QUANTIZER)]
        return found[-1] if found else None

    def _teacher(self) -> Model:
        """Return what students are trained by: the original, or who stands in for it.

        Most of the time of short training goes into the teacher's answers. What loses next to
        nothing against the original and answers far sooner is as good a teacher.
        """
        original = self._screen.baseline.trial
        close = [
            one
            for one in self.trials
            if one.select is not None
            and one.select.drop < TEACHER_LOSS
            and one.example_s < TEACHER_COST * original.example_s
        ]
        best = min(close, key=lambda one: one.example_s, default=original)
        return best.plan.last.graph.model

    def _look(self, graph: Graph, engine: str = "") -> None:
        """Screen one graph on every engine, or on those of one name."""
        # what computes with fewer bits is likelier to be ahead
        for engines in sorted(self._screen.engines(graph), key=_is_exact):
            if engine not in ("", engines[0].name):
                continue
            if self._can_wait(graph, engines[0].name):
                self._later.append((graph, engines))
            else:
                self._look_on(graph, engines)

    def _look_on(self, graph: Graph, engines: list[Engine]) -> None:
        """Screen one graph on one engine."""
        name = variant_name(graph, engines[0])
        if not self._screen.has_time:
            self._refuse_untried(name)
            return
        slower = self._slower_on(engines[0].name)
        if not graph.is_exact and slower > FAR_TOO_SLOW:
            why = f"the original takes {slower:.1f} times as long on this engine"
            self.refused.append(Refusal(name, why))
            return
        self._told.step(name)
        try:
            trial = self._screen.look(graph, engines)
        except TradewindError as error:
            self.refused.append(Refusal(name, reason_of(error)))
            return
        if trial.plan != self._screen.baseline.trial.plan:
            self._keep(trial)

    def _can_wait(self, graph: Graph, engine: str) -> bool:
        """Say whether something else is likelier to help.

        Where int8 gains much and loses next to nothing, the graph in float will not catch up with
        it; nor will one engine with another that was clearly ahead with int8 before.
        """
        cost, baseline = cost_of(self._job), self._screen.baseline.trial
        rounded = [one for one in self.trials if not one.is_original]
        is_good = any(
            one.select is not None
            and one.select.drop < self._job.budget.max_drop / 2
            and cost(one) < MUCH * cost(baseline)
            for one in rounded
        )
        if not is_good or graph.is_exact:
            return is_good
        seen = [(cost(one), one.plan.last.engine.name) for one in rounded]
        here = min((found for found, name in seen if name == engine), default=0.0)
        return here > AHEAD * min(seen)[0]

    def _look_again(self) -> None:
        """Look at what could wait."""
        waiting, self._later = self._later, []
        for graph, engines in waiting:
            self._look_on(graph, engines)

    def _slower_on(self, engine: str) -> float:
        """Return how much slower the original is on an engine, in its best arithmetic there."""
        cost, baseline = cost_of(self._job), self._screen.baseline.trial
        seen = [
            cost(one) / cost(baseline)
            for one in self.trials
            if one.plan.last.engine.name == engine and one.plan.last.graph.is_exact
        ]
        return min(seen, default=0.0)

    def _mix(self, maker: Maker) -> None:
        """Return layers of the best int8 graph to float, where that heals it or saves time."""
        trial = mixable(self._job, self.trials, self._screen.baseline.trial)
        if trial is None or self._left_s <= _LEAST_S or trial.name in self._mixed:
            return
        self._mixed.add(trial.name)
        self._told.step(f"{trial.name}, layer by layer")
        try:
            mixer = Mixer(self._job, maker, self._screen.inputs)
            steps = mixer.steps(trial, self._left_s)
        except TradewindError as error:
            self.refused.append(Refusal(f"{trial.name}, mixed", str(error).splitlines()[0]))
            return
        for step in steps:
            # by the times of another engine the order would be another
            stage = trial.plan.last
            self._make(maker, stage.graph, (step,), engine=stage.engine.name)

    def _try_cascades(self) -> None:
        """Look at the cascades that promise most, by what every variant said alone."""
        screen = self._screen
        if screen.no_cascade:
            self.refused.append(Refusal(CASCADE, screen.no_cascade))
            return
        screen.extend(self._shares.cascaded)
        proposals = propose(self._job, screen.scores, screen.baseline.trial, self.trials)
        if not proposals:
            self.refused.append(Refusal(CASCADE, _NO_CASCADE))
        looked: dict[str, tuple[Proposal, Trial]] = {}  # by the names of the stages
        for proposal in proposals:
            known = looked.get(proposal.plan.name)
            if known is None and not screen.has_time:
                self._refuse_untried(proposal.name)
                continue
            try:
                trial = self._cascade(proposal, known)
            except TradewindError as error:
                self.refused.append(Refusal(proposal.name, reason_of(error)))
                continue
            trial.name, trial.select = proposal.name, proposal.select
            looked.setdefault(proposal.plan.name, (proposal, trial))
            self._keep(trial)

    def _cascade(self, proposal: Proposal, known: tuple[Proposal, Trial] | None) -> Trial:
        """Look at a cascade, or work out from the same stages what another threshold costs."""
        if known is None:
            self._told.step(proposal.name)
            return self._screen.cascade(proposal.plan, proposal.asked)
        before, trial = known
        share = proposal.cost / before.cost
        return at_another_threshold(trial, proposal.plan, proposal.asked, share)

    def _refuse_untried(self, name: str) -> None:
        self.refused.append(Refusal(name, _NO_TIME))
        self.is_complete = False

    def _keep(self, trial: Trial) -> None:
        self.trials.append(trial)
        cost, baseline = cost_of(self._job), self._screen.baseline.trial
        keeping = [
            one
            for one in self.trials
            if one.select is not None and one.select.drop < self._job.budget.max_drop
        ]
        best = min(keeping, key=cost, default=baseline)
        if cost(best) < WORTHWHILE * cost(baseline) and self._until > self._screened:
            self._extend(self._screened)
        if cost(best) < cost(baseline):
            self._told.best(f"{best.name}, about {cost(baseline) / cost(best):.1f} times")


def _named(recipe: Recipe) -> str:
    return ", ".join(short(step) for step in recipe)


def _is_exact(engines: list[Engine]) -> bool:
    """Say whether engines compute in 32 bits."""
    return getattr(engines[0], "precision", "f32") == "f32"
