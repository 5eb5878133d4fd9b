"""Starting workers, starting them again, and ending them together."""

import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import final

from tradewind.serve.port import ClaimedPort
from tradewind.serve.workers.ledger import Ledger
from tradewind.serve.workers.worker import Worker
from tradewind.temporary import temporary_folder

_log = logging.getLogger("tradewind.serve")

_LOOK_S = 0.05
_SOON_S = 10.0  # a worker that ends earlier than that is started again more slowly
_SHORTEST_S, _LONGEST_S = 0.25, 30.0
_SPARE_S = 10.0  # beyond its own limit, for a worker to end
_SHARED = Path("/dev/shm")


@final
@dataclass
class _Place:
    """Where one worker runs, after another if need be."""

    cores: tuple[int, ...]
    process: "subprocess.Popen[bytes] | None" = None
    number: int = 0
    ready_fd: int = -1
    is_ready: bool = False
    started_s: float = 0.0
    due_s: float = 0.0  # when it may be started (again)
    pause_s: float = _SHORTEST_S


class Supervisor:
    """Keeps a number of workers alive until it is told to stop.

    Each is a process of its own, so that what crashes one leaves the others answering.

    Args:
        command: starts a worker.
        cores: on which each worker may run; empty for all.
        port: claimed; the workers share it.
        grpc: likewise, where gRPC is spoken.
        drain_s: how long a worker may take to answer what it has accepted.
    """

    def __init__(
        self,
        command: Sequence[str],
        cores: Sequence[tuple[int, ...]],
        port: ClaimedPort,
        grpc: ClaimedPort | None,
        drain_s: float,
    ) -> None:
        self._command = list(command)
        self._places = [_Place(one) for one in cores]
        self._port = port
        self._grpc = grpc
        self._drain_s = drain_s
        self._numbers = itertools.count(1)
        self._stop = threading.Event()

    def run(self, on_ready: Callable[[], None]) -> int:
        """Return the exit code once all have ended: 0, or that of one that never got ready.

        Must be called on the main thread.

        Args:
            on_ready: called once, when all workers answer.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        shared = _SHARED if os.access(_SHARED, os.W_OK) else None
        with temporary_folder(shared) as folder, _pipe() as (life, alive):
            try:
                return self._look_after(Ledger(folder), folder, life, on_ready)
            finally:
                os.close(alive)
                self._end_all()

    def _look_after(
        self, ledger: Ledger, folder: Path, life: int, on_ready: Callable[[], None]
    ) -> int:
        is_told = False
        while not self._stop.is_set():
            for place in self._places:
                if place.process is None and time.monotonic() >= place.due_s:
                    self._start(place, folder, life)
                self._hear(place)
                code = None if place.process is None else place.process.poll()
                if code is None:
                    continue
                if not is_told and not place.is_ready:
                    return code if code > 0 else 1
                self._mourn(place, ledger, code)
            if not is_told and all(place.is_ready for place in self._places):
                is_told = True
                on_ready()
            self._stop.wait(_LOOK_S)
        return 0

    def _start(self, place: _Place, folder: Path, life: int) -> None:
        heard, told = os.pipe()
        place.number = next(self._numbers)
        os.set_blocking(heard, False)
        worker = Worker(self._port, self._grpc, place.number, str(folder), place.cores, told, life)
        place.process = subprocess.Popen(
            self._command,
            env={**os.environ, **worker.to_environment()},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,  # ours is for one document
            pass_fds=(told, life),
            process_group=0,  # Ctrl-C reaches a worker through us, once
        )
        os.close(told)
        place.ready_fd, place.is_ready, place.started_s = heard, False, time.monotonic()

    def _hear(self, place: _Place) -> None:
        """Learn whether a worker has said that it is ready."""
        if place.is_ready or place.process is None:
            return
        with suppress(BlockingIOError):
            place.is_ready = os.read(place.ready_fd, 1) == b"1"

    def _mourn(self, place: _Place, ledger: Ledger, code: int) -> None:
        """Keep what a dead worker has counted, and say when the next one is due."""
        assert place.process is not None
        ledger.bury(place.number)
        lived_s = time.monotonic() - place.started_s
        place.pause_s = min(place.pause_s * 2, _LONGEST_S) if lived_s < _SOON_S else _SHORTEST_S
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        _log.error(
            "worker %d ended with %s; it is started again in %g s",
            place.process.pid,
            why,
            place.pause_s,
        )
        os.close(place.ready_fd)
        place.process, place.due_s = None, time.monotonic() + place.pause_s

    def _end_all(self) -> None:
        alive = [place.process for place in self._places if place.process is not None]
        for process in alive:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        limit_s = time.monotonic() + self._drain_s + _SPARE_S
        for process in alive:
            try:
                process.wait(max(0.0, limit_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.error("worker %d did not end, and is killed", process.pid)
                process.kill()
                process.wait()


def command_of_this_process() -> list[str]:
    """Return what starts this program again in the same way."""
    return [sys.executable, *sys.orig_argv[1:]]


def cores_for(count: int, *, is_pinned: bool) -> list[tuple[int, ...]]:
    """Return the cores of each worker: neighbours, on one NUMA node as far as that goes.

    Args:
        count: of workers.
        is_pinned: whether each gets cores of its own, as evenly as they can be shared; with more
            workers than cores some share one.
    """
    if not is_pinned:
        return [()] * count
    nodes = _nodes()
    cores = sorted(os.sched_getaffinity(0), key=lambda core: (nodes.get(core, 0), core))
    if count >= len(cores):
        return [(cores[index % len(cores)],) for index in range(count)]
    edges = [round(index * len(cores) / count) for index in range(count + 1)]
    return [tuple(cores[low:high]) for low, high in itertools.pairwise(edges)]


def _nodes() -> dict[int, int]:
    """Return the NUMA node of each core, where the kernel tells."""
    found = {}
    for path in Path("/sys/devices/system/node").glob("node[0-9]*/cpu[0-9]*"):
        found[int(path.name.removeprefix("cpu"))] = int(path.parent.name.removeprefix("node"))
    return found


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe; whoever gets it closes the writing one."""
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)
