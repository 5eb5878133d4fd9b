"""The metrics under the names that Triton's dashboards and autoscalers look for.

Triton's counters do not end in `_total`, which the library insists on for counters: here they
have no type, which Prometheus does not mind.
"""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric, UnknownMetricFamily

from tradewind.serve.observing.counts import ServerCounts
from tradewind.serve.observing.statistics import ModelStatistics, statistics
from tradewind.serve.refusals import Reason

_LABELS = ("model", "version")

_COUNTERS: tuple[tuple[str, str, Callable[[ModelStatistics], float]], ...] = (
    (
        "inference_request_success",
        "Requests answered, from the cache too.",
        lambda one: one.inference_stats.success.count,
    ),
    ("inference_count", "Examples computed.", lambda one: one.inference_count),
    ("inference_exec_count", "Computations.", lambda one: one.execution_count),
    (
        "inference_request_duration_us",
        "From the arrival of requests to their responses, in microseconds.",
        lambda one: one.inference_stats.success.ns // 1000,
    ),
    (
        "inference_queue_duration_us",
        "In the queue, in microseconds.",
        lambda one: one.inference_stats.queue.ns // 1000,
    ),
    (
        "inference_compute_input_duration_us",
        "From bytes to tensors, in microseconds.",
        lambda one: one.inference_stats.compute_input.ns // 1000,
    ),
    (
        "inference_compute_infer_duration_us",
        "Inside the model, in microseconds.",
        lambda one: one.inference_stats.compute_infer.ns // 1000,
    ),
    (
        "inference_compute_output_duration_us",
        "From tensors to bytes, in microseconds.",
        lambda one: one.inference_stats.compute_output.ns // 1000,
    ),
    (
        "cache_num_hits_per_model",
        "Requests answered from the cache.",
        lambda one: one.inference_stats.cache_hit.count,
    ),
    (
        "cache_num_misses_per_model",
        "Requests not found in the cache.",
        lambda one: one.inference_stats.cache_miss.count,
    ),
    (
        "cache_hit_duration_per_model",
        "Answering from the cache, in microseconds.",
        lambda one: one.inference_stats.cache_hit.ns // 1000,
    ),
    (
        "cache_miss_duration_per_model",
        "Looking in the cache in vain, in microseconds.",
        lambda one: one.inference_stats.cache_miss.ns // 1000,
    ),
)

_REASONS = {
    Reason.QUEUE_FULL: "REJECTED",
    Reason.DEADLINE: "REJECTED",
    Reason.DRAINING: "REJECTED",
    Reason.BUSY_READING: "REJECTED",
    Reason.TOO_MANY_SEQUENCES: "REJECTED",
    Reason.CLIENT_GONE: "CANCELED",
}
"""What Triton calls a refusal; everything else is OTHER, and a model that broke is BACKEND."""


def triton_families(counts: ServerCounts) -> Iterator[Metric]:
    """Yield what was counted as Triton does."""
    told = [(one, statistics(one)) for one in counts.models]
    for name, text, value in _COUNTERS:
        family = UnknownMetricFamily(f"nv_{name}", text, labels=_LABELS)
        for _, stats in told:
            family.add_metric([stats.name, stats.version], value(stats))
        yield family
    yield _failures(counts)
    pending = GaugeMetricFamily(
        "nv_inference_pending_request_count", "Requests in the queue.", labels=_LABELS
    )
    for one, stats in told:
        pending.add_metric([stats.name, stats.version], one.waiting)
    yield pending


def _failures(counts: ServerCounts) -> Metric:
    family = UnknownMetricFamily(
        "nv_inference_request_failure",
        "Requests that were not answered.",
        labels=(*_LABELS, "reason"),
    )
    for one in counts.models:
        failures = {"REJECTED": 0, "CANCELED": 0, "BACKEND": one.failed, "OTHER": 0}
        for reason, count in one.refused.items():
            failures[_REASONS.get(reason, "OTHER")] += count
        for called, count in failures.items():
            family.add_metric([one.about.model, one.about.version, called], count)
    return family
