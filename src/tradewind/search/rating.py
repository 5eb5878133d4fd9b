"""Rules fitted to what a first stage said about the select split, without labels."""

from collections.abc import Callable

import numpy as np

from tradewind.measure import ClippedError, Within
from tradewind.runners import (
    ConfidenceRule,
    Scores,
    columns_of,
    fit_agreement,
    fit_distance,
    fit_margin,
)
from tradewind.search.job import Job
from tradewind.search.trials import Seen
from tradewind.tensors import Array

Rules = tuple[tuple[ConfidenceRule, Array], ...]
"""Each with float64[n], how sure a stage is by this rule; the simplest first."""

Rate = Callable[[Seen], Rules]
"""Fits rules to what a variant said; none where they cannot be."""

_FOLDS = 5
_READ = 64  # examples at once


def by_scores(scores: Scores, original: Seen) -> Rate:
    """Return what rates by class scores.

    Args:
        scores: where they are.
        original: what the original said.
    """

    def rate(seen: Seen) -> Rules:
        if seen.logits is None or original.logits is None:
            return ()
        n = min(len(original), len(seen))
        logits = seen.logits[:n].astype(np.float64)
        wanted = original.logits[:n].argmax(axis=1)
        agrees = logits.argmax(axis=1) == wanted
        rules = (fit_margin(scores, logits, wanted), fit_agreement(scores, logits, agrees))
        return tuple((rule, rule.rate(logits)) for rule in rules)

    return rate


def by_distance(job: Job, original: Seen) -> Rate:
    """Return what rates by the predicted distance from the original's answer.

    How sure a stage is of an example is told by a rule that was fitted without it: trees know
    what they have seen too well.

    Args:
        job: knows the inputs, and how distances are judged.
        original: what the original said.
    """
    metric = job.metric
    if not isinstance(metric, (Within, ClippedError)):
        return lambda seen: ()
    inputs = _inputs(job, len(original))

    def rate(seen: Seen) -> Rules:
        n = min(len(original), len(seen))
        answers = seen.answers[:n]
        distances = metric.distances(answers, original.answers[:n])
        columns = np.concatenate([inputs[:n], columns_of({}, answers)], axis=1)
        folds, found = _folds(job, n), np.empty(n)
        for number in range(_FOLDS):
            held = folds == number
            rule = fit_distance(columns[~held], distances[~held])
            found[held] = rule.rate(columns[held])
        found[~np.isfinite(answers).all(axis=1)] = -np.inf
        return ((fit_distance(columns, distances), found),)

    return rate


def _inputs(job: Job, count: int) -> Array:
    """Return what a rule sees of the first examples of the select split."""
    parts = []
    for batch in job.dataset.batches(job.splits.select[:count], _READ):
        size = max(len(array) for array in batch.values() if np.ndim(array))
        parts.append(columns_of(batch, np.empty((size, 0))))
    return np.concatenate(parts)


def _folds(job: Job, count: int) -> Array:
    """Return int64[count], the part that each example belongs to; those of a group share one."""
    groups = job.dataset.groups
    units = np.arange(count)
    if groups is not None:
        units = np.unique(groups[job.splits.select[:count]], return_inverse=True)[1]
    random = np.random.default_rng((job.settings.seed, 3))
    return np.asarray(random.permutation(int(units.max()) + 1)[units] % _FOLDS)
