"""What was measured, round by round."""

import os
import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.serving.closed_loop import Loop
from benchmarks.serving.open_loop import Outcome
from benchmarks.serving.posts import Wire


@final
@dataclass(frozen=True)
class Start:
    """One start of one server."""

    peer: str
    model: str
    round: int
    cold_start_s: float
    pss_bytes: int  # after the first answers, idle
    rss_bytes: int


@final
@dataclass(frozen=True)
class Closed:
    """One closed loop."""

    peer: str
    model: str
    round: int
    wire: Wire
    loop: Loop
    cpu_ms: float  # of the server, for each request
    pss_bytes: int  # at the end


@final
@dataclass(frozen=True)
class Open:
    """One open loop."""

    peer: str
    model: str
    round: int
    wire: Wire
    times: float  # of the capacity that was found just before
    capacity: float
    outcome: Outcome
    pss_bytes: int


@final
@dataclass(frozen=True)
class Failure:
    """A server that could not be measured."""

    peer: str
    model: str
    round: int
    why: str


@final
@dataclass(frozen=True)
class Range:
    """The middle of several rounds with the ends."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Range":
        """Return that of one or more values."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1])


@final
@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gb: float
    load: float  # of the system before the start
    python: str
    system: str

    @classmethod
    def here(cls) -> "Machine":
        """Describe this one."""
        names = [
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ]
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        return cls(
            names[0] if names else platform.processor(),
            os.cpu_count() or 1,
            round(memory, 1),
            round(os.getloadavg()[0], 2),
            platform.python_version(),
            platform.release(),
        )
