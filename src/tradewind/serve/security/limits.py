"""How much one client may ask for: rates that refill, and quotas of a day."""

import math
import time
from collections.abc import Callable

from msgspec import Struct

from tradewind.errors import SettingError
from tradewind.serve.refusals import Reason, Refusal

_DAY_S = 86_400
_MOST_CLIENTS = 10_000


class Limits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one client may use; 0 stands for no limit."""

    requests_per_s: float = 0.0
    examples_per_s: float = 0.0
    requests_per_day: int = 0  # of UTC
    examples_per_day: int = 0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise SettingError(name, "0 or more", str(value))


class _Bucket:
    """Fills at a steady rate up to what one second brings, at least one."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._size = max(1.0, per_s)
        self._level = self._size
        self._at_s = -math.inf

    def take(self, count: int, now_s: float) -> float:
        """Take `count` and return 0, or take nothing and return the seconds to wait.

        What is larger than the bucket is given once the bucket is full, and paid back before
        anything else is given: the rate holds for requests of any size.
        """
        if self._at_s > -math.inf:
            self._level = min(self._size, self._level + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        missing = min(count, self._size) - self._level
        if missing > 1e-9:
            return missing / self._per_s
        self._level -= count
        return 0.0

    def give_back(self, count: int) -> None:
        """Undo taking `count`."""
        self._level = min(self._size, self._level + count)


class _Quota:
    """Counts up to a number each day of UTC."""

    def __init__(self, per_day: int) -> None:
        self._per_day = per_day
        self._day = -1
        self._used = 0

    def take(self, count: int, now_s: float) -> float:
        """Take `count` and return 0, or take nothing and return the seconds to midnight."""
        day = int(now_s // _DAY_S)
        if day != self._day:
            self._day, self._used = day, 0
        if self._used + count > self._per_day:
            return (day + 1) * _DAY_S - now_s
        self._used += count
        return 0.0

    def give_back(self, count: int) -> None:
        """Undo taking `count`."""
        self._used = max(0, self._used - count)


_Counter = _Bucket | _Quota


class Allowance:
    """What is left of the limits of one client.

    Args:
        name: of the client, for messages.
        limits: of the client.
        clock: returns seconds since 1970.
    """

    def __init__(self, name: str, limits: Limits, clock: Callable[[], float] = time.time) -> None:
        self.limits = limits
        self._name = name
        self._clock = clock
        self._requests = _counters(limits.requests_per_s, limits.requests_per_day, "requests")
        self._examples = _counters(limits.examples_per_s, limits.examples_per_day, "examples")

    def take_request(self) -> None:
        """Count one request.

        Raises:
            Refusal: it is one too many.
        """
        self._take(self._requests, 1)

    def take_examples(self, count: int) -> None:
        """Count the examples of a request.

        Raises:
            Refusal: they are too many.
        """
        self._take(self._examples, count)

    def give_back_examples(self, count: int) -> None:
        """Undo `take_examples`: they were not answered."""
        for _, counter in self._examples:
            counter.give_back(count)

    def _take(self, counters: list[tuple[str, _Counter]], count: int) -> None:
        now_s = self._clock()
        taken: list[_Counter] = []
        for what, counter in counters:
            wait_s = counter.take(count, now_s)
            if wait_s:
                for one in taken:
                    one.give_back(count)
                raise self._refusal(what, wait_s)
            taken.append(counter)

    def _refusal(self, what: str, wait_s: float) -> Refusal:
        return Refusal(
            Reason.RATE_LIMITED,
            f"key {self._name}",
            f"at most {what}",
            "more",
            "come back after the time in Retry-After.",
            max(1, math.ceil(wait_s)),
        )


class Allowances:
    """The allowances of all clients that have limits, as long as the server lives."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._of: dict[str, Allowance] = {}

    def of(self, name: str, limits: Limits) -> Allowance:
        """Return what is left for a client; new limits begin anew."""
        found = self._of.get(name)
        if found is None or found.limits != limits:
            if len(self._of) >= _MOST_CLIENTS:
                self._of.pop(next(iter(self._of)))
            found = self._of[name] = Allowance(name, limits, self._clock)
        return found

    def known(self, name: str) -> Allowance | None:
        """Return what is left for a client that was asked about before; None without limits."""
        return self._of.get(name)


def _counters(per_s: float, per_day: int, noun: str) -> list[tuple[str, _Counter]]:
    found: list[tuple[str, _Counter]] = []
    if per_s:
        found.append((f"{per_s:g} {noun} a second", _Bucket(per_s)))
    if per_day:
        found.append((f"{per_day} {noun} a day", _Quota(per_day)))
    return found
