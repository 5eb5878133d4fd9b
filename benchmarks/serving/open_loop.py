"""Open loop: requests arrive when they arrive, whether the server keeps up or not.

Arrivals are a Poisson process, drawn before the run. Each is sent on a connection that is free,
on a new one, or waits for one when there are too many; its latency begins at the moment it was
to be sent, so that a server that is slow cannot slow down the arrivals it is judged by.

Run as a process of its own: `python -m benchmarks.serving.open_loop < PLAN > OUTCOME`.
"""

import dataclasses
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from benchmarks.serving.arrivals import Traffic

ROOT = Path(__file__).resolve().parents[2]


@final
@dataclass(frozen=True)
class Plan:
    """What is to be sent."""

    host: str
    port: int
    request: str  # the file with its bytes
    rate: float  # arrivals a second
    seconds: float
    target_s: float
    seed: int
    max_connections: int = 512
    grace_s: float = 2.0  # for answers after the last arrival


@final
@dataclass(frozen=True)
class Outcome:
    """What became of every request; the counts add up to `offered`."""

    rate: float
    offered: int
    in_time: int  # answered with 200 within the target
    late: int  # answered with 200 after it
    refused: dict[str, int]  # answers of another status
    broken: int  # connections refused or cut off
    unanswered: int  # at the end of the grace
    seconds: float
    p50_ms: float  # of the answers with 200
    p99_ms: float
    lag_ms: float  # p99 of how late the generator itself was

    @property
    def goodput(self) -> float:
        """Answers in time, a second."""
        return self.in_time / self.seconds


def drive(plan: Plan) -> Outcome:
    """Send what a plan says, and wait for the answers."""
    draws = np.random.default_rng(plan.seed).exponential(
        1 / plan.rate, int(plan.rate * plan.seconds * 1.3) + 50
    )
    times = np.cumsum(draws)
    times = times[times < plan.seconds]
    traffic = Traffic(
        (plan.host, plan.port),
        Path(plan.request).read_bytes(),
        times.tolist(),
        plan.max_connections,
        plan.seconds + plan.grace_s,
    )
    traffic.run()
    latencies = np.asarray(traffic.latencies_s)
    in_time = int((latencies <= plan.target_s).sum())
    p50, p99 = np.percentile(latencies, [50, 99]) * 1e3 if len(latencies) else (np.nan, np.nan)
    lag = np.percentile(traffic.lags_s, 99) * 1e3 if traffic.lags_s else 0.0
    refused = {str(status): count for status, count in sorted(traffic.refused.items())}
    gone = len(latencies) + sum(refused.values()) + traffic.broken
    return Outcome(
        plan.rate,
        len(times),
        in_time,
        len(latencies) - in_time,
        refused,
        traffic.broken,
        len(times) - gone,
        plan.seconds,
        float(p50),
        float(p99),
        float(lag),
    )


def drive_apart(plan: Plan, request: bytes, cpus: Sequence[int] = ()) -> Outcome:
    """Do the same in a process of its own, with the bytes of the request."""
    with tempfile.NamedTemporaryFile(prefix="tradewind-") as file:
        file.write(request)
        file.flush()
        sent = json.dumps(dataclasses.asdict(dataclasses.replace(plan, request=file.name)))
        command = [sys.executable, "-m", "benchmarks.serving.open_loop"]
        if cpus:
            command = ["taskset", "-c", ",".join(map(str, cpus)), *command]
        told = subprocess.run(
            command, input=sent, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
    return Outcome(**json.loads(told.stdout))


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(drive(Plan(**json.load(sys.stdin))))))
