"""Which variants are worth asking one after the other, and how sure the first must be.

Everything is worked out from what each variant said about the select split: no example of the
certify split is looked at, and nothing runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tradewind.evidence import Paired, PairedCounts
from tradewind.runners import ConfidenceRule, Scores, fit_agreement, fit_margin
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.settings import Effort
from tradewind.search.trials import Seen, Trial
from tradewind.tensors import Array

SHARES = (0.5, 0.75, 1.0)
"""Of the budget: so much a certificate may need to allow, by what the select split shows."""

_RANKED_BY = 0.75  # of SHARES
_PAIRS: dict[Effort, int] = {"quick": 1, "normal": 3, "thorough": 6}
_CHEAPER = 0.7  # a first stage costs at most this share of the last one
_GAIN = 0.95  # a cascade costs at most this share of the best variant that answers alone
_LEARNED_GAIN = 0.97  # a learned rule is worth its complexity from here on
_MOST_ESCALATED = 0.7
_LEAST_SEEN = 100
_FINALS = 4
_SMALL_BATCHES = 1.25  # what an example costs more where few escalate together


@dataclass(frozen=True)
class Proposal:
    """A cascade worth a look.

    Args:
        plan: what would run.
        name: that nothing else has.
        select: what it loses on the select split.
        escalated: share of the select split that the first stage passes on.
        cost: expected, in the unit of the objective.
    """

    plan: Plan
    name: str
    select: PairedCounts
    escalated: float
    cost: float


@dataclass(frozen=True)
class _Pair:
    """A cheap variant before a dear one, with the rule between them."""

    first: Trial
    last: Trial
    rule: ConfidenceRule
    steps: list["_Step"]  # from the safest threshold to the cheapest


@dataclass(frozen=True)
class _Step:
    """A threshold with what it means on the select split."""

    share: float  # of the budget that it was chosen for
    threshold: float
    escalated: float
    counts: PairedCounts
    cost: float


def propose(job: Job, scores: Scores, baseline: Trial, trials: list[Trial]) -> list[Proposal]:
    """Return the cascades that promise more than any variant alone, the best pair first.

    Args:
        job: what the search works on.
        scores: where the class scores are.
        baseline: the original, with what it said about the select split.
        trials: variants that were looked at, whether or not they keep the budget alone.
    """
    cost = cost_of(job)
    stages = [one for one in trials if _is_usable(one)]
    lasts = _last_stages(job, baseline, stages, cost)
    alone = min(cost(one) for one in lasts)
    pairs = []
    for last in lasts:
        for first in stages:
            if cost(first) <= _CHEAPER * cost(last) and first.plan != last.plan:
                pairs += _fitted(job, scores, baseline, first, last)
    best: dict[str, _Pair] = {}
    for pair in sorted(pairs, key=_rank):
        if _rank(pair) <= _GAIN * alone:
            # of the engines that may run one pair of graphs, the cheapest stands for all
            best.setdefault(_graphs(pair), pair)
    found: list[Proposal] = []
    for pair in list(best.values())[: _PAIRS[job.settings.effort]]:
        found += _proposals(pair)
    return found


def _is_usable(trial: Trial) -> bool:
    seen = trial.seen
    return not trial.refusals and seen is not None and len(seen) >= _LEAST_SEEN


def _last_stages(
    job: Job, baseline: Trial, stages: list[Trial], cost: Callable[[Trial], float]
) -> list[Trial]:
    """Return what may answer last: the original, and what seems to keep the budget alone."""
    keeping = [
        one
        for one in stages
        if one.select is not None
        and (one.is_original or _needed(job, one.select) <= job.budget.max_drop)
    ]
    return sorted([baseline, *keeping], key=cost)[:_FINALS]


def _needed(job: Job, counts: Paired) -> float:
    """Return the budget at which a certificate would be about as likely as not.

    One lost answer more than was seen is assumed, so that a few lucky examples do not count.
    """
    quantile = NormalDist().inv_cdf(job.budget.confidence)
    n = max(job.units(job.splits.certify), 1)
    drop = counts.drop + 1 / counts.n
    disagreement = counts.disagreement + 1 / counts.n
    return float(drop + quantile * np.sqrt(disagreement / n))


def _fitted(job: Job, scores: Scores, baseline: Trial, first: Trial, last: Trial) -> list[_Pair]:
    """Return the pair with the rule that makes it cheapest; nothing when none keeps the budget."""
    assert baseline.seen is not None
    assert first.seen is not None
    assert last.seen is not None
    n = min(len(baseline.seen), len(first.seen), len(last.seen))
    if first.seen.logits is None or baseline.seen.logits is None:
        return []
    logits = first.seen.logits[:n].astype(np.float64)
    wanted = baseline.seen.logits[:n].argmax(axis=1)
    agrees = logits.argmax(axis=1) == wanted
    rules = [fit_margin(scores, logits, wanted), fit_agreement(scores, logits, agrees)]
    found = [_stepped(job, baseline.seen, first, last, rule, rule.rate(logits)) for rule in rules]
    simple, learned = found
    is_better = bool(learned.steps) and (
        not simple.steps or _rank(learned) <= _LEARNED_GAIN * _rank(simple)
    )
    best = learned if is_better else simple
    return [best] if best.steps else []


def _stepped(
    job: Job,
    original: Seen,
    first: Trial,
    last: Trial,
    rule: ConfidenceRule,
    confidences: Array,
) -> _Pair:
    """Return the pair with the lowest threshold that seems safe for each share of the budget."""
    assert first.seen is not None
    assert last.seen is not None
    n = len(confidences)
    order = np.argsort(-confidences, kind="stable")
    ranked = confidences[order]
    right = original.right[:n][order]
    ours, theirs = first.seen.right[:n][order], last.seen.right[:n][order]
    # with the k surest answered by the first stage: what got worse, and what better
    worse = _mixed(right & ~ours, right & ~theirs)
    better = _mixed(~right & ours, ~right & theirs)
    sure = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True)) + 1  # ends of ties
    sure = sure[sure >= n * (1.0 - _MOST_ESCALATED)]
    needed = np.array([_needed(job, PairedCounts(n, int(worse[k]), int(better[k]))) for k in sure])
    steps: list[_Step] = []
    for share in SHARES:
        too_much = np.flatnonzero(needed > share * job.budget.max_drop)
        reached = int(too_much[0]) if len(too_much) else len(sure)
        if not reached:
            continue
        k = int(sure[reached - 1])
        escalated = 1.0 - k / n
        price = _expected(job, first, last, escalated)
        counts = PairedCounts(n, int(worse[k]), int(better[k]))
        # halfway to the next answer, so that rounding does not decide
        below = float(ranked[k]) if k < n else float(ranked[-1])
        steps.append(_Step(share, (float(ranked[k - 1]) + below) / 2, escalated, counts, price))
    return _Pair(first, last, rule, steps)


def _mixed(ours: Array, theirs: Array) -> Array:
    """Return int64[n + 1]: how many count when the first k are ours and the others theirs."""
    mine = np.concatenate([[0], np.cumsum(ours)])
    others = np.concatenate([[0], np.cumsum(theirs)])
    return np.asarray(mine + others[-1] - others)


def _expected(job: Job, first: Trial, last: Trial, escalated: float) -> float:
    cost = cost_of(job)
    dearer = 1.0 if job.budget.objective == "latency" else _SMALL_BATCHES
    return cost(first) + escalated * dearer * cost(last)


def _rank(pair: _Pair) -> float:
    """Return the expected cost at a threshold that is neither timid nor bold."""
    return next((step.cost for step in pair.steps if step.share >= _RANKED_BY), pair.steps[-1].cost)


def _graphs(pair: _Pair) -> str:
    return pair.first.plan.last.graph.model.digest + pair.last.plan.last.graph.model.digest


def _proposals(pair: _Pair) -> list[Proposal]:
    found: dict[str, Proposal] = {}
    stages = (pair.first.plan.last.resting(), pair.last.plan.last.resting())
    for step in pair.steps:
        plan = Plan(stages, (pair.rule.at(step.threshold),))
        name = f"{plan.name}-{round(100 * step.escalated)}"
        found.setdefault(name, Proposal(plan, name, step.counts, step.escalated, step.cost))
    return list(found.values())
