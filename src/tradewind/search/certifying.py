"""Certificates for the variants worth one, tested in an order fixed beforehand."""

from collections.abc import Iterator

import numpy as np

from tradewind.bundle import Drop
from tradewind.engines import OnnxRuntime
from tradewind.evidence import (
    PairedCounts,
    certify_agreement,
    certify_with_labels,
    drop_upper_bound,
    fixed_sequence,
)
from tradewind.search.costs import cost_of, no_gain
from tradewind.search.job import Job
from tradewind.search.progress import Progress
from tradewind.search.trials import Trial
from tradewind.tensors import Array

WORTHWHILE = 0.98
"""A variant that needs more than this share of the baseline's cost is no gain worth a test."""


OUT_OF_TIME = "not tested: time ran out"

CLEARLY = 1.1
"""Quick timings that differ by less than this factor may be the other way round."""


def order(job: Job, baseline: Trial, trials: list[Trial]) -> list[Trial]:
    """Return the variants to certify, safest first; the others are told why not.

    Only the select split and quick timings decide, so that the order is fixed before an example
    of the certify split is looked at. Kept are the variants on the Pareto front of the risk (the
    drop that the select split cannot rule out) against the cost.
    """
    cost = cost_of(job)
    worth = []
    for trial in trials:
        if trial.select is None or trial.refusals:  # its screening said why
            continue
        why = _why_not(job, cost(trial) / cost(baseline), trial.select)
        if why:
            trial.refusals.append(why)
        else:
            worth.append((_risk(job, trial.select), cost(trial), trial))
    worth.sort(key=lambda item: (not item[2].is_original, item[0], item[1]))
    front: list[tuple[float, float, Trial]] = []
    for risk, price, trial in worth:
        better = next((kept for kept in front if kept[1] * CLEARLY <= price), None)
        if better is None:
            front.append((risk, price, trial))
        else:
            trial.refusals.append(f"{better[2].name} is as safe and costs less")
    return [trial for _, _, trial in front]


def _why_not(job: Job, price: float, counts: PairedCounts) -> str:
    if price > WORTHWHILE:
        return no_gain(job, price)
    if counts.drop > job.budget.max_drop:
        return f"loses {counts.drop:.1%} of right answers on {counts.n} examples"
    return ""


def _risk(job: Job, counts: PairedCounts) -> float:
    """Return the drop that the select split cannot rule out; p-values tie where it is small."""
    return drop_upper_bound(counts, job.budget.confidence)


class Certifier:
    """Runs the original once over the certify split, then every variant that is tested.

    Args:
        job: what the search works on.
        baseline: the original.
        until: the clock's reading at which the examples reached so far must do.
    """

    def __init__(self, job: Job, baseline: Trial, until: float) -> None:
        self._job = job
        self._indices = _shuffled(job)
        # the variants need time too; how much is reached is decided by the clock alone
        now = job.deadline.clock()
        with OnnxRuntime().compile(job.model) as runner:
            self._answers = job.answers(
                runner, self._indices, baseline.load.batch_size, now + (until - now) / 3
            )
        self._right = job.right(self._answers, self._answers, self._indices)
        baseline.loss = self.loss(self._right)
        self._until = until

    @property
    def count(self) -> int:
        """How many examples certificates rest on."""
        return len(self._answers)

    def loss(self, right: Array) -> float | None:
        """Return the share of wrong answers; None where nothing tells right from wrong."""
        return 1.0 - float(np.mean(right)) if self._job.has_truth else None

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
            answers = job.answers(runner, indices, trial.load.batch_size, self._until)
            counted = runner.answered
        trial.answered = tuple(count / sum(counted) for count in counted)
        right = job.right(answers, self._answers, indices)
        counts = PairedCounts.from_correct(self._right[: len(right)], right)
        if job.has_truth:
            certificate = certify_with_labels(
                counts, budget.max_drop, budget.confidence, budget.metric
            )
        else:
            certificate = certify_agreement(
                counts.worse, counts.n, budget.max_drop, budget.confidence, budget.metric
            )
        trial.certificate = certificate
        trial.loss = self.loss(right)
        trial.drop = Drop(certificate.drop, certificate.drop_upper)
        if not certificate.certified:
            trial.refusals.append(why_uncertified(trial))
        return certificate.p_value


def why_uncertified(trial: Trial) -> str:
    """Say why the certificate was not given, with the number of examples that may do."""
    found = trial.certificate
    assert found is not None
    text = (
        f"not certified: lost {found.drop:.2%} on {found.n} examples, "
        f"at most {found.drop_upper:.2%} at {found.confidence:.0%} confidence, "
        f"more than the {found.max_drop:.2%} allowed"
    )
    if found.examples_needed is not None and found.examples_needed > found.n:
        text += f"; about {found.examples_needed} examples would be needed"
    return text


def _shuffled(job: Job) -> Array:
    """Return the certify split in an order of its own: a prefix of it is a random part."""
    return np.random.default_rng((job.settings.seed, 1)).permutation(job.splits.certify)
