"""Who stays in memory: the least recently used goes first, within a number of bytes."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar, final

Key = TypeVar("Key", bound=Hashable)


@final
@dataclass
class Resident:
    """One that takes memory."""

    size_bytes: int
    since_s: float
    used_s: float
    is_pinned: bool = False


class Residents(Generic[Key]):
    """Sizes and times of everything that is resident, and the rule of who has to go.

    A resident stays while it is pinned, while somebody uses it, and for its first `stay_s`
    seconds, without which two models that do not fit together would take turns for ever.

    Args:
        limit_bytes: of all together.
        stay_s: how long everybody stays at least.
    """

    def __init__(self, limit_bytes: float = math.inf, stay_s: float = 0.0) -> None:
        self.limit_bytes = limit_bytes
        self.stay_s = stay_s
        self._held: dict[Key, Resident] = {}

    @property
    def total_bytes(self) -> int:
        """What all take together."""
        return sum(resident.size_bytes for resident in self._held.values())

    def add(self, key: Key, size_bytes: int, now_s: float, *, is_pinned: bool = False) -> Resident:
        """Count one more; whoever uses it writes the time into what is returned."""
        resident = Resident(size_bytes, now_s, now_s, is_pinned)
        self._held[key] = resident
        return resident

    def drop(self, key: Key) -> None:
        """Count one less."""
        self._held.pop(key, None)

    def leavers(
        self, needed_bytes: int, now_s: float, is_busy: Callable[[Key], bool]
    ) -> list[Key] | None:
        """Return who has to go so that `needed_bytes` fit, in the order of their last use.

        Nobody goes who need not, and nobody at all when that would not be enough.

        Args:
            needed_bytes: by who is to come.
            now_s: on the clock of `add`.
            is_busy: says who is in use.

        Returns:
            None when it cannot be made to fit now.
        """
        excess = self.total_bytes + needed_bytes - self.limit_bytes
        going: list[Key] = []
        for key, resident in sorted(self._held.items(), key=lambda item: item[1].used_s):
            if excess <= 0:
                break
            if resident.is_pinned or now_s - resident.since_s < self.stay_s or is_busy(key):
                continue
            going.append(key)
            excess -= resident.size_bytes
        return going if excess <= 0 else None

    def fits_later(self, needed_bytes: int) -> bool:
        """Say whether so much would fit if everybody went who is not pinned."""
        pinned = sum(one.size_bytes for one in self._held.values() if one.is_pinned)
        return pinned + needed_bytes <= self.limit_bytes
