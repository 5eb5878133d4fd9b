"""All counters of a machine as one."""

import time
from collections.abc import Sequence
from typing import final

from tradewind.measure.energy.counters import Counter, Nvml, Rapl, pynvml

IDLE_S = 0.5
"""How long the machine is watched while the process that measures sleeps."""


@final
class Meter:
    """Joules of everything that counts them, other programs and idle power included.

    Args:
        counters: what is read.
    """

    def __init__(self, counters: Sequence[Counter]) -> None:
        self._counters = counters
        self.parts = tuple(name for one in counters for name in one.joules())

    def joules(self) -> float | None:
        """Return what was used since the beginning; None where a part no longer tells."""
        found = {name: used for one in self._counters for name, used in one.joules().items()}
        return sum(found.values()) if self.parts and set(found) == set(self.parts) else None

    def idle_watts(self, seconds: float = IDLE_S) -> float | None:
        """Return the power of the machine while this process sleeps."""
        before, begin = self.joules(), time.perf_counter()
        if before is None:
            return None
        time.sleep(seconds)
        after = self.joules()
        return None if after is None else (after - before) / (time.perf_counter() - begin)


def this_meter(*, has_gpu: bool = False) -> Meter:
    """Return the meter of this machine.

    Args:
        has_gpu: whether GPUs are counted; what does not run on them need not pay for them.
    """
    processors = Rapl(with_memory=True)
    return Meter([processors, Nvml(pynvml())] if has_gpu else [processors])
