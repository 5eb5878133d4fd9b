"""Measured values in the words and roundings that people read."""

import math
from datetime import datetime

from tradewind.evidence import rounded_up
from tradewind.measure import Ratio

UNKNOWN = "not measured"


def is_known(value: float | None) -> bool:
    """Say whether there is a finite number to show."""
    return value is not None and math.isfinite(value)


def significant(value: float, digits: int = 3) -> str:
    """Return a number with that many significant digits and thousands separators."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else UNKNOWN
    magnitude = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    decimals = max(0, digits - 1 - magnitude)
    return f"{value:,.{min(decimals, 9)}f}"


def milliseconds(value: float | None) -> str:
    """Return a time such as `5.61 ms`."""
    return f"{significant(value)} ms" if value is not None and is_known(value) else UNKNOWN


def rate(value: float | None) -> str:
    """Return a throughput such as `1,230/s`."""
    return f"{significant(value)}/s" if value is not None and is_known(value) else UNKNOWN


def share(value: float | None) -> str:
    """Return a share such as `0.64%`; what is not zero is not rounded to zero."""
    if value is None or not is_known(value):
        return UNKNOWN
    if value == 0:
        return "0%"
    if abs(value) < 0.0001:
        return "<0.01%" if value > 0 else ">-0.01%"
    return f"{value:,.2%}"


def at_most(bound: float | None) -> str:
    """Return an upper bound of a share, rounded up so that it stays one."""
    if bound is None or not is_known(bound):
        return UNKNOWN
    rounded = rounded_up(bound)
    return "0%" if rounded == 0 else f"{rounded:,.2%}"


def setting(value: float) -> str:
    """Return a share that somebody chose, with no more digits than it needs."""
    return f"{value * 100:.6g}%"


def size(value: float | None) -> str:
    """Return an amount of memory such as `44.6 MB`, in powers of 1,000."""
    if value is None or not is_known(value):
        return UNKNOWN
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(value) >= factor:
            return f"{significant(value / factor)} {unit}"
    return f"{value:.0f} B"


def factor(value: float) -> str:
    """Return a ratio without its sign, such as `3.80`."""
    if not is_known(value):
        return UNKNOWN
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{decimals}f}"


def times(found: Ratio | None) -> str:
    """Return a ratio such as `3.80 times`."""
    return f"{factor(found.ratio)} times" if found and is_known(found.ratio) else UNKNOWN


def interval(found: Ratio | None) -> str:
    """Return the interval of a ratio, such as `3.71 to 3.92`; empty when there is no ratio."""
    if found is None or not is_known(found.ratio):
        return ""
    low, high = found.low, found.high
    if is_known(low) and is_known(high):
        return f"{factor(low)} to {factor(high)}"
    return f"above {factor(low)}" if is_known(low) and low > 0 else "unknown"


def probability(value: float) -> str:
    """Return a p-value such as `0.0032`."""
    if not is_known(value):
        return UNKNOWN
    return "below 0.0001" if value < 0.0001 else significant(value, 2)


def duration(seconds: float) -> str:
    """Return a duration such as `4 min 12 s`."""
    if not is_known(seconds):
        return UNKNOWN
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes:,} min {rest} s" if minutes else f"{rest} s"


def moment(text: str) -> str:
    """Return an ISO 8601 time such as `2 January 2025, 03:04 UTC`; anything else as it is."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{found.day} {found:%B %Y, %H:%M} {found.tzname() or ''}".rstrip()
