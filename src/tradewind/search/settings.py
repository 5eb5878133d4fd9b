"""How long a search may take, and how hard it tries."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from tradewind.errors import SettingError
from tradewind.measure import Prices, check_reports

Effort = Literal["quick", "normal", "thorough"]

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}

_UNHURRIED_S = 120.0
"""In a shorter search every timing is shorter, so that as many variants are looked at."""
_LEAST_PATIENCE = 0.35


@dataclass(frozen=True)
class SearchSettings:
    """What bounds a search.

    Args:
        time_s: seconds after which the answer is due; at least 5.
        effort: how many variants are tried while time allows.
        seed: 0 or more; fixes the splits, what is calibrated on and the order of timing.
        prices: what is known about electricity and rented cores.
        reports: figures to tell of the finalists, not certified: auc, average-precision, f1,
            balanced-accuracy.
    """

    time_s: float = 300.0
    effort: Effort = "normal"
    seed: int = 0
    prices: Prices = field(default_factory=Prices)
    reports: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_reports(self.reports)
        if not self.time_s >= 5:
            raise SettingError("--time", "5 seconds or more", f"{self.time_s:g}")
        if self.effort not in get_args(Effort):
            known = ", ".join(get_args(Effort))
            raise SettingError("--effort", f"one of {known}", repr(self.effort))
        if self.seed < 0:
            raise SettingError("--seed", "0 or more", str(self.seed))

    @property
    def patience(self) -> float:
        """Share of the usual time that is taken to time something: 1 where there is plenty."""
        return min(max(self.time_s / _UNHURRIED_S, _LEAST_PATIENCE), 1.0)


def parse_time(text: str) -> float:
    """Return the seconds that `90`, `90s`, `5m` or `1.5h` stand for.

    Raises:
        SettingError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    found_s = 0.0 if found is None else float(found[1]) * _UNITS[found[2]]
    if found is None or not found_s:
        raise SettingError("--time", "a duration such as 90s, 5m or 1.5h", repr(text))
    return found_s


@dataclass(frozen=True)
class Deadline:
    """The end of the time that a search was given.

    Args:
        start: the clock's reading at the beginning.
        time_s: seconds given.
        clock: seconds that only go forward.
    """

    start: float
    time_s: float
    clock: Callable[[], float] = time.monotonic

    def at(self, share: float) -> float:
        """Return the clock's reading when `share` of the time has passed."""
        return self.start + share * self.time_s

    def left_s(self, share: float = 1.0) -> float:
        """Return the seconds until `share` of the time has passed; negative afterwards."""
        return self.at(share) - self.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.start
