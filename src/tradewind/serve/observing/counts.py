"""What was counted, as plain values that can be sent to another process and added up."""

from collections import Counter
from typing import TypeVar, final

from msgspec import Struct, field

from tradewind.serve.observing.histogram import EXAMPLES, SECONDS, Histogram
from tradewind.serve.refusals import Reason

N = TypeVar("N", int, float)


@final
class Spent(Struct):
    """How often something took how long altogether."""

    count: int = 0
    seconds: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.seconds += seconds

    def add(self, other: "Spent") -> None:
        """Count what another one has seen too."""
        self.count += other.count
        self.seconds += other.seconds


@final
class About(Struct, frozen=True):
    """What is counted: the labels of a model's metrics."""

    model: str = ""
    version: str = ""
    variant: str = ""
    platform: str = ""


@final
class ModelCounts(Struct):
    """Everything that is counted for one version of a model."""

    about: About = About()
    answered: int = 0
    failed: int = 0
    examples: int = 0
    running: int = 0
    waiting: int = 0
    resident_bytes: int = 0
    sequences: int = 0  # that have begun and are remembered
    sequence_bytes: int = 0  # of their states
    refused: dict[Reason, int] = field(default_factory=dict)
    stages: list[int] = field(default_factory=list)  # examples that each has answered
    stage_seconds: list[float] = field(default_factory=list)
    queue: Histogram = field(default_factory=lambda: Histogram.of(SECONDS))
    compute: Histogram = field(default_factory=lambda: Histogram.of(SECONDS))
    total: Histogram = field(default_factory=lambda: Histogram.of(SECONDS))
    waited: Spent = field(default_factory=Spent)  # from a request understood to its computation
    unanswered: Spent = field(default_factory=Spent)  # failed or refused once understood
    decoding: Spent = field(default_factory=Spent)
    encoding: Spent = field(default_factory=Spent)
    cache_hits: Spent = field(default_factory=Spent)
    cache_misses: Spent = field(default_factory=Spent)
    batches: dict[int, Spent] = field(default_factory=dict)  # see `ModelMetrics.count_answer`
    last_answer_s: float = 0.0  # since 1970

    def add(self, other: "ModelCounts") -> None:
        """Count what was counted for the same model elsewhere too."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("queue", "compute", "total", *_SPENT):
            getattr(self, name).add(getattr(other, name))
        self.refused = dict(Counter(self.refused) + Counter(other.refused))
        self.stages = _together(self.stages, other.stages)
        self.stage_seconds = _together(self.stage_seconds, other.stage_seconds)
        for size, spent in other.batches.items():
            self.batches.setdefault(size, Spent()).add(spent)
        self.last_answer_s = max(self.last_answer_s, other.last_answer_s)

    @property
    def executions(self) -> dict[int, tuple[float, float]]:
        """How many batches of each size were computed, with the seconds that took."""
        return {
            size: (spent.count / size, spent.seconds / size) for size, spent in self.batches.items()
        }

    def batch_sizes(self) -> Histogram:
        """Return how many examples were computed at once, batch by batch."""
        found = Histogram.of(EXAMPLES)
        for size, spent in self.batches.items():
            batches = round(spent.count / size)
            found.add(_repeated(size, batches))
        return found


_NUMBERS = (
    "answered", "failed", "examples", "running", "waiting", "resident_bytes", "sequences",
    "sequence_bytes",
)  # fmt: skip
_SPENT = ("waited", "unanswered", "decoding", "encoding", "cache_hits", "cache_misses")


def _together(one: list[N], two: list[N]) -> list[N]:
    """Return the sums, place by place; the shorter list counts as zeros where it has ended."""
    longer, shorter = (one, two) if len(one) >= len(two) else (two, one)
    return [a + b for a, b in zip(longer, shorter, strict=False)] + longer[len(shorter) :]


def _repeated(value: int, times: int) -> Histogram:
    found = Histogram.of(EXAMPLES)
    found.observe(value)
    return Histogram(found.bounds, [count * times for count in found.counts], found.total * times)


@final
class ServerCounts(Struct):
    """Everything that is counted by one process, or by several together."""

    version: str = ""  # of Tradewind
    is_ready: bool = True
    cpu_s: float = 0.0  # of processor time
    watts_per_core: float = 0.0  # 0 where nobody said
    joules: dict[str, float] = field(default_factory=dict)  # of each processor, by its number
    dropped: dict[str, int] = field(default_factory=dict)  # records that were not written, by kind
    refused_elsewhere: dict[Reason, int] = field(default_factory=dict)
    models: list[ModelCounts] = field(default_factory=list)

    def add(self, other: "ServerCounts") -> None:
        """Count what another process of the same server has counted too."""
        self.is_ready = self.is_ready and other.is_ready
        self.cpu_s += other.cpu_s
        # the processors are the same for all, whoever looked last knows most
        self.joules = {
            name: max(self.joules.get(name, 0.0), used)
            for name, used in (*self.joules.items(), *other.joules.items())
        }
        self.dropped = dict(Counter(self.dropped) + Counter(other.dropped))
        self.refused_elsewhere = dict(
            Counter(self.refused_elsewhere) + Counter(other.refused_elsewhere)
        )
        mine = {counts.about: counts for counts in self.models}
        for counts in other.models:
            if counts.about in mine:
                mine[counts.about].add(counts)
            else:
                self.models.append(counts)
