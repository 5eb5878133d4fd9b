"""A Tradewind server that trouble comes to."""

import contextlib
import http.client
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.serving.arrivals import Traffic
from benchmarks.serving.open_loop import Driving, Plan
from benchmarks.serving.posts import Post, protocol_json
from benchmarks.serving.processes import Processes
from benchmarks.serving.running import HOST, ask, free_ports
from benchmarks.serving.trouble.options import option_missing
from benchmarks.serving.workloads import Workload, workload

from tradewind.errors import EngineError

_PATIENCE_S = 120.0


@final
@dataclass(frozen=True)
class Stand:
    """A server that answers for one model at least."""

    processes: Processes
    port: int
    load: Workload
    started_s: float  # how long it took

    def request(self, timeout_us: int = 0) -> bytes:
        """Return the bytes of a request."""
        return protocol_json(self.load, timeout_us).encode(HOST)

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Send anything and return the status with the body."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            connection.request(method, path, body or None)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def infer(self, name: str) -> int:
        """Ask another model the same, and return the status."""
        post = protocol_json(self.load)
        return self.send("POST", f"/v2/models/{name}/infer", post.body)[0]

    def metric(self, line: str) -> float:
        """Return what the server has counted under a name with its labels; 0 for nothing."""
        for found in self.send("GET", "/metrics")[1].decode().splitlines():
            if found.startswith(line + " "):
                return float(found.split()[-1])
        return 0.0

    def capacity(self, count: int = 600) -> float:
        """Return the requests a second over 64 connections."""
        traffic = Traffic((HOST, self.port), self.request(), [0.0] * count, 64, _PATIENCE_S)
        begin = time.perf_counter()
        traffic.run()
        return len(traffic.latencies_s) / (time.perf_counter() - begin)

    def drive(self, rate: float, seconds: float, timeout_us: int = 0) -> Driving:
        """Begin to send at a rate, in another process."""
        plan = Plan(
            HOST,
            self.port,
            "",
            rate,
            seconds,
            self.load.target_s,
            seed=int.from_bytes(os.urandom(4), "big"),
            grace_s=35.0,  # longer than the server lets a request wait
        )
        return Driving(plan, self.request(timeout_us))

    def recovery_s(self) -> float:
        """Return how long it takes from now to the first answer within the target."""
        begin = time.perf_counter()
        post = protocol_json(self.load)
        while (now := time.perf_counter()) < begin + _PATIENCE_S:
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, _ = ask(self.port, post)
                if status == 200 and time.perf_counter() - now <= self.load.target_s:
                    break
        return time.perf_counter() - begin

    def open_files(self) -> int:
        """Return how many files and sockets its processes hold."""
        found = 0
        for pid in self.processes.pids():
            with contextlib.suppress(OSError):
                found += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return found

    def files_fall_to(self, limit: int, patience_s: float = 30.0) -> int:
        """Wait until no more files than these are open, and return how many are."""
        until = time.monotonic() + patience_s
        while (found := self.open_files()) > limit and time.monotonic() < until:
            time.sleep(0.1)
        return found


@contextmanager
def stand(
    folder: Path,
    model: str = "tiny",
    arguments: Sequence[str] = (),
    *,
    shelf: Path | None = None,
) -> Iterator[Stand]:
    """Start `tradewind serve` for one model, wait for its first answer, and end it.

    Args:
        folder: where the model is written.
        model: one that the comparison knows.
        arguments: more options.
        shelf: a folder of models that it is put into, instead of being named.

    Raises:
        EngineError: it ended, or never answered.
    """
    load = workload(model, folder)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tradewind", "serve"]
    if shelf is None:
        command.append(str(load.file))
    else:
        shutil.copy(load.file, shelf)
        command += ["--model-dir", str(shelf)]
    if not option_missing("--grpc-port"):
        command += ["--grpc-port", "0"]
    log = folder / "server.log"
    processes = Processes([*command, "--http-port", str(port), *arguments], {}, log)
    try:
        post, until = protocol_json(load), time.monotonic() + _PATIENCE_S
        while not _answers(port, post):
            if processes.is_over or time.monotonic() > until:
                raise EngineError("server", "an answer", log.read_text()[-1000:])
            time.sleep(0.01)
        yield Stand(processes, port, load, time.perf_counter() - processes.started_s)
    finally:
        processes.stop()


def _answers(port: int, post: Post) -> bool:
    try:
        return ask(port, post)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


@final
class Memory:
    """Looks again and again at how much memory processes hold."""

    def __init__(self, processes: Processes, every_s: float = 0.25) -> None:
        self._processes = processes
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before = self.peak = processes.memory_bytes()[0]

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self._every_s):
            self.peak = max(self.peak, self._processes.memory_bytes()[0])
