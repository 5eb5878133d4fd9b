"""What may be lost, what must be reached, how sure to be."""

from dataclasses import dataclass
from typing import Literal, get_args

from tradewind.errors import SettingError

Objective = Literal["latency", "throughput", "memory", "energy", "carbon", "cost"]


@dataclass(frozen=True)
class Budget:
    """The owner's promise.

    Args:
        metric: what counts: accuracy, top:K, agreement, within:TOLERANCE or error:LIMIT.
        max_drop: share of right answers that may be lost, 0 < max_drop < 1; of an error, the
            share of its limit that it may rise by.
        confidence: probability at least with which a certificate is true.
        objective: what to make as small (latency, memory, energy, carbon, cost) or large
            (throughput) as possible.
        max_latency_ms: p99 of one request at batch 1 must not exceed this.
        max_memory_mb: peak resident memory must not exceed this many megabytes (10**6 bytes).
    """

    metric: str = "accuracy"
    max_drop: float = 0.01
    confidence: float = 0.95
    objective: Objective = "latency"
    max_latency_ms: float | None = None
    max_memory_mb: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.max_drop < 1:
            raise SettingError(
                "--max-drop",
                "a share between 0 and 1",
                f"{self.max_drop:g}",
                "0.01 allows one right answer in a hundred to be lost.",
            )
        if not 0.5 <= self.confidence <= 0.9999:
            raise SettingError("--confidence", "0.5 to 0.9999", f"{self.confidence:g}")
        if self.objective not in get_args(Objective):
            known = ", ".join(get_args(Objective))
            raise SettingError("--objective", f"one of {known}", repr(self.objective))
        for option, value in (
            ("--max-latency-ms", self.max_latency_ms),
            ("--max-memory-mb", self.max_memory_mb),
        ):
            if value is not None and not value > 0:
                raise SettingError(option, "more than 0", f"{value:g}")

    @property
    def decides_under_load(self) -> bool:
        """Whether the objective is about many requests rather than about one."""
        return self.objective in ("throughput", "energy", "carbon", "cost")
