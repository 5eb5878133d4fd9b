"""Intervals of figures that no count of examples bounds, by drawing the examples again."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tradewind.tensors import Array

Statistic = Callable[[Array], float]
"""A figure of weighted examples: float64[n] weights to a number, NaN where it is not defined."""

REPEATS = 500


@dataclass(frozen=True)
class Spread:
    """A figure with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Resampled:
    """What two models reach on the same examples, and by how much the second is worse."""

    before: Spread
    after: Spread
    drop: Spread

    @property
    def is_known(self) -> bool:
        """Whether the figure is defined for both on these examples."""
        spreads = (self.before, self.after, self.drop)
        return all(math.isfinite(x) for one in spreads for x in (one.value, one.low, one.high))


def paired_bootstrap(
    before: Statistic,
    after: Statistic,
    count: int,
    random: np.random.Generator,
    groups: Array | None = None,
    confidence: float = 0.95,
) -> Resampled:
    """Return a figure of two models with percentile intervals, both from the same draws.

    The interval is an approximation that is good for many examples, and no certificate: nothing
    bounds how often it misses for few examples, or for rare classes.

    Args:
        before: the figure of the original.
        after: that of a variant on the same examples.
        count: of the examples.
        random: draws them.
        groups: which examples belong together; they are drawn together.
        confidence: of each interval.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13.
    """
    member = np.arange(count) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(member.max()) + 1
    drawn = np.empty((REPEATS, 2))
    for row in drawn:
        weights = random.multinomial(units, np.full(units, 1.0 / units))[member].astype(np.float64)
        row[:] = before(weights), after(weights)
    whole = np.ones(count)
    first, second = before(whole), after(whole)
    return Resampled(
        _spread(first, drawn[:, 0], confidence),
        _spread(second, drawn[:, 1], confidence),
        _spread(first - second, drawn[:, 0] - drawn[:, 1], confidence),
    )


def _spread(value: float, drawn: Array, confidence: float) -> Spread:
    known = drawn[np.isfinite(drawn)]  # a draw may hold no example of a class
    if not len(known):
        return Spread(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return Spread(value, float(low), float(high))
