"""Processes that end while requests are on their way."""

import os
import signal
import time
from pathlib import Path

from benchmarks.serving.trouble.finding import Claim, Fault, Finding, Scale, reasoned
from benchmarks.serving.trouble.options import option_missing
from benchmarks.serving.trouble.stand import Memory, stand

_SHARE = 0.6  # of the capacity
_PATIENCE_S = 60.0
_DOOR = 3  # connections that nobody had accepted when the port was closed


def _sigterm(folder: Path, scale: Scale) -> Finding:
    with stand(folder, "text") as server:
        driving = server.drive(_SHARE * server.capacity(), scale.seconds)
        time.sleep(scale.seconds / 2)
        begin = time.perf_counter()
        server.processes.tell(signal.SIGTERM)
        while not server.processes.is_over and time.perf_counter() < begin + _PATIENCE_S:
            time.sleep(0.005)
        drained_s = time.perf_counter() - begin
        outcome = driving.outcome()
        before = sum(sent_s < begin for sent_s in outcome.cut_s)
        after = outcome.broken - before
        return Finding(
            [
                Claim("whoever came before is answered", before == 0, f"{before} cut off"),
                Claim("whoever comes later is told", after <= _DOOR, f"{after} cut off"),
                Claim("nobody waits for ever", outcome.unanswered == 0, f"{outcome.unanswered}"),
                reasoned(outcome, (503,)),
                Claim("it ends with 0", server.processes.code == 0, f"{server.processes.code}"),
                Claim("some are answered", outcome.answered > 0, f"{outcome.answered:,}"),
            ],
            outcome,
            notes={"drained_s": drained_s, "not_accepted": outcome.not_accepted},
        )


def _killed_worker(folder: Path, scale: Scale) -> Finding:
    with stand(folder, "text", ("--workers", "2")) as server, Memory(server.processes) as memory:
        driving = server.drive(_SHARE * server.capacity(), scale.seconds)
        time.sleep(scale.seconds / 2)
        children = [pid for pid in server.processes.pids() if pid != server.processes.pid]
        if children:
            os.kill(children[-1], signal.SIGKILL)
        recovery_s = server.recovery_s()
        outcome = driving.outcome()
        alive = len(server.processes.pids()) - 1
        lost = outcome.broken + outcome.unanswered
        return Finding(
            [
                Claim("there was a worker to kill", bool(children), f"{len(children)}"),
                Claim("no more is lost than it had at hand", lost <= 64, f"{lost}"),
                Claim("another one takes its place", alive >= len(children), f"{alive}"),
            ],
            outcome,
            recovery_s,
            memory.before,
            memory.peak,
        )


SIGTERM = Fault("sigterm", "The server is asked to end while requests come.", _sigterm)
KILLED_WORKER = Fault(
    "killed-worker",
    "One of two worker processes is killed while requests come.",
    _killed_worker,
    lambda: option_missing("--workers"),
)
