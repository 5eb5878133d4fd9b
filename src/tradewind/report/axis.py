"""From values to places along one edge of a picture."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_LOG_FROM = 25.0  # largest over smallest, from where on a linear axis hides the small ones


@dataclass(frozen=True)
class Axis:
    """One edge of a picture.

    Args:
        low: value at `start`; above 0 when `is_log`.
        high: value at `end`, above `low`.
        start: place in pixels.
        end: place in pixels, on either side of `start`.
        is_log: whether equal distances are equal ratios.
    """

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Return the place of a value, at the nearer end when it is outside."""
        inside = min(max(value, self.low), self.high)
        if self.is_log:
            part = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            part = (inside - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Say whether a value is on the axis."""
        return self.low <= value <= self.high

    def ticks(self, about: int = 5) -> list[float]:
        """Return round values to write along the axis."""
        if self.is_log:
            return self._log_ticks()
        step = round_up((self.high - self.low) / about)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _log_ticks(self) -> list[float]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1.0, 2.0, 5.0) if self.high / self.low < 300 else (1.0,)
        values = (10.0**decade * step for decade in decades for step in steps)
        return [value for value in values if self.holds(value)]


def cost_axis(values: Iterable[float], start: float, end: float) -> Axis:
    """Return an axis for costs: from zero, or logarithmic when they differ very much.

    Args:
        values: 0 or more each, at least one.
        start: place of the low end in pixels.
        end: place of the high end in pixels.
    """
    found = sorted(values)
    positive = [value for value in found if value > 0]
    if len(positive) == len(found) and found[-1] / found[0] > _LOG_FROM:
        return Axis(found[0] / 1.5, found[-1] * 1.5, start, end, is_log=True)
    return Axis(0.0, found[-1] * 1.1 if positive else 1.0, start, end)


def round_up(value: float) -> float:
    """Return the least of 1, 2, 2.5, 5 times a power of ten that is `value` or more."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(
        step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= value * 0.999
    )
