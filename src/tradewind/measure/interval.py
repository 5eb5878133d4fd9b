"""Intervals that assume nothing about the shape of the noise."""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from tradewind.tensors import Array


@dataclass(frozen=True)
class Bounds:
    """A value with the range that it lies in."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Bounds":
        """Return all three in another unit."""
        return Bounds(self.value * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class Ratio:
    """How many times better a candidate is than the baseline, with its interval.

    `high` is infinite where nothing bounds it; a manifest has null there.
    """

    ratio: float
    low: float
    high: float

    @property
    def is_better(self) -> bool:
        """Whether the interval lies above 1."""
        return self.low > 1.0


def paired_ratio(baseline: Array, candidate: Array, confidence: float = 0.95) -> Ratio:
    """Return the median of baseline / candidate over paired rounds, with its interval.

    The interval is that of the sign test: with k the largest integer for which
    P(Binomial(n, 1/2) < k) <= (1 - confidence) / 2, it runs from the k-th smallest to the k-th
    largest ratio. Within a round the order of the two is drawn at random, so that for two equal
    programs each sign is a fair coin whatever the noise does; the interval then misses 1 with
    probability at most 1 - confidence, also when noise lasts over many rounds.

    Args:
        baseline: float[rounds], a cost per round such as seconds.
        candidate: float[rounds], the same of the candidate.
        confidence: of the interval, two-sided.

    Returns:
        The median ratio; with too few rounds for the confidence the interval is (0, inf).

    Source: Conover, Practical Nonparametric Statistics, 3.2.
    """
    found = median_interval(
        np.asarray(baseline, np.float64) / np.asarray(candidate, np.float64), confidence
    )
    return Ratio(found.value, found.low, found.high)


def median_interval(values: Array, confidence: float = 0.95) -> Bounds:
    """Return the median of values that are not negative, with the interval of the sign test.

    Args:
        values: float[rounds].
        confidence: of the interval, two-sided.

    Returns:
        The median; with too few rounds for the confidence the interval is (0, inf).
    """
    ordered = np.sort(np.asarray(values, np.float64))
    rounds = len(ordered)
    outside = int(scipy.stats.binom.ppf((1.0 - confidence) / 2.0, rounds, 0.5))
    while (
        outside > 0 and scipy.stats.binom.cdf(outside - 1, rounds, 0.5) > (1.0 - confidence) / 2.0
    ):
        outside -= 1
    median = float(np.median(ordered))
    if outside < 1:
        return Bounds(median, 0.0, float("inf"))
    return Bounds(median, float(ordered[outside - 1]), float(ordered[rounds - outside]))


def rounds_needed(confidence: float) -> int:
    """Return in how many rounds at least an interval of this confidence can have two ends."""
    return max(1, math.ceil(1.0 - math.log2(1.0 - confidence) - 1e-9))
