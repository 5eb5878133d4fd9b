"""How often each range of a quantity was seen."""

from bisect import bisect_left
from typing import final

import numpy as np
from msgspec import Struct

from tradewind.tensors import Array

SECONDS = tuple(
    round(step * 10.0**power, 9) for power in range(-4, 2) for step in (1, 2.5, 5)
)  # 0.1 ms to 50 s
EXAMPLES = tuple(float(1 << power) for power in range(13))  # 1 to 4096


@final
class Histogram(Struct):
    """Counts by range, which add up over models, processes and machines.

    Args:
        bounds: the upper end of each range but the last, rising; a value at the end is within.
        counts: how often each range was seen, one more than there are bounds.
        total: of all values.
    """

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    @classmethod
    def of(cls, bounds: tuple[float, ...]) -> "Histogram":
        """Return one that has seen nothing."""
        return cls(bounds, [0] * (len(bounds) + 1))

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_all(self, values: Array) -> None:
        """Count many values at once."""
        ranges = np.searchsorted(self.bounds, values)
        seen = np.bincount(ranges, minlength=len(self.counts))
        self.counts = [mine + more for mine, more in zip(self.counts, seen.tolist(), strict=True)]
        self.total += float(values.sum())

    def add(self, other: "Histogram") -> None:
        """Count what another one with the same bounds has seen too."""
        assert self.bounds == other.bounds
        self.counts = [mine + more for mine, more in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    def buckets(self) -> list[tuple[str, float]]:
        """Return the counts cumulated, as Prometheus wants them."""
        seen = 0
        found: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            seen += count
            found.append((bound, seen))
        return found
