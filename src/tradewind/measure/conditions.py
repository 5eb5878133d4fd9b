"""What else went on while something was timed: other programs, clocks, the hypervisor."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import final

_BUSY = 0.2
"""Share of its cores that other programs took, from which on a machine is called busy."""

_STOLEN = 0.02
_NOTICED = 0.05
"""Share of one core from which on a process counts as a busy one."""


@dataclass(frozen=True)
class Conditions:
    """Under which something was timed.

    Args:
        cores: numbers of those that the process may run on.
        of_cores: how many there are.
        is_virtual: whether a hypervisor decides when they run.
        governor: of their clocks; None where it is not told, as in most virtual machines.
        turbo: whether clocks may rise above the nominal one; None where it is not told.
        mhz: the lowest and the highest clock seen on them at the begin and the end.
        load_average: of the minute before.
        others: how many of the cores other programs took, on average.
        stolen: share of the time that the hypervisor gave to other machines.
        busy_processes: other visible processes that took a twentieth of a core or more.
    """

    cores: tuple[int, ...]
    of_cores: int
    is_virtual: bool
    governor: str | None
    turbo: bool | None
    mhz: tuple[float, float] | None
    load_average: float
    others: float
    stolen: float
    busy_processes: int

    @property
    def is_busy(self) -> bool:
        """Whether others took so much that times are not those of a quiet machine."""
        return self.others > _BUSY * len(self.cores) or self.stolen > _STOLEN


@dataclass(frozen=True)
class _Reading:
    """Counters of the kernel in ticks, of the cores that the process may run on."""

    busy: int
    stolen: int
    total: int
    own: int
    processes: dict[int, int]


@final
class Watch:
    """Observes a machine from its making until `conditions` is asked for.

    Args:
        cores: numbers of those that the process may run on; the actual ones when None.
        proc: where the kernel tells of processes.
        sys: where it tells of hardware.
    """

    def __init__(
        self,
        cores: Collection[int] | None = None,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
    ) -> None:
        self._cores = tuple(sorted(_allowed() if cores is None else cores))
        self._proc = proc
        self._cpus = sys / "devices" / "system" / "cpu"
        self._load_average = float((_text(proc / "loadavg") or "0").split()[0])
        self._mhz = self._clocks()
        self._before = self._read()

    def conditions(self) -> Conditions:
        """Return what was observed since the beginning."""
        then, now = self._before, self._read()
        total = max(now.total - then.total, 1)
        spent = total / max(len(self._cores), 1)  # ticks of the clock on the wall
        others = now.busy - then.busy - (now.own - then.own)
        clocks = [*self._mhz, *self._clocks()]
        busy = [
            pid
            for pid, ticks in now.processes.items()
            if pid in then.processes and ticks - then.processes[pid] >= _NOTICED * spent
        ]
        governor = _text(self._cpus / f"cpu{self._cores[0]}" / "cpufreq" / "scaling_governor")
        return Conditions(
            cores=self._cores,
            of_cores=len(self._lines()),
            is_virtual="hypervisor" in (_text(self._proc / "cpuinfo") or "").split(),
            governor=governor,
            turbo=self._turbo(),
            mhz=(min(clocks), max(clocks)) if clocks else None,
            load_average=self._load_average,
            others=max(others, 0) / spent,
            stolen=(now.stolen - then.stolen) / total,
            busy_processes=len(busy),
        )

    def _lines(self) -> dict[int, list[int]]:
        """Return the ticks of every core by its number."""
        found = {}
        for line in (_text(self._proc / "stat") or "").splitlines():
            name, _, rest = line.partition(" ")
            if name.startswith("cpu") and name[3:].isdigit():
                found[int(name[3:])] = [int(word) for word in rest.split()[:8]]
        return found

    def _read(self) -> _Reading:
        ticks = [ticks for core, ticks in self._lines().items() if core in self._cores]
        sums = [sum(column) for column in zip(*ticks, strict=True)] or [0] * 8
        user, nice, system, _, _, hard, soft, stolen = sums
        own = os.getpid()
        processes = {
            int(path.name): _process_ticks(path / "stat")
            for path in self._proc.glob("[0-9]*")
            if path.name != str(own)
        }
        busy = user + nice + system + hard + soft
        mine = _process_ticks(self._proc / "self" / "stat")
        return _Reading(busy, stolen, sum(sums), mine, processes)

    def _clocks(self) -> list[float]:
        """Return the clock of each core in MHz, where it is told."""
        paths = [self._cpus / f"cpu{core}" / "cpufreq" / "scaling_cur_freq" for core in self._cores]
        found = [float(text) / 1e3 for path in paths if (text := _text(path))]
        if found:
            return found
        lines = (_text(self._proc / "cpuinfo") or "").splitlines()
        values = [line.partition(":")[2] for line in lines if line.startswith("cpu MHz")]
        return [float(values[core]) for core in self._cores if core < len(values)]

    def _turbo(self) -> bool | None:
        stopped = _text(self._cpus / "intel_pstate" / "no_turbo")
        if stopped is not None:
            return stopped == "0"
        boost = _text(self._cpus / "cpufreq" / "boost")
        return None if boost is None else boost == "1"


def _allowed() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _process_ticks(path: Path) -> int:
    """Return the processor time of a process, all its threads together, in ticks."""
    fields = (_text(path) or "").rpartition(")")[2].split()  # its name may hold anything
    return int(fields[11]) + int(fields[12]) if len(fields) > 12 else 0


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # not told here, or a process that has ended
        return None
