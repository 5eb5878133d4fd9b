"""Figures that are told of the finalists beside the promise."""

import numpy as np

from tradewind.data import check_labels
from tradewind.errors import SettingError
from tradewind.evidence import paired_bootstrap
from tradewind.measure import Reported, figure, responses
from tradewind.model import Model
from tradewind.runners import Scores, look_like_probabilities, score_output
from tradewind.search.certifying import in_test_order
from tradewind.search.job import Job
from tradewind.search.trials import Trial
from tradewind.tensors import Array


def check_reportable(model: Model, labels: Array | None, names: tuple[str, ...]) -> None:
    """Raise unless figures of class scores can be worked out.

    Raises:
        SettingError: there are no labels, or no output holds one score for each class.
        DataError: a label is out of range.
    """
    if not names:
        return
    asked = f"--report {names[0]}"
    if labels is None or labels.dtype.kind not in "iu":
        got = "none" if labels is None else str(labels.dtype)
        raise SettingError(asked, "labels that number the classes", got)
    name = score_output(model.signature)
    if name is None:
        raise SettingError(asked, "an output with one score for each class", "none")
    [width] = [spec.shape[-1] for spec in model.signature.outputs if spec.name == name]
    if isinstance(width, int):
        check_labels(labels, max(width, 2))


def report(job: Job, entrants: list[Trial], until: float) -> None:
    """Fill in the figures that were asked for; the first entrant is the original.

    Args:
        job: what the search works on.
        entrants: variants that were tested already, so that nothing depends on what is seen here.
        until: the clock's reading at which the examples that all have reached must do.
    """
    names = job.settings.reports
    if not names or job.dataset.labels is None:
        return
    indices = in_test_order(job)
    # all answer before anything is worked out, each for as long, so that none gets the rest only
    each_s = max(until - job.deadline.clock(), 0.0) / len(entrants)
    answered = [_logits(job, trial, indices, each_s) for trial in entrants]
    before = answered[0]
    for trial, after in zip(entrants, answered, strict=True):
        count = min(len(before), len(after))
        found = [_reported(job, name, before[:count], after[:count], indices) for name in names]
        # of one class alone there is no area under a curve
        trial.reported = tuple(one for one in found if one.found.is_known)


def _reported(job: Job, name: str, before: Array, after: Array, indices: Array) -> Reported:
    """Return a figure of two models' class scores for the first of these examples."""
    labels, groups = job.dataset.labels, job.dataset.groups
    assert labels is not None  # checked before
    count = len(before)
    truth = labels[indices[:count]]
    found = paired_bootstrap(
        figure(name, before, truth),
        figure(name, after, truth),
        count,
        np.random.default_rng((job.settings.seed, 3)),
        None if groups is None else groups[indices[:count]],
    )
    return Reported(name, count, found)


def _logits(job: Job, trial: Trial, indices: Array, time_s: float) -> Array:
    """Return the class scores of the first examples, as many as it computes in that time."""
    name = score_output(job.model.signature)
    assert name is not None  # checked before the search began
    parts: list[Array] = []
    batches = job.dataset.batches(indices, trial.load.batch_size)
    with trial.plan.compile() as runner:
        until = job.deadline.clock() + time_s
        for outputs in responses(runner, batches, job.fixed_batch):
            parts.append(np.asarray(outputs[name], np.float64).reshape(len(outputs[name]), -1))
            if job.deadline.clock() >= until:
                break
    values = np.concatenate(parts)
    return Scores(name, look_like_probabilities(values)).logits({name: values})
