"""How the values of a tensor are distributed, in memory that does not grow with their number."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tradewind.tensors import Array

BINS = 2048
"""Bins of one histogram; at least a quarter of them lie between zero and the values seen."""

Counts = npt.NDArray[np.int64]
Edges = npt.NDArray[np.float64]

_TINIEST = -126
"""Exponent of the narrowest bin: the scale of 32-bit floats ends there."""


class Histogram:
    """Counts of values in equal bins that always reach zero, one edge of which it is.

    The width is a power of two, and edges are its multiples. What lies outside makes every two
    bins one: no count is ever split, so that the counts are exact for the edges at hand.
    """

    def __init__(self, bins: int = BINS) -> None:
        self.lowest = math.inf  # of the finite values
        self.highest = -math.inf
        self.zeros = 0  # values that are exactly zero: every quantizer keeps them
        self.infinite = 0  # values that are no numbers or not finite; they are in no bin
        self.dtype: np.dtype[Any] = np.dtype(np.float32)  # of what was counted last
        self._bins = bins
        self._exponent: int | None = None  # of the width; None before the first value
        self._first = 0  # number of the first bin, counted from zero
        self._counts: Counts = np.zeros(bins, np.int64)

    def add(self, values: Array) -> None:
        """Count the values of one more batch."""
        self.dtype = values.dtype
        flat = values.reshape(-1).astype(np.float32, copy=False)
        if not flat.size:
            return
        low, high = float(flat.min()), float(flat.max())
        if not (math.isfinite(low) and math.isfinite(high)):
            finite = flat[np.isfinite(flat)]
            self.infinite += flat.size - finite.size
            flat = finite
            if not flat.size:
                return
            low, high = float(flat.min()), float(flat.max())
        self.lowest, self.highest = min(self.lowest, low), max(self.highest, high)
        self.zeros += flat.size - int(np.count_nonzero(flat))
        self._widen()
        assert self._exponent is not None
        # exact: a power of two scales without rounding
        places = np.floor(np.ldexp(flat, -self._exponent)).astype(np.int64) - self._first
        self._counts += np.bincount(places, minlength=self._bins)

    @property
    def total(self) -> int:
        """How many finite values were counted."""
        return int(self._counts.sum())

    @property
    def width(self) -> float:
        """The width of one bin."""
        return math.ldexp(1.0, self._exponent or 0)

    def counted(self) -> tuple[Counts, Edges]:
        """Return the counts of the bins that hold the range seen, with their edges.

        Returns:
            int64[bins] and float64[bins + 1]; one empty bin where nothing was counted.
        """
        if self._exponent is None:
            return np.zeros(1, np.int64), np.array([0.0, 1.0])
        low, high = self._places(self._exponent)
        kept = self._counts[low - self._first : high - self._first + 1]
        return kept.copy(), np.arange(low, high + 2, dtype=np.float64) * self.width

    def _places(self, exponent: int) -> tuple[int, int]:
        """Return the numbers of the bins at both ends of the range seen, zero included."""
        low, high = min(self.lowest, 0.0), max(self.highest, 0.0)
        return math.floor(math.ldexp(low, -exponent)), math.floor(math.ldexp(high, -exponent))

    def _widen(self) -> None:
        """Make room for the range seen: first by moving the bins, then by joining them."""
        if self._exponent is None:
            span = (max(self.highest, 0.0) - min(self.lowest, 0.0)) or 1.0
            wanted = math.ceil(math.log2(span / self._bins))
            self._exponent = max(wanted, _TINIEST)
            self._first = self._places(self._exponent)[0]
        exponent = self._exponent
        low, high = self._places(exponent)
        while high - low >= self._bins:
            exponent += 1
            low, high = self._places(exponent)
        first = self._first >> (exponent - self._exponent)
        if exponent == self._exponent and first <= low and high < first + self._bins:
            return
        places = (self._first + np.arange(self._bins)) >> (exponent - self._exponent)
        moved = np.zeros(self._bins, np.int64)
        used = np.flatnonzero(self._counts)
        # as far up as the range allows, so that as little as possible has to move next time
        start = max(min(first, low), high - self._bins + 1)
        np.add.at(moved, places[used] - start, self._counts[used])
        self._counts, self._first, self._exponent = moved, start, exponent
