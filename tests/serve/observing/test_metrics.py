from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tradewind.serve.observing import About, ModelMetrics, ServerMetrics
from tradewind.serve.observing.histogram import EXAMPLES, SECONDS
from tradewind.serve.refusals import STATUS, Reason

M = About("m", "3", "int8", "test")


def samples(metrics: ServerMetrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(metrics.registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_histogram_counts_a_duration_in_every_bucket_that_holds_it() -> None:
    model = ModelMetrics(lambda: 1, lambda: 2, about=M)
    for total_s in (0.0001, 0.003, 99.0):
        model.count_answer(0.0, 0.002, total_s)
    found = samples(ServerMetrics(lambda: [model], lambda: True, "1"))
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "tradewind_total_seconds_bucket"
    }
    assert (buckets["0.0001"], buckets["0.0025"], buckets["0.005"]) == (1, 1, 2)
    assert (buckets["50.0"], buckets["+Inf"]) == (2, 3)
    label = (("model", "m"), ("version", "3"))
    assert found["tradewind_total_seconds_count", (label[0], ("variant", "int8"), label[1])] == 3
    assert found["tradewind_requests_answered_total", label] == 3
    assert found["tradewind_requests_in_flight", label] == 1
    assert found["tradewind_requests_waiting", label] == 2


def test_every_reason_is_there_before_its_first_refusal() -> None:
    model = ModelMetrics(lambda: 0, lambda: 0, about=M)
    found = samples(ServerMetrics(lambda: [model], lambda: False, "1"))
    for reason in Reason:
        key = (
            "tradewind_requests_refused_total",
            (("model", "m"), ("reason", reason.value), ("version", "3")),
        )
        assert found[key] == 0


def test_every_reason_has_a_status() -> None:
    assert set(STATUS) == set(Reason)


def test_the_bounds_of_a_histogram_rise() -> None:
    for bounds in (SECONDS, EXAMPLES):
        assert list(bounds) == sorted(set(bounds))


def test_every_stage_of_a_cascade_is_counted() -> None:
    cascade = ModelMetrics(
        lambda: 0, lambda: 0, lambda: (90, 10), About("c", "1"), spent_by_stage=lambda: (1.5, 2.5)
    )
    alone = ModelMetrics(lambda: 0, lambda: 0)
    found = samples(ServerMetrics(lambda: [cascade, alone], lambda: True, "1"))
    counted = {
        labels: value
        for (name, labels), value in found.items()
        if name == "tradewind_stage_examples_total"
    }
    assert counted == {
        (("model", "c"), ("stage", "1"), ("version", "1")): 90,
        (("model", "c"), ("stage", "2"), ("version", "1")): 10,
    }
    assert found["tradewind_stage_seconds_total", next(iter(counted))] == 1.5
