"""The highest probability of a region along a line of hypotheses, with a proven error.

On the line p_b = max_drop + p, p_c = p, the probability T(p) of any region is a polynomial in p.
Writing I(p) = n (1 / p_b + 1 / p_c + 4 / (1 - p_b - p_c)), every derivative is bounded:

    |T^(k)(p)| <= sqrt(k!) / 2 * I(p)**(k / 2)      and      |T^(k)(p)| <= (4 n)**k / 2.

The first holds because the k-th derivative of the likelihood ratio is k! times the k-th
elementary symmetric polynomial of n independent terms of mean 0 and variance I / n, whose square
has the mean k!**2 * C(n, k) * (I / n)**k <= k! * I**k; the second because the k-th derivative is
a sum of n! / (n - k)! signed measures of mass at most 4**k. In both, the measure integrates to 0,
so a region sees at most half of its mass.

T is interpolated at K Chebyshev nodes on panels short enough for these bounds to keep the error
below what was asked for: a few dozen evaluations cover the whole line.
"""

import functools
import math
from dataclasses import dataclass
from typing import Final, final

import numpy as np

from tradewind.evidence.binomial import Floats
from tradewind.evidence.region import FavourableRegion

_NODES: Final = 16
_READINGS: Final = 2049  # points at which each panel's interpolant is read off


@final
@dataclass(frozen=True)
class _Panel:
    """A piece [low, high] of the line, for a sample of n and a given margin."""

    n: int
    max_drop: float
    low: float
    high: float

    def information(self) -> float:
        """Return the largest I(p) on the panel; I is convex, so an end attains it."""
        largest = 0.0
        for p in (self.low, self.high):
            cells = (self.max_drop + p, p, 1.0 - self.max_drop - 2.0 * p)
            if min(cells) <= 0.0:
                return math.inf
            largest = max(largest, self.n * (1.0 / cells[0] + 1.0 / cells[1] + 4.0 / cells[2]))
        return largest

    def interpolation_error(self) -> float:
        """Bound |T - interpolant| by h**K / (2**(K-1) K!) max|T^(K)|, h being half the width."""
        half = (self.high - self.low) / 2.0
        if half == 0.0:
            return 0.0
        by_information = (half * math.sqrt(self.information()) / 2.0) ** _NODES
        by_mass = (2.0 * half * self.n) ** _NODES
        factorial = math.factorial(_NODES)
        return min(by_information / math.sqrt(factorial), by_mass / factorial)

    def reading_error(self) -> float:
        """Bound what T can gain between two neighbouring readings: w**2 / 8 max|T''|."""
        step = (self.high - self.low) / (_READINGS - 1)
        return step**2 / 8.0 * min(self.information() / math.sqrt(2.0), 8.0 * self.n**2)

    def halves(self) -> tuple["_Panel", "_Panel"]:
        """Split where sqrt(p) is halfway, since I grows like 1 / p near 0."""
        middle = ((math.sqrt(self.low) + math.sqrt(self.high)) / 2.0) ** 2
        return (
            _Panel(self.n, self.max_drop, self.low, middle),
            _Panel(self.n, self.max_drop, middle, self.high),
        )


def highest_probability(
    region: FavourableRegion, max_drop: float, low: float, high: float, error: float
) -> float:
    """Return an upper bound of the region's probability over p_c in [low, high].

    max over p of P(region; p_b = max_drop + p, p_c = p), exceeded by at most about `error` for the
    interpolation plus the reading error of 2,049 points per panel (below 1e-6).

    Args:
        region: the outcomes.
        max_drop: p_b - p_c on the line, -1 < max_drop <= 1.
        low: least p_c, at least max(0, -max_drop).
        high: largest p_c, `low` to (1 - max_drop) / 2.
        error: interpolation error allowed, > 0.

    Source: the bounds are derived above; Chebyshev interpolation as in Trefethen, Approximation
    Theory and Approximation Practice, chapter 4.
    """
    nodes, weights = _interpolation()
    waiting = [_Panel(region.n, max_drop, low, high)]
    highest = 0.0
    while waiting:
        panel = waiting.pop()
        if panel.interpolation_error() > error:
            waiting.extend(panel.halves())
            continue
        p = (panel.low + panel.high) / 2.0 + (panel.high - panel.low) / 2.0 * nodes
        readings = weights @ region.probability(max_drop + p, p)
        slack = panel.interpolation_error() + panel.reading_error()
        highest = max(highest, float(readings.max()) + slack)
    return min(highest, 1.0)


@functools.cache
def _interpolation() -> tuple[Floats, Floats]:
    """Return the Chebyshev nodes on [-1, 1] with the matrix from values there to readings.

    Returns:
        float64[K] nodes; float64[2049, K] barycentric weights, whose rows sum to 1.

    Source: Berrut and Trefethen, SIAM Review 46 (2004), eq. 4.2 and 5.3.
    """
    angles = (2.0 * np.arange(_NODES) + 1.0) * np.pi / (2.0 * _NODES)
    nodes = np.cos(angles)
    signed = np.where(np.arange(_NODES) % 2 == 0, 1.0, -1.0) * np.sin(angles)
    gaps = np.linspace(-1.0, 1.0, _READINGS)[:, None] - nodes
    hits = gaps == 0.0
    weights = np.where(hits.any(axis=1, keepdims=True), 0.0, signed / np.where(hits, 1.0, gaps))
    weights[hits] = 1.0
    return nodes, weights / weights.sum(axis=1, keepdims=True)
