"""The main job: generate, screen, certify, time, choose."""

import time
from dataclasses import dataclass, field, replace

import numpy as np

from tradewind.budget import Budget
from tradewind.bundle import Refusal
from tradewind.data import Dataset, Unlabelled, split, without_known
from tradewind.errors import Stopped
from tradewind.measure import parse_metric, this_machine
from tradewind.model import Model
from tradewind.search.cache import Cache
from tradewind.search.cautions import cautions
from tradewind.search.certifying import Certifier, affordable, order
from tradewind.search.choosing import choose, why_nothing
from tradewind.search.costs import cost_of
from tradewind.search.finals import Raced, finalists, race, weigh
from tradewind.search.job import Job, check_truth
from tradewind.search.progress import Progress, Silence
from tradewind.search.questions import (
    Questions,
    awaited,
    find_questions,
    without_labels,
)
from tradewind.search.recalling import Recall
from tradewind.search.reporting import check_reportable, report
from tradewind.search.screening import Screen
from tradewind.search.settings import Deadline, SearchSettings
from tradewind.search.timetable import SHARES, certified_until
from tradewind.search.trials import Trial
from tradewind.search.trying import Attempts

DATA_CHECKED = 0.05
"""Share of the time in which the data are read once."""


@dataclass
class Outcome:
    """What a search found."""

    job: Job
    baseline: Trial
    chosen: Trial
    reason: str
    trials: list[Trial] = field(default_factory=list)  # all that ran, the baseline first
    refused: list[Refusal] = field(default_factory=list)
    is_complete: bool = True  # False when somebody interrupted or time ran out
    elapsed_s: float = 0.0
    tested: tuple[str, ...] = ()  # in the order that was fixed before
    questions: Questions | None = None  # where labels were asked for
    raced: Raced | None = None  # under which conditions, and every single time
    was_interrupted: bool = False  # somebody waits for the answer


def optimize(
    model: Model,
    dataset: Dataset,
    budget: Budget,
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
    unlabelled: Dataset | None = None,
    label_budget: int | None = None,
    cache: Cache | None = None,
) -> Outcome:
    """Find the cheapest way to run a model that keeps the promise on this machine.

    Ctrl-C (KeyboardInterrupt) ends the stage it falls into; what was finished is certified and
    timed. A second one ends the search.

    Args:
        model: the original.
        dataset: examples that none of its training has seen, with labels unless the metric
            needs none.
        budget: the promise.
        settings: how long and how hard to search; the defaults when None.
        progress: is told what happens.
        unlabelled: further examples to calibrate and to train on; those that `dataset` holds
            too are left out.
        label_budget: of data without labels, how many may be asked for. Nothing is certified
            then: the outcome says which examples to label, and `recertify` goes on with them.
        cache: where graphs, answers and quick timings are kept, so that a search that was
            interrupted, or is repeated with more time, goes on from there; None to keep nothing.

    Raises:
        DataError: the examples are too few or do not fit.
        SettingError: the metric does not fit the model or the data.
        EngineError: not even the original runs.
        Stopped: interrupted before there was anything to choose from.
    """
    start = time.monotonic()
    settings = settings or SearchSettings()
    told = progress or Silence()
    metric = parse_metric(budget.metric, model)
    check_reportable(model, dataset.labels, settings.reports)
    if label_budget is None:
        check_truth(model, dataset, metric)
    else:
        metric = without_labels(metric, dataset, label_budget)
    told.begin("looking at the data")
    _look_at(dataset, start + DATA_CHECKED * settings.time_s)
    job = Job(
        model,
        dataset,
        split(dataset, settings.seed),
        budget,
        metric,
        settings,
        this_machine(),
        Deadline(start, settings.time_s),
        _further(unlabelled, dataset, settings, told),
        label_budget,
        Recall(cache),
    )
    return _Search(job, told).run()


def _look_at(dataset: Dataset, until: float) -> None:
    """Read examples while there is time, so that a bad one shows now and not in the end.

    Raises:
        DataError: an example cannot be read, or holds NaN or infinity.
    """
    for _ in dataset.batches(np.arange(len(dataset)), 256):
        if time.monotonic() > until:
            return


def _further(
    unlabelled: Dataset | None, dataset: Dataset, settings: SearchSettings, told: Progress
) -> Unlabelled | None:
    """Return the further examples that may be used, and tell what was left out."""
    if unlabelled is None:
        return None
    found = without_known(unlabelled, dataset, settings.seed)
    if found.known:
        told.note(
            f"{found.known:,} of {len(unlabelled):,} unlabelled examples are among those of "
            f"{dataset.source} too, and are not used"
        )
    return found if len(found) else None


class _Search:
    """One run of the main job."""

    def __init__(self, job: Job, progress: Progress) -> None:
        self._job = job
        self._told = progress
        self._shares = SHARES[job.settings.effort]
        self._is_complete = True
        self._was_interrupted = False

    def run(self) -> Outcome:
        job = self._job
        self._told.begin("running the original")
        try:
            screen = Screen(job, self._shares.screened)
        except KeyboardInterrupt:
            raise Stopped("optimize", "time to run the original", "an interruption") from None
        baseline = screen.baseline.trial
        for caution in cautions(job, screen.baseline.seen.losses):
            self._told.note(caution)
        attempts = Attempts(job, screen, self._told)
        try:
            attempts.run()
        except KeyboardInterrupt:
            self._stop("interrupted: going on with what was finished")
        finally:
            screen.baseline.runner.close()
        if job.recall.used:
            self._told.note(f"{job.recall.used:,} results of earlier searches were used again")
        self._is_complete &= attempts.is_complete
        self._shares = attempts.shares
        queue = order(job, baseline, attempts.trials)
        questions = None
        try:
            self._settle(screen, queue)
            if job.label_budget is None:
                self._certify(baseline, queue)
            else:
                questions = self._ask(job.label_budget, baseline, queue)
        except KeyboardInterrupt:
            self._stop("interrupted: going on with what was certified")
        entrants = finalists(baseline, queue, cost_of(job))
        self._told.begin("timing the finalists", len(entrants))
        try:
            raced = race(job, entrants, screen.inputs, job.deadline.at(self._shares.timed))
            weigh(job, entrants, screen.inputs)
            report(job, entrants, max(job.deadline.at(1.0), job.deadline.clock() + 1.0))
        except KeyboardInterrupt:
            self._stop("interrupted: timing once more, for a moment only")
            raced = race(job, entrants, screen.inputs, until=0.0)
        chosen, reason = choose(job.budget, entrants)
        if chosen is baseline and len(entrants) == 1:
            if questions is None or not queue:
                reason = f"{reason}{self._why_nothing(attempts, queue)}"
            else:
                reason = awaited(questions)
        found = self._outcome(attempts, baseline, chosen, reason, queue)
        return replace(
            found,
            questions=questions,
            raced=raced,
            was_interrupted=self._was_interrupted,
        )

    def _why_nothing(self, attempts: Attempts, queue: list[Trial]) -> str:
        looked, tested = len(attempts.trials), len(names_of_tested(queue))
        return why_nothing(self._job, looked, tested, is_complete=self._is_complete)

    def _stop(self, why: str) -> None:
        self._is_complete = False
        self._was_interrupted = True
        self._told.note(why)

    def _settle(self, screen: Screen, queue: list[Trial]) -> None:
        """Look for the load that suits each variant, while there is time for that."""
        for trial in queue:
            if self._job.deadline.left_s(self._shares.settled) > 0:
                screen.comparison.settle(trial)

    def _certify(self, baseline: Trial, queue: list[Trial]) -> None:
        job = self._job
        self._told.begin("certifying", len(queue))
        self._told.step("original")
        until = certified_until(job, self._shares, baseline, queue)
        tested = affordable(job, baseline, queue, until - job.deadline.clock())
        Certifier(job, baseline, until).run(tested, self._told)

    def _ask(self, budget: int, baseline: Trial, queue: list[Trial]) -> Questions:
        job = self._job
        self._told.begin("looking where answers differ", len(queue))
        until = certified_until(job, self._shares, baseline, queue)
        return find_questions(job, budget, baseline, queue, until, self._told)

    def _outcome(
        self,
        attempts: Attempts,
        baseline: Trial,
        chosen: Trial,
        reason: str,
        queue: list[Trial],
    ) -> Outcome:
        trials = [baseline, *attempts.trials]
        refused = attempts.refused + [
            Refusal(trial.name, why)
            for trial in trials
            for why in trial.refusals[-1:]
            if trial is not chosen
        ]
        return Outcome(
            self._job,
            baseline,
            chosen,
            reason,
            trials,
            refused,
            self._is_complete,
            self._job.deadline.elapsed_s,
            names_of_tested(queue),
        )


def names_of_tested(trials: list[Trial]) -> tuple[str, ...]:
    """Return which of the variants have a certificate, granted or not."""
    return tuple(trial.name for trial in trials if trial.certificate is not None)
