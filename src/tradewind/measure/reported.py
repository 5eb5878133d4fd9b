"""Figures that compare examples with each other: told with an interval, and never promised."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind.errors import SettingError
from tradewind.evidence import Resampled, Statistic
from tradewind.tensors import Array


@dataclass(frozen=True)
class Reported:
    """One such figure of a variant.

    Args:
        metric: its name.
        n: labelled examples of the certify split that it was worked out on.
        found: of the original, of the variant, and how much is lost.
        confidence: of each interval.
        certified: never; it is here so that nobody takes it for a certificate.
    """

    metric: str
    n: int
    found: Resampled
    confidence: float = 0.95
    certified: bool = False


def check_reports(names: tuple[str, ...]) -> None:
    """Raise unless there is a figure of each name.

    Raises:
        SettingError: there is none.
    """
    for name in names:
        if name not in FIGURES:
            raise SettingError("--report", ", ".join(FIGURES), name)


def figure(name: str, logits: Array, labels: Array) -> Statistic:
    """Return the figure of a model as a function of the weights of the examples.

    With more than two classes it is the mean over all classes, each against the rest.

    Args:
        name: one of `FIGURES`.
        logits: float[n, classes], 2 classes or more.
        labels: int64[n].
    """
    return FIGURES[name](np.asarray(logits, np.float64), np.asarray(labels))


def _auc(logits: Array, labels: Array) -> Statistic:
    """Return the area under the receiver operating characteristic; ties count half."""

    def one(scores: Array, is_class: Array) -> Statistic:
        order = np.argsort(scores, kind="stable")
        right, starts = is_class[order], _starts(scores[order])

        def area(weights: Array) -> float:
            ordered = weights[order]
            inside = np.add.reduceat(ordered * right, starts)
            outside = np.add.reduceat(ordered * ~right, starts)
            below = np.cumsum(outside) - outside
            pairs = inside.sum() * outside.sum()
            return float((inside * (below + outside / 2)).sum() / pairs) if pairs else np.nan

        return area

    return _each_class(logits, labels, one)


def _average_precision(logits: Array, labels: Array) -> Statistic:
    """Return the mean precision over the thresholds, weighted by what each adds to the recall."""

    def one(scores: Array, is_class: Array) -> Statistic:
        order = np.argsort(-scores, kind="stable")
        right, starts = is_class[order], _starts(scores[order])

        def precision(weights: Array) -> float:
            ordered = weights[order]
            inside = np.add.reduceat(ordered * right, starts)
            taken = np.cumsum(np.add.reduceat(ordered, starts))
            share = np.divide(np.cumsum(inside), taken, out=np.zeros_like(taken), where=taken > 0)
            total = inside.sum()
            return float((inside * share).sum() / total) if total else np.nan

        return precision

    return _each_class(logits, labels, one)


def _f1(logits: Array, labels: Array) -> Statistic:
    """Return the harmonic mean of precision and recall."""

    def of(hit: Array, said: Array, actual: Array) -> Array:
        return 2 * hit / np.where(said + actual > 0, said + actual, np.nan)

    return _decided(logits, labels, of, only_second=logits.shape[1] == 2)


def _balanced_accuracy(logits: Array, labels: Array) -> Statistic:
    """Return the mean over the classes of the share of their examples that is recognised."""

    def of(hit: Array, said: Array, actual: Array) -> Array:
        return hit / np.where(actual > 0, actual, np.nan)

    return _decided(logits, labels, of, only_second=False)


def _decided(
    logits: Array,
    labels: Array,
    of: Callable[[Array, Array, Array], Array],
    *,
    only_second: bool,
) -> Statistic:
    """Return the mean over classes of a figure of decisions.

    Args:
        logits: float64[n, classes].
        labels: int64[n].
        of: weights of what was recognised, said and actual, float64[classes], to the figure.
        only_second: whether class 1 alone counts.
    """
    classes = logits.shape[1]
    decided = logits.argmax(axis=1)

    def mean(weights: Array) -> float:
        hit = np.bincount(labels, weights * (decided == labels), classes)
        said = np.bincount(decided, weights, classes)
        actual = np.bincount(labels, weights, classes)
        found = of(hit, said, actual)[1:2] if only_second else of(hit, said, actual)
        return _mean(found)

    return mean


def _each_class(
    logits: Array, labels: Array, one: Callable[[Array, Array], Statistic]
) -> Statistic:
    """Return the mean of a figure over classes that occur; of two classes that of the second."""
    if logits.shape[1] == 2:
        return one(logits[:, 1] - logits[:, 0], labels == 1)
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    occur = np.unique(labels)
    figures = [one(shares[:, index], labels == index) for index in occur]
    return lambda weights: _mean(np.array([each(weights) for each in figures]))


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def _starts(ordered: Array) -> Array:
    """Return where each run of equal scores begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


FIGURES: dict[str, Callable[[Array, Array], Statistic]] = {
    "auc": _auc,
    "average-precision": _average_precision,
    "f1": _f1,
    "balanced-accuracy": _balanced_accuracy,
}
"""What can be reported, by name."""
