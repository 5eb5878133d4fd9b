"""From which confidence on the answers of a first stage stand.

Everything is worked out from what each variant said about the select split: no example of the
certify split is looked at, and nothing runs.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tradewind.evidence import Paired, PairedCounts
from tradewind.runners import ConfidenceRule
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.trials import Seen, Trial
from tradewind.tensors import Array

SHARES = (0.5, 0.75, 1.0)
"""Of the budget: so much a certificate may need to allow, by what the select split shows."""

WORTH_MORE = 0.97
"""What makes a cascade more complex, a learned rule or a third stage, must save this much."""

_RANKED_BY = 0.75  # of SHARES
_MOST_ESCALATED = 0.7
_SMALL_BATCHES = 1.25  # what an example costs more where few escalate together


@dataclass(frozen=True, eq=False)
class Last:
    """What answers where a first stage is unsure: a variant, or a cascade with its thresholds.

    Args:
        plan: what would run.
        losses: float64[n], on the first examples of the select split.
        costs: float64[n], of each of them where it is asked.
        reached: for each stage after the first bool[n], which of them go there.
    """

    plan: Plan
    losses: Array
    costs: Array
    reached: tuple[Array, ...] = ()

    @property
    def least(self) -> float:
        """What an example costs that goes no further than its first stage."""
        return float(np.min(self.costs))


@dataclass(frozen=True, eq=False)
class First:
    """A variant with the rules that may tell when it is sure.

    Args:
        trial: the variant.
        cost: of an example.
        losses: float64[n], on the first examples of the select split.
        rules: each with float64[n], how sure it is by this rule; the simplest first.
    """

    trial: Trial
    cost: float
    losses: Array
    rules: tuple[tuple[ConfidenceRule, Array], ...]


@dataclass(frozen=True)
class Step:
    """A threshold with what it means on the select split."""

    share: float  # of the budget that it was chosen for
    threshold: float
    paired: Paired
    cost: float


@dataclass(frozen=True, eq=False)
class Pair:
    """A cheap variant before something dearer, with the rule between them."""

    first: First
    last: Last
    rule: ConfidenceRule
    confidences: Array  # float64[n], of as many examples as both have answered
    steps: list[Step]  # from the safest threshold to the cheapest

    def unsure(self, step: Step) -> Array:
        """Return bool[n]: which examples the first stage passes on."""
        return np.asarray(self.confidences < step.threshold)


def fitted(job: Job, original: Seen, first: First, last: Last) -> Pair | None:
    """Return the pair with the rule that makes it cheapest; None when none keeps the budget."""
    best: Pair | None = None
    for rule, confidences in first.rules:
        pair = _stepped(job, original, first, last, rule, confidences)
        if pair.steps and (best is None or rank(pair) <= WORTH_MORE * rank(best)):
            best = pair
    return best


def _stepped(
    job: Job,
    original: Seen,
    first: First,
    last: Last,
    rule: ConfidenceRule,
    confidences: Array,
) -> Pair:
    """Return the pair with the lowest threshold that seems safe for each share of the budget."""
    n = min(len(original), len(confidences), len(last.losses))
    order = np.argsort(-confidences[:n], kind="stable")
    ranked = confidences[:n][order]
    before = original.losses[:n]
    ours, theirs = first.losses[:n] - before, last.losses[:n] - before
    # with the k surest answered by the first stage: what is lost, and how much that scatters
    drop = _mixed(ours[order], theirs[order]) / n
    square = _mixed(ours[order] ** 2, theirs[order] ** 2) / n
    sure = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True)) + 1  # ends of ties
    sure = sure[sure >= n * (1.0 - _MOST_ESCALATED)]
    lost = _allowing(job, n, drop[sure], square[sure])
    # what the others cost with the k surest answered
    left = np.append(np.cumsum(last.costs[:n][order][::-1])[::-1], 0.0) * dearer(job) / n
    steps: list[Step] = []
    for share in SHARES:
        too_much = np.flatnonzero(lost > share * job.budget.max_drop)
        reached = int(too_much[0]) if len(too_much) else len(sure)
        if not reached:
            continue
        k = int(sure[reached - 1])
        price = first.cost + float(left[k])
        # halfway to the next answer, so that rounding does not decide
        below = float(ranked[k]) if k < n else float(ranked[-1])
        threshold = (float(ranked[k - 1]) + below) / 2
        if np.isfinite(threshold):
            is_sure = confidences[:n] >= threshold
            if is_sure.all():
                continue  # it would answer alone
            after = np.where(is_sure, first.losses[:n], last.losses[:n])
            paired = job.paired(before, after, job.splits.select)
            steps.append(Step(share, threshold, paired, price))
    return Pair(first, last, rule, confidences[:n], steps)


def _mixed(ours: Array, theirs: Array) -> Array:
    """Return float64[n + 1]: the sum when the first k are ours and the others theirs."""
    mine = np.concatenate([[0.0], np.cumsum(ours)])
    others = np.concatenate([[0.0], np.cumsum(theirs)])
    return np.asarray(mine + others[-1] - others)


def needed(job: Job, paired: Paired) -> float:
    """Return the budget at which a certificate would be about as likely as not.

    One lost answer more than was seen is assumed, so that a few lucky examples do not count.
    """
    if isinstance(paired, PairedCounts):
        square = paired.disagreement
    else:
        square = paired.variance + paired.drop**2
    return float(_allowing(job, paired.n, np.array(paired.drop), np.array(square)))


def _allowing(job: Job, n: int, drop: Array, square: Array) -> Array:
    """Return what `needed` does for many mean differences, with the means of their squares.

    What did better than the original by luck counts as equal to it.
    """
    quantile = NormalDist().inv_cdf(job.budget.confidence)
    units = max(job.units(job.splits.certify), 1)
    lost = np.maximum(drop, 0.0)
    return np.asarray(lost + 1 / n + quantile * np.sqrt((square + 1 / n) / units))


def dearer(job: Job) -> float:
    """Return how many times as much an example costs behind a first stage."""
    return 1.0 if job.budget.objective == "latency" else _SMALL_BATCHES


def rank(pair: Pair) -> float:
    """Return the expected cost at a threshold that is neither timid nor bold."""
    return next((step.cost for step in pair.steps if step.share >= _RANKED_BY), pair.steps[-1].cost)
