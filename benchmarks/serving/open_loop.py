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

from tradewind.errors import EngineError

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
    broken: int  # sent, and cut off before the answer was whole
    not_accepted: int  # no connection was made
    unanswered: int  # at the end of the grace
    seconds: float
    p50_ms: float  # of the answers with 200
    p99_ms: float
    lag_ms: float  # p99 of how late the generator itself was
    retried: int  # sent again because a kept connection was closed
    cut_s: list[float]  # when those that were broken had been sent, on the monotonic clock

    @property
    def answered(self) -> int:
        """Answers with 200, in time or not."""
        return self.in_time + self.late

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
    gone = len(latencies) + sum(refused.values()) + traffic.broken + traffic.not_accepted
    return Outcome(
        plan.rate,
        len(times),
        in_time,
        len(latencies) - in_time,
        refused,
        traffic.broken,
        traffic.not_accepted,
        len(times) - gone,
        plan.seconds,
        float(p50),
        float(p99),
        float(lag),
        traffic.retried,
        traffic.cut_s,
    )


@final
class Driving:
    """A plan that is carried out in a process of its own.

    Args:
        plan: its `request` is replaced.
        request: the bytes of the request.
        cpus: where it runs; everywhere when empty.
    """

    def __init__(self, plan: Plan, request: bytes, cpus: Sequence[int] = ()) -> None:
        with tempfile.NamedTemporaryFile(prefix="tradewind-", delete=False) as file:
            file.write(request)
        self._file = Path(file.name)
        command = [sys.executable, "-m", "benchmarks.serving.open_loop"]
        if cpus:
            command = ["taskset", "-c", ",".join(map(str, cpus)), *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self._process.stdin is not None
        sent = dataclasses.replace(plan, request=file.name)
        self._process.stdin.write(json.dumps(dataclasses.asdict(sent)))
        self._process.stdin.close()
        self._process.stdin = None

    @property
    def is_over(self) -> bool:
        """Whether the outcome is there."""
        return self._process.poll() is not None

    def outcome(self) -> Outcome:
        """Wait for the end."""
        try:
            told, _ = self._process.communicate()
        except BaseException:
            self._process.kill()
            raise
        finally:
            self._file.unlink(missing_ok=True)
        if self._process.returncode:
            raise EngineError("load generator", "an outcome", f"exit {self._process.returncode}")
        return Outcome(**json.loads(told))


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(drive(Plan(**json.load(sys.stdin))))))
