"""A server as a tree of processes: what it takes of the machine, and its end."""

import contextlib
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_MARK = "TRADEWIND_BENCHMARK_RUN"


@final
class Processes:
    """Everything that one command started, also what has left its parent.

    Args:
        command: what is run.
        environment: added to that of this process.
        log: where its output goes.
        cpus: on which it may run; all when empty.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        cpus: Sequence[int] = (),
    ) -> None:
        self._mark = secrets.token_hex(8)
        self._seen: dict[int, str] = {}  # start time by process id: ids are used again
        self.started_s = time.perf_counter()
        before = os.sched_getaffinity(0)
        with log.open("wb") as output:
            try:
                if cpus:
                    os.sched_setaffinity(0, cpus)
                self._first = subprocess.Popen(
                    list(command),
                    env={**os.environ, **environment, _MARK: self._mark},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            finally:
                os.sched_setaffinity(0, before)

    @property
    def pid(self) -> int:
        """The process that was started first."""
        return self._first.pid

    @property
    def is_over(self) -> bool:
        """Whether the first process has ended."""
        return self._first.poll() is not None

    @property
    def code(self) -> int | None:
        """The exit code of the first process, once it has ended."""
        return self._first.poll()

    def pids(self) -> list[int]:
        """Return the processes that are alive: those with the mark, and what they started."""
        parents: dict[int, int] = {}
        alive: dict[int, str] = {}
        wanted = f"{_MARK}={self._mark}".encode()
        ours: set[int] = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            pid = int(entry.name)
            with contextlib.suppress(OSError):
                fields = _stat(pid)
                if fields[0] in "ZX":
                    continue
                parents[pid], alive[pid] = int(fields[1]), fields[19]
                if wanted in (entry / "environ").read_bytes() or self._seen.get(pid) == fields[19]:
                    ours.add(pid)
        if self._first.pid in alive:
            ours.add(self._first.pid)
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        self._seen = {pid: alive[pid] for pid in ours}
        return sorted(ours)

    def cpu_s(self) -> float:
        """Return the CPU time of all, with what their own children had that are gone."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                total += sum(int(value) for value in _stat(pid)[11:15])
        return total * _TICK_S

    def memory_bytes(self) -> tuple[int, int]:
        """Return what is resident, shared pages counted once (PSS) and for each (RSS)."""
        pss = rss = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        pss += int(line.split()[1]) * 1024
                    elif line.startswith("Rss:"):
                        rss += int(line.split()[1]) * 1024
        return pss, rss

    def tell(self, number: signal.Signals) -> None:
        """Send a signal to the first process."""
        if not self.is_over:
            os.kill(self._first.pid, number)

    def stop(self, patience_s: float = 10.0) -> None:
        """End all of them: first the first, then whatever it has left behind."""
        self.tell(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._first.wait(patience_s)
        for number, wait_s in ((signal.SIGTERM, 2.0), (signal.SIGKILL, patience_s)):
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            until = time.monotonic() + wait_s
            while self.pids() and time.monotonic() < until:
                time.sleep(0.05)
        self._first.wait(patience_s)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
