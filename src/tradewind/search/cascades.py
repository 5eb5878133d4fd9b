"""Which variants are worth asking one after the other, and how sure each but the last must be.

Everything is worked out from what each variant said about the select split: no example of the
certify split is looked at, and nothing runs.
"""

from dataclasses import dataclass

import numpy as np

from tradewind.evidence import Paired
from tradewind.runners import Scores
from tradewind.search.costs import cost_of
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.rating import Rate, by_distance, by_scores
from tradewind.search.risk import SAFE, risk
from tradewind.search.settings import Effort
from tradewind.search.thresholds import (
    WORTH_MORE,
    First,
    Last,
    Pair,
    Step,
    dearer,
    fitted,
    needed,
    rank,
)
from tradewind.search.trials import Seen, Trial
from tradewind.tensors import Array

_PAIRS: dict[Effort, int] = {"quick": 1, "normal": 3, "thorough": 6}
_PRECEDED: dict[Effort, int] = {"quick": 0, "normal": 3, "thorough": 6}
"""So many of the best cascades of two stages are tried behind a third that is cheaper still."""

_CHEAPER = 0.9  # a stage costs at most this share of the one behind it
_GAIN = 0.95  # a cascade costs at most this share of the best variant that answers alone
_LEAST_SEEN = 100
_FINALS = 4


@dataclass(frozen=True)
class Proposal:
    """A cascade worth a look.

    Args:
        plan: what would run.
        name: that nothing else has.
        select: what it loses on the select split.
        asked: share of the select split that reaches each stage after the first.
        cost: expected, in the unit of the objective.
    """

    plan: Plan
    name: str
    select: Paired
    asked: tuple[float, ...]
    cost: float


def propose(
    job: Job, scores: Scores | None, baseline: Trial, trials: list[Trial]
) -> list[Proposal]:
    """Return the cascades that promise more than any variant alone, the best first.

    Two stages each, or three where a still cheaper one before them promises more. A variant that
    may well fail its test does not count: what asks another one where it is unsure is there then.

    Args:
        job: what the search works on.
        scores: where the class scores are; None where numbers are judged.
        baseline: the original, with what it said about the select split.
        trials: variants that were looked at, whether or not they keep the budget alone.
    """
    effort = job.settings.effort
    stages = [one for one in trials if _is_usable(one)]
    if not stages:
        return []
    assert baseline.seen is not None
    lasts = _last_stages(job, baseline, stages)
    alone = min(map(cost_of(job), [baseline, *(one for one in stages if _is_safe(job, one))]))
    rate = by_scores(scores, baseline.seen) if scores else by_distance(job, baseline.seen)
    firsts = [one for trial in stages if (one := _as_first(job, rate, trial))]
    pairs = sorted(_joined(job, baseline.seen, firsts, lasts), key=rank)
    cascades = [_behind(job, pair) for pair in _different(pairs)[: _PRECEDED[effort]]]
    least = min((rank(pair) for pair in pairs), default=0.0)
    deeper = _joined(job, baseline.seen, firsts, cascades)
    pairs += [pair for pair in deeper if rank(pair) <= WORTH_MORE * least]
    promising = [pair for pair in sorted(pairs, key=rank) if rank(pair) <= _GAIN * alone]
    found: list[Proposal] = []
    for pair in _different(promising)[: _PAIRS[effort]]:
        found += _proposals(pair)
    return found


def _different(pairs: list[Pair]) -> list[Pair]:
    """Return the first of those that would run the same graphs on different engines."""
    best: dict[tuple[str, ...], Pair] = {}
    for pair in pairs:
        stages = (*pair.first.trial.plan.stages, *pair.last.plan.stages)
        best.setdefault(tuple(stage.graph.model.digest for stage in stages), pair)
    return list(best.values())


def _joined(job: Job, original: Seen, firsts: list[First], lasts: list[Last]) -> list[Pair]:
    """Return every cheap variant before everything dearer, where that keeps the budget."""
    return [
        pair
        for last in lasts
        for first in firsts
        if first.cost <= _CHEAPER * last.least
        and first.trial.plan.last.resting() not in last.plan.stages
        and (pair := fitted(job, original, first, last))
    ]


def _behind(job: Job, pair: Pair) -> Last:
    """Return a cascade as what may answer behind a further stage, at its safest threshold."""
    step, n = pair.steps[0], len(pair.confidences)
    unsure, last = pair.unsure(step), pair.last
    return Last(
        _planned(pair, step),
        np.where(unsure, last.losses[:n], pair.first.losses[:n]),
        pair.first.cost + unsure * dearer(job) * last.costs[:n],
        _reached(pair, unsure),
    )


def _reached(pair: Pair, unsure: Array) -> tuple[Array, ...]:
    return (unsure, *(unsure & each[: len(unsure)] for each in pair.last.reached))


def _is_usable(trial: Trial) -> bool:
    seen = trial.seen
    return not trial.refusals and seen is not None and len(seen) >= _LEAST_SEEN


def _is_safe(job: Job, trial: Trial) -> bool:
    select = trial.select
    return trial.is_original or (select is not None and risk(job, trial, select) <= SAFE)


def _last_stages(job: Job, baseline: Trial, stages: list[Trial]) -> list[Last]:
    """Return what may answer last: the original, and what seems to keep the budget alone."""
    cost = cost_of(job)
    original = min([baseline, *(one for one in stages if one.is_original)], key=cost)
    keeping = [
        one
        for one in stages
        if one.select is not None
        and not one.is_original
        and needed(job, one.select) <= job.budget.max_drop
    ]
    lasts = [*sorted(keeping, key=cost)[: _FINALS - 1], original]
    return [
        Last(
            Plan((trial.plan.last.resting(),)),
            trial.seen.losses,
            np.full(len(trial.seen), cost(trial)),
        )
        for trial in lasts
        if trial.seen is not None
    ]


def _as_first(job: Job, rate: Rate, trial: Trial) -> First | None:
    """Return a variant with rules fitted to it; None where there are none."""
    assert trial.seen is not None
    rules = rate(trial.seen)
    if not rules:
        return None
    count = len(rules[0][1])
    return First(trial, cost_of(job)(trial), trial.seen.losses[:count], rules)


def _planned(pair: Pair, step: Step) -> Plan:
    last = pair.last.plan
    stages = (pair.first.trial.plan.last.resting(), *last.stages)
    return Plan(stages, (pair.rule.at(step.threshold), *last.rules))


def _proposals(pair: Pair) -> list[Proposal]:
    found: dict[str, Proposal] = {}
    for step in pair.steps:
        plan = _planned(pair, step)
        asked = tuple(float(np.mean(each)) for each in _reached(pair, pair.unsure(step)))
        name = "-".join([plan.name, *(str(round(100 * share)) for share in asked)])
        found.setdefault(name, Proposal(plan, name, step.paired, asked, step.cost))
    return list(found.values())
