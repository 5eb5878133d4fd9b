"""One way to run the model, with all that was found out about it so far."""

from dataclasses import dataclass, field

import numpy as np

from tradewind.bundle import Drop, Percentiles
from tradewind.evidence import Certificate, Paired
from tradewind.measure import Footprint, Ratio, Reported
from tradewind.search.plans import Plan
from tradewind.tensors import Array

TINY_S = 0.001
"""Below this latency of the original, handing work to a second thread may cost more than it
saves."""


@dataclass(frozen=True)
class Load:
    """How a variant is driven to reach its best throughput."""

    batch_size: int
    concurrency: int


@dataclass(frozen=True, eq=False)
class Seen:
    """What a variant said about the first examples of a split, one row for each.

    Args:
        answers: reduced to what the metric looks at.
        losses: float64[n] from 0 to 1, how bad each of them is.
        logits: float32[n, classes]; None where there are no class scores.
    """

    answers: Array
    losses: Array
    logits: Array | None = None

    def __len__(self) -> int:
        return len(self.losses)

    def first(self, count: int) -> "Seen":
        """Return what was said about the first examples."""
        logits = None if self.logits is None else self.logits[:count]
        return Seen(self.answers[:count], self.losses[:count], logits)

    @property
    def right(self) -> Array:
        """bool[n]: which answers count as right."""
        return np.asarray(self.losses < 0.5)


@dataclass
class Trial:
    """A plan; later stages of the search fill in what they find."""

    plan: Plan
    load: Load
    latency_s: float  # quick estimate, batch 1, relative to the baseline's in the same rounds
    example_s: float  # quick estimate of wall time per example under `load`
    cpu_s: float  # quick estimate of CPU time per example under `load`
    name: str = ""
    ready_s: float = 0.0  # what it took to compile, where that was seen
    is_baseline: bool = False
    select: Paired | None = None
    seen: Seen | None = None  # on the select split
    certificate: Certificate | None = None
    asked: tuple[float, ...] = ()  # of a cascade, the expected shares of all stages but the first
    answered: tuple[float, ...] = ()  # share of the certify split that each stage answered
    loss: float | None = None
    drop: Drop | None = None
    percentiles: Percentiles | None = None
    throughput_per_s: float | None = None
    cpu_ms: float | None = None
    speedup: Ratio | None = None
    throughput_gain: Ratio | None = None
    energy_gain: Ratio | None = None  # of what a counter read, else of processor time
    core_gain: Ratio | None = None  # of the time of occupied cores
    footprint: Footprint | None = None
    memory_gain: Ratio | None = None
    peak_memory_bytes: int | None = None
    steady_memory_bytes: int | None = None
    reported: tuple[Reported, ...] = ()  # told, and not certified
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.name or self.plan.name

    @property
    def is_certified(self) -> bool:
        """Whether a certificate says that the budget is kept."""
        return self.certificate is not None and self.certificate.certified

    @property
    def is_original(self) -> bool:
        """Whether graph and arithmetic are the original's, up to the order of summation."""
        return self.plan.is_original
