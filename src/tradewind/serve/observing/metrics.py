"""What the server counts, in the text format of Prometheus.

The counters are plain integers that only the event loop touches, and a collector turns them
into metrics when somebody asks: three locked histograms of `prometheus_client` would take
longer for each request than reading and checking it.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tradewind.serve.refusals import Reason

_BOUNDS_S = tuple(
    round(step * 10.0**power, 9) for power in range(-4, 2) for step in (1, 2.5, 5)
)  # 0.1 ms to 50 s


class Histogram:
    """How often each range of seconds was seen."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_S) + 1)
        self._sum_s = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self._sum_s += seconds

    def add_to(self, family: HistogramMetricFamily, model: str) -> None:
        """Write what was counted, cumulated as the format wants it."""
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, _BOUNDS_S), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        family.add_metric([model], buckets, self._sum_s)


class ModelMetrics:
    """What is counted for one model.

    Args:
        running: returns how many requests are being answered.
        waiting: returns how many requests are queued.
        by_stage: returns how many examples each stage of a cascade has answered.
    """

    def __init__(
        self,
        running: Callable[[], int],
        waiting: Callable[[], int],
        by_stage: Callable[[], tuple[int, ...]] = tuple,
    ) -> None:
        self.running = running
        self.waiting = waiting
        self.by_stage = by_stage
        self.answered = 0
        self.failed = 0
        self.refused: Counter[Reason] = Counter()
        self.queue = Histogram()
        self.compute = Histogram()
        self.total = Histogram()

    def count_answer(self, queue_s: float, compute_s: float, total_s: float) -> None:
        """Count one request that was answered."""
        self.answered += 1
        self.queue.observe(queue_s)
        self.compute.observe(compute_s)
        self.total.observe(total_s)


class ServerMetrics(Collector):
    """What is counted for the whole server.

    Args:
        models: returns those that are ready, by name; requests for other names count under the
            empty name.
        is_ready: returns whether the server takes requests.
        version: of Tradewind.
    """

    def __init__(
        self,
        models: Callable[[], Mapping[str, ModelMetrics]],
        is_ready: Callable[[], bool],
        version: str,
    ) -> None:
        self._models = models
        self._is_ready = is_ready
        self._version = version
        self.refused_elsewhere: Counter[Reason] = Counter()
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands."""
        yield InfoMetricFamily("tradewind_build", "What is running.", {"version": self._version})
        yield GaugeMetricFamily(
            "tradewind_ready", "1 while requests are taken.", float(self._is_ready())
        )
        yield from self._counts()
        yield from self._gauges()
        yield from self._histograms()

    def _counts(self) -> Iterator[Metric]:
        answered = CounterMetricFamily(
            "tradewind_requests_answered", "Requests answered.", labels=["model"]
        )
        failed = CounterMetricFamily(
            "tradewind_requests_failed", "Requests on which the model broke.", labels=["model"]
        )
        refused = CounterMetricFamily(
            "tradewind_requests_refused", "Requests refused.", labels=["model", "reason"]
        )
        for name, model in self._models().items():
            answered.add_metric([name], model.answered)
            failed.add_metric([name], model.failed)
            for reason in Reason:
                refused.add_metric([name, reason], model.refused[reason])
        for reason, count in self.refused_elsewhere.items():
            refused.add_metric(["", reason], count)
        yield from (answered, failed, refused, self._stages())

    def _stages(self) -> CounterMetricFamily:
        family = CounterMetricFamily(
            "tradewind_stage_examples",
            "Examples answered by each stage of a cascade; those of later stages escalated.",
            labels=["model", "stage"],
        )
        for name, model in self._models().items():
            for number, count in enumerate(model.by_stage(), 1):
                family.add_metric([name, str(number)], count)
        return family

    def _gauges(self) -> Iterator[Metric]:
        running = GaugeMetricFamily(
            "tradewind_requests_in_flight", "Requests being answered.", labels=["model"]
        )
        waiting = GaugeMetricFamily(
            "tradewind_requests_waiting", "Requests in the queue.", labels=["model"]
        )
        for name, model in self._models().items():
            running.add_metric([name], model.running())
            waiting.add_metric([name], model.waiting())
        yield from (running, waiting)

    def _histograms(self) -> Iterator[Metric]:
        for kind, text in (
            ("queue", "From the arrival of a request to the start of its computation."),
            ("compute", "Inside the model."),
            ("total", "From the arrival of a request to its response."),
        ):
            family = HistogramMetricFamily(f"tradewind_{kind}_seconds", text, labels=["model"])
            for name, model in self._models().items():
                histogram: Histogram = getattr(model, kind)
                histogram.add_to(family, name)
            yield family
