"""The exact test of a drop in accuracy, on paired right-or-wrong answers.

D = 1[original right, variant wrong] - 1[original wrong, variant right] has the mean
drop = p_b - p_c. The null hypothesis p_b - p_c >= max_drop leaves p_c free, so a p-value is the
highest probability of "an outcome at least as favourable as the one seen" over all p_c that the
data do not rule out, plus the chance of having ruled out the true one (Berger and Boos 1994).

What the data rule out is everything outside p_c >= L(c) and p_b <= U(b), two Clopper-Pearson
limits which together fail with probability at most gamma = alpha / 1000. Because a favourable
region's probability falls with p_b and rises with p_c (see `region`), the highest one lies on the
boundary p_b = max_drop + p_c. Both limits move the right way, too: p never falls when one more
example gets worse, never rises when one more gets better, and never rises with max_drop.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Self, final

import numpy as np
import numpy.typing as npt
import scipy

from tradewind.errors import SettingError
from tradewind.evidence.binomial import lower_limit, upper_limit
from tradewind.evidence.limits import alpha_of, check_count, check_max_drop
from tradewind.evidence.nuisance import highest_probability
from tradewind.evidence.region import FavourableRegion, approximate_limit

_MISSED: Final = 1e-3  # share of alpha spent on the limits of the nuisance parameter
_INTERPOLATION: Final = 1e-4  # share of alpha allowed as numerical error, on the safe side
_RESOLUTION: Final = 1e-4  # of the bracket within which a bound is searched


@final
@dataclass(frozen=True)
class PairedCounts:
    """How often two models differ in being right on the same n examples.

    Args:
        n: examples, 1 or more.
        worse: examples on which only the original is right (b).
        better: examples on which only the variant is right (c).

    Raises:
        SettingError: a count is negative, or worse + better exceeds n.
    """

    n: int
    worse: int
    better: int

    def __post_init__(self) -> None:
        check_count("n", self.n, 1)
        check_count("worse", self.worse, 0, self.n)
        check_count("better", self.better, 0, self.n - self.worse)

    @classmethod
    def from_correct(cls, original: npt.NDArray[np.bool_], variant: npt.NDArray[np.bool_]) -> Self:
        """Count from which answers are right.

        Args:
            original: bool[n], whether the original's answer to each example is right.
            variant: bool[n], the same for the variant, in the same order.

        Raises:
            SettingError: an array is empty, not boolean, not flat, or the lengths differ.
        """
        for where, correct in (("original", original), ("variant", variant)):
            if correct.dtype != np.bool_ or correct.ndim != 1 or correct.shape != original.shape:
                expected = f"bool[{original.size}]" if where == "variant" else "bool[n]"
                got = f"{correct.dtype}{list(correct.shape)}"
                raise SettingError(where, expected, got, "give `answers == labels` for both.")
        worse = int(np.count_nonzero(original & ~variant))
        better = int(np.count_nonzero(variant & ~original))
        return cls(n=original.size, worse=worse, better=better)

    @property
    def drop(self) -> float:
        """The drop in accuracy on these examples, (b - c) / n; negative when it rose."""
        return (self.worse - self.better) / self.n

    @property
    def disagreement(self) -> float:
        """The share of examples on which just one of the two is right, (b + c) / n."""
        return (self.worse + self.better) / self.n


@final
@dataclass(frozen=True)
class _DropTest:
    """The test of one outcome against every margin, tuned to one confidence."""

    counts: PairedCounts
    alpha: float

    def region(self) -> FavourableRegion:
        """Return the outcomes at least as favourable as this one."""
        quantile = NormalDist().inv_cdf(1.0 - self.alpha)
        limit = approximate_limit(self.counts.worse, self.counts.better, quantile)
        return FavourableRegion(self.counts.n, limit, quantile)

    def least_better(self) -> float:
        """Return L(c), the least p_c that is not ruled out."""
        return lower_limit(self.counts.better, self.counts.n, self.alpha * _MISSED / 2.0)

    def most_worse(self) -> float:
        """Return U(b), the largest p_b that is not ruled out."""
        return upper_limit(self.counts.worse, self.counts.n, self.alpha * _MISSED / 2.0)

    def p_value(self, max_drop: float) -> float:
        """Return the p-value against p_b - p_c >= max_drop, for -1 < max_drop <= 1."""
        missed = self.alpha * _MISSED
        low = max(self.least_better(), -max_drop)
        high = min(self.most_worse() - max_drop, (1.0 - max_drop) / 2.0)
        if low > high:
            return missed
        error = self.alpha * _INTERPOLATION
        return min(1.0, missed + highest_probability(self.region(), max_drop, low, high, error))


def drop_p_value(counts: PairedCounts, max_drop: float, confidence: float = 0.95) -> float:
    """Return a valid p-value against "the drop is max_drop or more".

    p = gamma + max P(s <= s(b, c); p_b = max_drop + p_c, p_c) over L(c) <= p_c <= U(b) - max_drop.
    Under every hypothesis with p_b - p_c >= max_drop and for every alpha, P(p <= alpha) <= alpha.

    Args:
        counts: the outcome.
        max_drop: margin, 0 <= max_drop < 1; 0 tests whether the variant is better.
        confidence: 1 - alpha at which the order of outcomes and gamma are tuned. It costs nothing
            in validity to compare p with another alpha, only power.

    Returns:
        (1 - confidence) / 1000 to 1, above the exact value by about alpha / 1000 at most.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.

    Source: Berger and Boos, JASA 89 (1994); Barnard, Biometrika 34 (1947) for the convexity.
    """
    check_max_drop(max_drop)
    return _DropTest(counts, alpha_of(confidence)).p_value(max_drop)


def is_non_inferior(counts: PairedCounts, max_drop: float, confidence: float) -> bool:
    """Say whether the drop is shown to be less than max_drop.

    Raises:
        SettingError: `max_drop` or `confidence` is outside its range.
    """
    return drop_p_value(counts, max_drop, confidence) <= alpha_of(confidence)


def drop_upper_bound(counts: PairedCounts, confidence: float) -> float:
    """Return an upper confidence bound of the drop.

    The least margin whose test rejects at alpha = 1 - confidence, rounded up. Since p never rises
    with the margin, all larger margins are rejected too, and the bound covers the true drop with
    probability at least `confidence`.

    Returns:
        -1 to 1; negative when the variant is shown to be better.

    Raises:
        SettingError: `confidence` is outside its range.
    """
    alpha = alpha_of(confidence)
    test = _DropTest(counts, alpha)
    low = counts.drop
    high = min(1.0, test.most_worse() - test.least_better())

    def excess(max_drop: float) -> float:
        return math.log(test.p_value(max_drop) / alpha)

    if high <= low or excess(high) > 0.0:
        return max(low, high)
    if excess(low) <= 0.0:
        return low
    step = (high - low) * _RESOLUTION
    bound = float(scipy.optimize.brentq(excess, low, high, xtol=step))
    while bound < high and excess(bound) > 0.0:
        bound = min(bound + step, high)
    return bound
