"""The outcomes that speak at least as well for a variant as a given one.

An outcome of n paired examples is (b, c): b examples on which only the original is right and
c on which only the variant is. Outcomes are ordered by

    s(b, c) = b - c + k * sqrt(b + c + k**2),        k = the normal quantile of the confidence,

n times an approximate upper confidence limit of the drop, so a small s speaks for the variant.
The order has the two properties that everything else rests on:

1. s rises with b, and falls by at least 1/2 for each c, because k / (2 sqrt(b + c + k**2)) <= 1/2.
   A region {s <= limit} is therefore closed under "fewer b" and "more c" (Barnard's convexity),
   which makes its probability fall with p_b and rise with p_c.
2. s does not depend on the drop that is tested, so a p-value never rises with that drop.

The approximation decides only the order; every probability is computed from the trinomial.
"""

import math
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from tradewind.evidence.binomial import Floats, Integers, binomial_cdf, binomial_pmf

_OMITTED: Final = 1e-10  # probability left out on the far sides of the window of totals


def approximate_limit(worse: int, better: int, quantile: float) -> float:
    """Return s(b, c), by which outcomes are ordered; see the module's formula."""
    return worse - better + quantile * math.sqrt(worse + better + quantile**2)


@final
@dataclass(frozen=True)
class FavourableRegion:
    """All outcomes (b, c) of n examples with s(b, c) <= limit."""

    n: int
    limit: float
    quantile: float

    def most_worse(self, totals: Integers) -> Integers:
        """Return, for each total m = b + c, the largest b inside the region.

        Args:
            totals: int64[m], 0..n.

        Returns:
            int64[m], -1 where no outcome of that total is inside.
        """
        spread = self.quantile * np.sqrt(totals + self.quantile**2)
        # 1e-7 lets ties in despite rounding; a larger region is only more conservative
        largest = np.floor((self.limit + totals - spread) / 2.0 + 1e-7)
        clipped: Integers = np.clip(largest, -1, totals).astype(np.int64)
        return clipped

    def probability(self, p_worse: Floats, p_better: Floats) -> Floats:
        """Return the region's probability, never too small.

        sum over m of P(M = m) * P(B <= most_worse(m) | M = m), with M ~ Binomial(n, p_b + p_c)
        and B | M = m ~ Binomial(m, p_b / (p_b + p_c)), over the likely m, plus 1e-10 for the
        others and 1e-10 + 1e-15 n log(n) for rounding.

        Args:
            p_worse: float64[k], probabilities p_b.
            p_better: float64[k], probabilities p_c, p_b + p_c <= 1.

        Returns:
            float64[k].
        """
        p_total = np.minimum(p_worse + p_better, 1.0)
        share = np.divide(p_worse, p_total, out=np.zeros_like(p_total), where=p_total > 0)
        totals = _likely_totals(self.n, p_total)
        mass = binomial_pmf(totals, self.n, p_total[:, None])
        inside = _staircase_cdf(self.most_worse(totals), totals, share[:, None])
        rounding = 1e-10 + 1e-15 * self.n * math.log(self.n + 1.0)
        tail: Floats = (mass * inside).sum(axis=1) + _OMITTED + rounding
        return np.minimum(tail, 1.0)


def _staircase_cdf(k: Integers, totals: Integers, p: Floats) -> Floats:
    """Return F[m] = P(K <= k[m]), K ~ Binomial(m, p), for consecutive m and k in steps of 0 or 1.

    F[m + 1] = F[m] - p P(K_m = k[m]) + P(K_{m+1} = k[m + 1]) if k rose, which needs one incomplete
    beta function instead of one for each m.

    Args:
        k: int64[m], -1..m.
        totals: int64[m], consecutive.
        p: float64[j, 1].

    Returns:
        float64[j, m].
    """
    at_edge = np.where(k < 0, 0.0, binomial_pmf(np.maximum(k, 0), totals, p))
    rises = np.diff(k) * at_edge[:, 1:] - p * at_edge[:, :-1]
    first = binomial_cdf(k[:1], totals[:1], p)
    return np.concatenate([first, first + np.cumsum(rises, axis=1)], axis=1)


def _likely_totals(n: int, p_total: Floats) -> Integers:
    """Return the consecutive totals outside which Binomial(n, p) has at most 1e-10 of its mass.

    |M - n p| > t has probability at most 2 exp(-t**2 / (2 v + 2 t / 3)), v = n p (1 - p).

    Source: Bernstein's inequality, solved for t.
    """
    log_odds = math.log(2.0 / _OMITTED)
    variance = n * p_total * (1.0 - p_total)
    reach = log_odds / 3.0 + np.sqrt(log_odds**2 / 9.0 + 2.0 * log_odds * variance)
    first = max(0, math.floor(float(np.min(n * p_total - reach))))
    last = min(n, math.ceil(float(np.max(n * p_total + reach))))
    return np.arange(first, last + 1, dtype=np.int64)
