"""What was counted, as the metrics of Prometheus."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from tradewind.serve.observing.counts import About, ModelCounts, ServerCounts
from tradewind.serve.observing.histogram import Histogram
from tradewind.serve.refusals import Reason

_MODEL = ("model", "version")

_Family = CounterMetricFamily | GaugeMetricFamily

_COUNTERS: tuple[tuple[str, str, Callable[[ModelCounts], float]], ...] = (
    ("requests_answered", "Requests answered.", lambda one: one.answered),
    ("requests_failed", "Requests on which the model broke.", lambda one: one.failed),
    ("examples", "Examples computed.", lambda one: one.examples),
    ("decode_seconds", "From bytes to tensors.", lambda one: one.decoding.seconds),
    ("encode_seconds", "From tensors to bytes.", lambda one: one.encoding.seconds),
    ("cache_hits", "Requests answered from the cache.", lambda one: one.cache_hits.count),
    ("cache_misses", "Requests not found in the cache.", lambda one: one.cache_misses.count),
)

_GAUGES: tuple[tuple[str, str, Callable[[ModelCounts], float]], ...] = (
    ("requests_in_flight", "Requests being answered.", lambda one: one.running),
    ("requests_waiting", "Requests in the queue.", lambda one: one.waiting),
    (
        "resident_bytes",
        "Memory that the model is known to take; 0 when nobody knows.",
        lambda one: one.resident_bytes,
    ),
    ("sequences", "Sequences that are remembered.", lambda one: one.sequences),
    ("sequence_bytes", "Memory of their states.", lambda one: one.sequence_bytes),
)


def families(counts: ServerCounts) -> Iterator[Metric]:
    """Yield every metric of the server."""
    yield InfoMetricFamily("tradewind_build", "What is running.", {"version": counts.version})
    yield GaugeMetricFamily(
        "tradewind_ready", "1 while requests are taken.", float(counts.is_ready)
    )
    yield CounterMetricFamily(
        "tradewind_cpu_seconds", "Processor time of the server.", counts.cpu_s
    )
    if counts.watts_per_core:
        yield CounterMetricFamily(
            "tradewind_energy_joules_estimated",
            "Processor time times the watts that were stated for one busy core: an estimate.",
            counts.cpu_s * counts.watts_per_core,
        )
    yield _by_label(
        CounterMetricFamily(
            "tradewind_energy_joules",
            "What each processor says it used since the start, for all programs together.",
            labels=["processor"],
        ),
        counts.joules,
    )
    yield _by_label(
        CounterMetricFamily(
            "tradewind_records_dropped",
            "Lines of the access log, spans and captured requests that were not written.",
            labels=["kind"],
        ),
        counts.dropped,
    )
    yield _about(counts.models)
    for kind, text, value in _COUNTERS:
        yield _filled(CounterMetricFamily(f"tradewind_{kind}", text, labels=_MODEL), counts, value)
    for kind, text, value in _GAUGES:
        yield _filled(GaugeMetricFamily(f"tradewind_{kind}", text, labels=_MODEL), counts, value)
    yield _refused(counts)
    yield _stages(
        "tradewind_stage_examples",
        "Examples answered by each stage of a cascade; those of later stages escalated.",
        [(one.about, one.stages) for one in counts.models],
    )
    yield _stages(
        "tradewind_stage_seconds",
        "Inside each stage of a cascade, whether it was sure or not.",
        [(one.about, one.stage_seconds) for one in counts.models],
    )
    yield from _histograms(counts.models)


def _filled(
    family: _Family, counts: ServerCounts, value: Callable[[ModelCounts], float]
) -> _Family:
    for one in counts.models:
        family.add_metric([one.about.model, one.about.version], value(one))
    return family


def _about(models: Sequence[ModelCounts]) -> GaugeMetricFamily:
    labels = ("model", "version", "variant", "platform")
    family = GaugeMetricFamily("tradewind_model_info", "1 for each model.", labels=labels)
    for one in models:
        family.add_metric([getattr(one.about, label) for label in labels], 1)
    return family


def _by_label(family: CounterMetricFamily, values: Mapping[str, float]) -> CounterMetricFamily:
    for label, value in values.items():
        family.add_metric([label], value)
    return family


def _refused(counts: ServerCounts) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "tradewind_requests_refused", "Requests refused.", labels=(*_MODEL, "reason")
    )
    for one in counts.models:
        for reason in Reason:
            labels = [one.about.model, one.about.version, reason]
            family.add_metric(labels, one.refused.get(reason, 0))
    for reason, count in counts.refused_elsewhere.items():
        family.add_metric(["", "", reason], count)
    return family


def _stages(
    name: str, text: str, told: Sequence[tuple[About, Sequence[float]]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=(*_MODEL, "stage"))
    for about, values in told:
        for number, value in enumerate(values, 1):
            family.add_metric([about.model, about.version, str(number)], value)
    return family


def _histograms(models: Sequence[ModelCounts]) -> Iterator[Metric]:
    told: tuple[tuple[str, str, Callable[[ModelCounts], Histogram]], ...] = (
        (
            "queue_seconds",
            "From the arrival of a request to the start of its computation.",
            lambda one: one.queue,
        ),
        ("compute_seconds", "Inside the model.", lambda one: one.compute),
        ("total_seconds", "From the arrival of a request to its response.", lambda one: one.total),
        ("batch_examples", "Examples computed at once.", ModelCounts.batch_sizes),
    )
    for kind, text, histogram in told:
        labels = (*_MODEL, "variant")
        family = HistogramMetricFamily(f"tradewind_{kind}", text, labels=labels)
        for one in models:
            about, found = one.about, histogram(one)
            family.add_metric(
                [about.model, about.version, about.variant], found.buckets(), found.total
            )
        yield family
