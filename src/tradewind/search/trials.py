"""One way to run the model, with all that was found out about it so far."""

from dataclasses import dataclass, field

from tradewind.bundle import Drop, Percentiles
from tradewind.engines import Engine
from tradewind.evidence import Certificate, PairedCounts
from tradewind.measure import Ratio
from tradewind.search.candidates import Graph, variant_name

TINY_S = 0.001
"""Below this latency of the original, handing work to a second thread may cost more than it
saves."""


@dataclass(frozen=True)
class Load:
    """How a variant is driven to reach its best throughput."""

    batch_size: int
    concurrency: int


@dataclass
class Trial:
    """A graph on an engine; later stages fill in what they find."""

    graph: Graph
    engine: Engine
    load: Load
    latency_s: float  # quick estimate, batch 1, relative to the baseline's in the same rounds
    example_s: float  # quick estimate of wall time per example under `load`
    cpu_s: float  # quick estimate of CPU time per example under `load`
    name: str = ""
    is_baseline: bool = False
    select: PairedCounts | None = None
    certificate: Certificate | None = None
    loss: float | None = None
    drop: Drop | None = None
    percentiles: Percentiles | None = None
    throughput_per_s: float | None = None
    cpu_ms: float | None = None
    speedup: Ratio | None = None
    throughput_gain: Ratio | None = None
    energy_gain: Ratio | None = None
    memory_gain: Ratio | None = None
    peak_memory_bytes: int | None = None
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name = self.name or variant_name(self.graph, self.engine)

    @property
    def is_certified(self) -> bool:
        """Whether a certificate says that the budget is kept."""
        return self.certificate is not None and self.certificate.certified

    @property
    def is_original(self) -> bool:
        """Whether graph and arithmetic are the original's, up to the order of summation."""
        exact = getattr(self.engine, "precision", "f32") == "f32"
        return self.graph.is_exact and exact
