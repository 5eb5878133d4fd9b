"""What the server counts, in the text format of Prometheus.

The counters are plain numbers that only the event loop touches, and a collector turns them
into metrics when somebody asks: three locked histograms of `prometheus_client` would take
longer for each request than reading and checking it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from tradewind.measure import Rapl
from tradewind.serve.observing.counts import ServerCounts
from tradewind.serve.observing.families import families
from tradewind.serve.observing.model import ModelMetrics
from tradewind.serve.observing.settings import Observing
from tradewind.serve.observing.triton_names import triton_families
from tradewind.serve.refusals import Reason


class ServerMetrics(Collector):
    """What is counted for the whole server.

    Args:
        models: returns those that are ready; requests for other names count under the empty name.
        is_ready: returns whether the server takes requests.
        version: of Tradewind.
        settings: which metrics are shown besides.
        dropped: returns how many records of each kind were not written.
        processes: returns what other processes of the same server have counted, as their
            `snapshot` says it.
        rapl: the meters of this machine's processors.
    """

    def __init__(
        self,
        models: Callable[[], Iterable[ModelMetrics]],
        is_ready: Callable[[], bool],
        version: str,
        settings: Observing | None = None,
        dropped: Callable[[], Mapping[str, int]] = dict,
        processes: Callable[[], Iterable[Mapping[str, Any]]] = tuple,
        rapl: Rapl | None = None,
    ) -> None:
        self._models = models
        self._is_ready = is_ready
        self._version = version
        self._settings = settings or Observing()
        self._dropped = dropped
        self._rapl = rapl or Rapl()
        self._processes = processes
        self.refused_elsewhere: Counter[Reason] = Counter()
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def counts(self) -> ServerCounts:
        """Return everything that this process has counted; parts of it go on counting."""
        return ServerCounts(
            version=self._version,
            is_ready=self._is_ready(),
            cpu_s=time.process_time(),
            watts_per_core=self._settings.watts_per_core,
            dropped=dict(self._dropped()),
            joules=self._rapl.joules(),
            refused_elsewhere=dict(self.refused_elsewhere),
            models=[model.counts() for model in self._models()],
        )

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of what this process has counted, ready for JSON."""
        copied: dict[str, Any] = msgspec.to_builtins(self.counts(), str_keys=True)
        return copied

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it stands, of all processes."""
        others = list(self._processes())
        counts = merged([self.snapshot(), *others]) if others else self.counts()
        yield from families(counts)
        if self._settings.triton_metrics:
            yield from triton_families(counts)

    def text(self) -> bytes:
        """Return what `GET /metrics` answers."""
        return generate_latest(self.registry)


def merged(snapshots: Iterable[Mapping[str, Any]]) -> ServerCounts:
    """Add up what several processes of one server have counted.

    Args:
        snapshots: of `ServerMetrics.snapshot`, one or more.
    """
    first, *others = [
        msgspec.convert(snapshot, ServerCounts, str_keys=True) for snapshot in snapshots
    ]
    for other in others:
        first.add(other)
    return first
