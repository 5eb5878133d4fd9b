"""Twice as much as the server can do."""

from pathlib import Path

from benchmarks.serving.trouble.finding import (
    Claim,
    Fault,
    Finding,
    Scale,
    bounded,
    reasoned,
    settled,
)
from benchmarks.serving.trouble.stand import Memory, stand

_MEMORY = 200 * 10**6


def _run(folder: Path, scale: Scale) -> Finding:
    with stand(folder, "text") as server:
        capacity = server.capacity()
        waits_us = int((server.load.target_s - server.load.bare_s) * 1e6)
        with Memory(server.processes) as memory:
            outcome = server.drive(2 * capacity, scale.overload_s, waits_us).outcome()
            recovery_s = server.recovery_s()
        share = outcome.goodput / capacity
        return Finding(
            [
                settled(outcome),
                reasoned(outcome, (429, 503)),
                Claim("some are answered", outcome.answered > 0, f"{outcome.answered:,}"),
                Claim("90% of the capacity in time", share >= 0.9, f"{share:.0%}", is_timed=True),
                bounded(memory.before, memory.peak, _MEMORY),
            ],
            outcome,
            recovery_s,
            memory.before,
            memory.peak,
            {"capacity_per_s": capacity},
        )


OVERLOAD = Fault(
    "overload", "Requests come twice as fast as they can be answered, and say their limit.", _run
)
