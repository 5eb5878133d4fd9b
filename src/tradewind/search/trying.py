"""The stage in which variants are made and looked at, one after the other."""

from collections.abc import Sequence

from tradewind.bundle import CASCADE, Refusal
from tradewind.engines import Engine
from tradewind.errors import TradewindError
from tradewind.passes import Pass, QuantizeNNCF, Workshop
from tradewind.search.candidates import Graph, quantizers, variant_name
from tradewind.search.cascades import Proposal, propose
from tradewind.search.certifying import WORTHWHILE
from tradewind.search.comparing import at_another_threshold, of_stages
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.making import Maker
from tradewind.search.mixing import Mixer, mixable, needs_healing
from tradewind.search.progress import Progress
from tradewind.search.prospects import QUANTIZES, Prospects
from tradewind.search.screening import Screen, reason_of
from tradewind.search.shrinking import Recipe, again, gave_up, has_time, limit_s, recipes, within
from tradewind.search.thresholds import dearer
from tradewind.search.timetable import timetable
from tradewind.search.trials import Trial

_LEAST_S = 1.0
_LONG = 0.08
"""Share of the time from which on a look is a long one."""
_NO_TIME = "not tried: time ran out"
_NO_CASCADE = "none would be cheaper than the best variant alone and keep the promise"

FAR_TOO_SLOW = 4.0
"""int8 gains about so much at best: an engine that is slower by more will not make up for it."""


class Attempts:
    """What was tried, until time ran out or somebody interrupted.

    Args:
        job: what the search works on.
        screen: looks at variants.
        progress: is told what happens.

    Attributes:
        trials: what was looked at.
        refused: what was not, with the reasons.
        is_complete: whether time sufficed for everything.
        shares: when each stage ends, by the best variant until now.
    """

    def __init__(self, job: Job, screen: Screen, progress: Progress) -> None:
        self.trials: list[Trial] = []
        self.refused: list[Refusal] = []
        self.is_complete = True
        self._mixed: set[str] = set()
        self._is_shrunk = False
        self._quantized: list[Pass] = []
        self._later: list[tuple[Graph, list[Engine]]] = []
        self._job = job
        self._screen = screen
        self._told = progress
        self.shares = timetable(job, screen.baseline.trial)
        self._extend(self._screened)

    @property
    def _screened(self) -> float:
        """When variants must have been looked at: time is kept for cascades, if any may come."""
        return self.shares.cascaded if self._screen.no_cascade else self.shares.screened

    def _extend(self, share: float) -> None:
        """Allow looks until another share of the time has passed."""
        self._until = share
        self._screen.extend(share)

    def run(self) -> None:
        """Try single graphs in the order in which they pay most often, then cascades of them."""
        job = self._job
        self._told.begin("trying variants")
        with Workshop() as workshop:
            self._try(
                Maker(job.model, job.observe, job.sample(), job.recall, job.hardware.isa, workshop)
            )
        self._try_cascades()

    def _try(self, maker: Maker) -> None:
        """Try single graphs in the order in which they pay most often."""
        job = self._job
        # while there is nothing to certify, half of the time for that is better spent here
        self._extend((self.shares.settled + self.shares.certified) / 2)
        base, troubles = maker.base(max(self._left_s, _LEAST_S))
        self.refused += [Refusal("fold", trouble.splitlines()[0]) for trouble in troubles]
        is_hurried = self._is_hurried
        likely = quantizers(job.model, "quick", job.hardware, is_hurried=is_hurried)
        self._begin(maker, base, likely)
        self._mix(maker)
        maker.teacher = self._prospects.teacher()
        self._shrink(maker, base, likely)
        self._look_again()
        effort = job.settings.effort
        every = quantizers(job.model, effort, job.hardware, is_hurried=is_hurried)
        self._quantize(maker, base, every)
        if job.settings.effort == "thorough":
            self._mix(maker)  # another quantizer may be ahead by now
        if base.steps:  # rarely faster: the engines fold for themselves
            self._look(base)
        self._look_again()

    @property
    def _prospects(self) -> Prospects:
        """What was seen until now says."""
        return Prospects(self._job, self._screen.baseline.trial, self.trials)

    @property
    def _is_hurried(self) -> bool:
        """Whether time is short enough for timings to be shorter too."""
        return self._job.settings.patience < 1

    @property
    def _looks_long(self) -> bool:
        """Whether there is time for few looks."""
        return self._screen.look_s > _LONG * self._job.settings.time_s

    @property
    def _left_s(self) -> float:
        """Seconds in which variants may be made."""
        return self._job.deadline.left_s(self._until)

    def _begin(self, maker: Maker, base: Graph, likely: Sequence[Pass]) -> None:
        """Try what helps most often, in the order in which it does so with such a model."""
        original = self._screen.baseline.trial.plan.last.graph
        if self._is_hurried and self._prospects.is_rough:
            # int8 gains little: there must be time to cut, all the more where a look takes long
            self._quantize(maker, base, likely[:1])
            if not self._looks_long:
                self._look(original)
                self._quantize(maker, base, likely[1:2])
            self._shrink(maker, base, likely)
            self._quantize(maker, base, likely[1:2])
            if self._looks_long:
                self._look(original)
        elif likely and isinstance(likely[0], QuantizeNNCF):
            self._look(original)
            self._quantize(maker, base, likely[:1])
            if self._is_hurried and self._prospects.is_good:
                return  # what NNCF makes of attention, others rarely surpass
        else:
            # int8 gains more than another engine, and takes little time
            self._quantize(maker, base, likely[:1])
            self._look(original)
        self._quantize(maker, base, likely[1:])

    def _quantize(self, maker: Maker, base: Graph, steps: Sequence[Pass]) -> None:
        """Try quantizing passes, each once in a search."""
        for step in steps:
            if step not in self._quantized:
                self._quantized.append(step)
                self._make(maker, base, (step,))

    def _shrink(self, maker: Maker, base: Graph, likely: Sequence[Pass]) -> None:
        """Make smaller graphs, once, and smaller ones of those that keep the promise alone."""
        if self._is_shrunk:
            return
        self._is_shrunk = True
        graph, job, is_spent = base, self._job, False
        for first in recipes(job.model, job.settings.effort, self._left_s, job.observable):
            if any(type(step) is type(first[0]) for step in graph.steps):
                continue  # more of it was cut than this recipe would, with success
            recipe, start, is_deep, is_last = first, graph, False, False
            while True:
                left_s = self._left_s
                if is_spent or not has_time(recipe, left_s):
                    self._refuse_untried(_named(start, recipe))
                    break
                made = self._make(
                    maker, start, recipe, quantizer=self._prospects.best_quantizer(likely)
                )
                is_spent |= made is None and gave_up(left_s, self._left_s)
                if made is not None and self._prospects.holds(made):
                    graph = start = made
                    if is_last:
                        break
                    is_deep = self._prospects.holds_easily(made)
                elif is_deep:  # half as much may go, and then no more
                    is_deep, is_last = False, True
                elif made is not None and self._prospects.may_recover(made):
                    start = made
                else:
                    break
                recipe = again(first, self._left_s, is_deep=is_deep)

    def _make(
        self,
        maker: Maker,
        base: Graph,
        recipe: Recipe,
        quantizer: Pass | None = None,
        engine: str = "",
    ) -> Graph | None:
        """Apply passes one after the other, and look at the graph in the end.

        Returns what the recipe made, before it was quantized; None where it made nothing new.

        Args:
            maker: applies them.
            base: what they start from.
            recipe: the passes.
            quantizer: applied in the end; None when what the recipe made is looked at.
            engine: the name of the only one to look at it on; all when empty.
        """
        graph = made = base
        name = _named(base, recipe)
        for number, planned in enumerate((*recipe, *([quantizer] if quantizer else []))):
            if self._left_s <= _LEAST_S:
                self._refuse_untried(name)
                return None
            step = within(planned, self._left_s)
            self._told.step(step.label)
            try:
                found = maker.apply(graph, step, self._limit_s(step, recipe))
            except TradewindError as error:
                why = str(error).splitlines()[0].removeprefix(f"{step.label}: ")
                self.refused.append(Refusal(name, why))
                return None
            if found is None and graph is base:
                return None  # it was made before
            graph = found or graph
            if number < len(recipe):
                made = graph
        self._look(graph, engine)
        return made

    def _limit_s(self, step: Pass, recipe: Recipe) -> float:
        """Return the seconds for one pass; smaller graphs leave some for what comes after."""
        is_alone = len(recipe) == 1 and recipe[0].name.startswith(QUANTIZES)
        return self._left_s if is_alone else limit_s(step, self._left_s)

    def _look(self, graph: Graph, engine: str = "") -> None:
        """Screen one graph on every engine, or on those of one name."""
        for engines in sorted(self._screen.engines(graph), key=self._prospects.place):
            if engine not in ("", engines[0].name):
                continue
            if self._prospects.can_wait(graph, engines[0]):
                self._later.append((graph, engines))
            else:
                self._look_on(graph, engines)

    def _look_on(self, graph: Graph, engines: list[Engine]) -> None:
        """Screen one graph on one engine."""
        name = variant_name(graph, engines[0])
        if not self._screen.has_time:
            self._refuse_untried(name)
            return
        slower = self._prospects.slower_on(engines[0].name)
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

    def _look_again(self) -> None:
        """Look at what could wait."""
        waiting, self._later = self._later, []
        for graph, engines in waiting:
            self._look_on(graph, engines)

    def _mix(self, maker: Maker) -> None:
        """Return layers of the best int8 graph to float, where that heals it or saves time."""
        trial = mixable(self._job, self.trials, self._screen.baseline.trial)
        if trial is None or self._left_s <= _LEAST_S or trial.name in self._mixed:
            return
        if self._is_hurried and not needs_healing(self._job, trial):
            return  # what it may save is worth less than another variant
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
        screen.extend(self.shares.cascaded)
        proposals = propose(self._job, screen.scores, screen.baseline.trial, self.trials)
        if not proposals:
            self.refused.append(Refusal(CASCADE, _NO_CASCADE))
        looked: dict[str, tuple[Proposal, Trial]] = {}  # by the names of the stages
        for proposal in proposals:
            known = looked.get(proposal.plan.name)
            try:
                trial = self._cascade(proposal, known)
            except TradewindError as error:
                self.refused.append(Refusal(proposal.name, reason_of(error)))
                continue
            trial.name, trial.select = proposal.name, proposal.select
            looked.setdefault(proposal.plan.name, (proposal, trial))
            self._keep(trial)

    def _cascade(self, proposal: Proposal, known: tuple[Proposal, Trial] | None) -> Trial:
        """Look at a cascade; without time, or at another threshold, work out what it costs."""
        if known is None and self._screen.has_time:
            self._told.step(proposal.name)
            return self._screen.cascade(proposal.plan, proposal.asked)
        if known is None:
            trials = [self._screen.baseline.trial, *self.trials]
            return of_stages(trials, proposal.plan, proposal.asked, dearer(self._job))
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
        if cost(best) < WORTHWHILE * cost(baseline) and not trial.plan.is_cascade:
            self.shares = timetable(self._job, baseline, best)
            self._extend(self._screened)
        self._screen.best = min(cost(best) / cost(baseline), 1.0)
        if cost(best) < cost(baseline):
            self._told.best(f"{best.name}, about {cost(baseline) / cost(best):.1f} times")


def _named(base: Graph, recipe: Recipe) -> str:
    """Return what a graph would be called after some more passes."""
    return Graph((*base.steps, *recipe), base.model, "").label
