"""Certificates for the variants worth one, tested in an order fixed beforehand."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tradewind.budget import Budget
from tradewind.bundle import Drop
from tradewind.engines import OnnxRuntime
from tradewind.evidence import (
    Certificate,
    Paired,
    PairedCounts,
    PairedLosses,
    certify_agreement,
    certify_losses,
    certify_with_labels,
    fixed_sequence,
    rounded_up,
)
from tradewind.search.costs import COSTS, cost_of, no_gain
from tradewind.search.job import Job
from tradewind.search.labels import Labels
from tradewind.search.progress import Progress
from tradewind.search.risk import SAFE, risk
from tradewind.search.timetable import original_until, timetable
from tradewind.search.trials import Trial
from tradewind.tensors import Array

WORTHWHILE = 0.98
"""A variant that needs more than this share of the baseline's cost is no gain worth a test."""


OUT_OF_TIME = "not tested: time ran out"

_SPARE = 0.5
"""Of the time for certifying, what is tested for other wishes may not bring the sum above this."""

CLEARLY = 1.1
"""Quick timings that differ by less than this factor may be the other way round."""


def order(job: Job, baseline: Trial, trials: list[Trial]) -> list[Trial]:
    """Return the variants to certify, safest first; the others are told why not.

    Only the select split and quick timings decide, so that the order is fixed before an example
    of the certify split is looked at. Kept are the variants on the Pareto front of the risk (to
    fail the test, which would end all others behind it) against the cost, and what is by far the
    best in something else that somebody may want.
    """
    cost = cost_of(job)
    worth: list[_Ranked] = []
    for trial in trials:
        if trial.select is None or trial.refusals:  # its screening said why
            continue
        why = _why_not(job, cost(trial) / cost(baseline), trial.select)
        if why:
            trial.refusals.append(why)
        else:
            worth.append(_Ranked(trial, risk(job, trial, trial.select), cost(trial)))
    worth.sort(key=lambda one: one.place)
    front: list[_Ranked] = []
    for one in worth:
        better = next((kept for kept in front if kept.cost * CLEARLY <= one.cost), None)
        if better is None:
            front.append(one)
        else:
            one.trial.refusals.append(f"{better.trial.name} is as safe and costs less")
    front += _wanted_otherwise(job, baseline, front, worth)
    return [one.trial for one in sorted(front, key=lambda one: one.place)]


def affordable(job: Job, baseline: Trial, queue: list[Trial], left_s: float) -> list[Trial]:
    """Return what there is time to test; the dearest goes first, and is told why.

    Something clearly cheaper that is as good as safe must remain: what gains little shall not use
    up the time of what gains much.

    Args:
        job: the search.
        baseline: the original, which answers too.
        queue: in the order of the tests, in which the others stay.
        left_s: seconds for all of them.
    """
    cost, count = cost_of(job), len(job.splits.certify)
    kept = list(queue)
    while sum(count * one.example_s + one.ready_s for one in (baseline, *kept)) > left_s:
        dearest = max(kept, key=cost, default=baseline)
        better = [one for one in kept if CLEARLY * cost(one) <= cost(dearest)]
        likely = [one for one in better if one.select is None or risk(job, one, one.select) <= SAFE]
        if not likely:
            break
        kept.remove(dearest)
        dearest.refusals.append(f"{OUT_OF_TIME}, and {likely[0].name} gains more")
    return kept


@dataclass(frozen=True)
class _Ranked:
    """A variant with what decides whether and when it is tested."""

    trial: Trial
    risk: float
    cost: float

    @property
    def place(self) -> tuple[bool, float, float]:
        """What the order of tests is sorted by."""
        return not self.trial.is_original, self.risk, self.cost


def _wanted_otherwise(
    job: Job, baseline: Trial, front: list[_Ranked], worth: list[_Ranked]
) -> list[_Ranked]:
    """Return what is clearly better than the whole front by another measure of cost.

    None is riskier than what is tested anyway, so that no test for its sake comes in the way of
    one that the objective needs; and none is tested where time is short.
    """
    left_s = job.deadline.left_s(timetable(job, baseline).certified)
    tested_s = sum(one.trial.example_s for one in front) + baseline.example_s
    riskiest = max((one.risk for one in front), default=0.0)
    found: list[_Ranked] = []
    for measure in COSTS:
        least = min((measure(one.trial) for one in (*front, *found)), default=0.0)
        rest = [one for one in worth if one not in (*front, *found) and one.risk <= riskiest]
        best = min(rest, key=lambda one: measure(one.trial), default=None)
        if best is None or measure(best.trial) * CLEARLY > least:
            continue
        tested_s += best.trial.example_s
        if tested_s * len(job.splits.certify) < _SPARE * left_s:
            best.trial.refusals.clear()
            found.append(best)
    return found


def _why_not(job: Job, price: float, paired: Paired) -> str:
    if price > WORTHWHILE:
        return no_gain(job, price)
    if paired.drop > job.tolerated:
        what = "of right answers" if isinstance(paired, PairedCounts) else "on average"
        return f"loses {paired.drop:.1%} {what} on {paired.n} {_units(paired)}"
    return ""


def _units(paired: Paired) -> str:
    return "groups" if isinstance(paired, PairedLosses) and paired.unit == "group" else "examples"


class Certifier:
    """Runs the original once over the certify split, then every variant that is tested.

    Args:
        job: what the search works on.
        baseline: the original.
        until: the clock's reading at which the examples reached so far must do.
        labels: of the examples on which the models disagree; None where the data have all.
        most: how many examples may be looked at; all when None.
    """

    def __init__(
        self,
        job: Job,
        baseline: Trial,
        until: float,
        labels: Labels | None = None,
        most: int | None = None,
    ) -> None:
        self._job = job
        self._labels = labels
        self._indices = in_test_order(job)[:most]
        # the variants need time too; how much is reached is decided by the clock alone
        now = job.deadline.clock()
        with OnnxRuntime().compile(job.model) as runner:
            self._answers = job.answers(
                runner,
                self._indices,
                baseline.load,
                original_until(now, until, baseline, len(self._indices)),
            )
        self._truth = (
            None if labels is None else labels.truth(self._answers, self._indices[: self.count])
        )
        self._losses = self._lost(self._answers)
        baseline.loss = self.loss(self._losses)
        self._until = until

    @property
    def count(self) -> int:
        """How many examples certificates rest on."""
        return len(self._answers)

    def loss(self, losses: Array) -> float | None:
        """Return the mean loss; None where nothing tells right from wrong, or too few labels."""
        is_known = self._job.has_truth and self._labels is None
        return float(np.mean(losses)) if is_known else None

    def _lost(self, answers: Array) -> Array:
        if self._truth is None:
            return self._job.losses(answers, self._answers, self._indices)
        return self._job.metric.losses(answers, self._truth[: len(answers)])

    def run(self, trials: list[Trial], progress: Progress) -> None:
        """Certify variants in the order given, until the first that fails."""
        alpha = 1.0 - self._job.budget.confidence
        passed = fixed_sequence(self._p_values(trials, progress), alpha)
        for trial in trials[passed + 1 :]:
            stopped = trials[passed]
            trial.refusals.append(
                f"not tested: {stopped.name}, before it in the fixed order, failed"
                if stopped.certificate is not None
                else OUT_OF_TIME
            )

    def _p_values(self, trials: list[Trial], progress: Progress) -> Iterator[float]:
        for trial in trials:
            if self._job.deadline.clock() > self._until:
                trial.refusals.append(OUT_OF_TIME)
                yield 1.0
                continue
            progress.step(trial.name)
            yield self._test(trial)

    def _test(self, trial: Trial) -> float:
        job, budget = self._job, self._job.budget
        indices = self._indices[: self.count]
        with trial.plan.compile() as runner:
            answers = job.answers(runner, indices, trial.load, self._until)
            counted = runner.answered
        trial.answered = tuple(count / sum(counted) for count in counted)
        if self._labels is not None:
            self._labels.check(answers, self._answers, indices)
        losses = self._lost(answers)
        paired = job.paired(self._losses, losses, self._indices)
        has_truth = job.has_truth or self._labels is not None
        certificate = certify(paired, budget, has_truth=has_truth)
        trial.certificate = certificate
        trial.loss = self.loss(losses)
        trial.drop = Drop(certificate.drop, certificate.drop_upper)
        if not certificate.certified:
            trial.refusals.append(why_uncertified(trial) + self._why_so_few(len(answers)))
        return certificate.p_value

    def _why_so_few(self, reached: int) -> str:
        """Say that the clock, not the data, set the number of examples; empty where it did not."""
        have = len(self._indices)
        return f"; time sufficed for {reached:,} of {have:,} examples" if reached < have else ""


def certify(paired: Paired, budget: Budget, *, has_truth: bool) -> Certificate:
    """Test what two models did on examples that no earlier step has seen.

    Args:
        paired: what they did.
        budget: the promise.
        has_truth: whether labels told right from wrong, rather than the original.
    """
    allowed, confidence, metric = budget.max_drop, budget.confidence, budget.metric
    if isinstance(paired, PairedLosses):
        return certify_losses(paired, allowed, confidence, metric)
    if has_truth:
        return certify_with_labels(paired, allowed, confidence, metric)
    return certify_agreement(paired.worse, paired.n, allowed, confidence, metric)


def why_uncertified(trial: Trial) -> str:
    """Say why the certificate was not given, with the number of examples that may do."""
    found = trial.certificate
    assert found is not None
    text = (
        f"not certified: lost {found.drop:.2%} on {found.n:,} {found.unit}s, "
        f"at most {rounded_up(found.drop_upper):.2%} at {found.confidence * 100:g}% confidence, "
        f"more than the {found.max_drop * 100:.6g}% allowed"
    )
    if found.examples_needed is not None and found.examples_needed > found.n:
        text += f"; about {found.examples_needed:,} {found.unit}s would be needed"
    return text


def in_test_order(job: Job) -> Array:
    """Return the certify split in an order of its own: a prefix of it is a random part.

    The examples of a group stay together.
    """
    order = np.random.default_rng((job.settings.seed, 1)).permutation(job.splits.certify)
    if job.dataset.groups is None:
        return order
    _, first, number = np.unique(job.dataset.groups[order], return_index=True, return_inverse=True)
    return order[np.argsort(first[number], kind="stable")]
