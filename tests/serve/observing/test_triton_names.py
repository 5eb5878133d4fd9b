from prometheus_client.parser import text_string_to_metric_families
from tests.serve.observing.test_statistics import counting

from tradewind.serve.observing import Observing, ServerMetrics
from tradewind.serve.refusals import Reason

NAMES = {
    "nv_inference_request_success", "nv_inference_request_failure", "nv_inference_count",
    "nv_inference_exec_count", "nv_inference_request_duration_us", "nv_inference_queue_duration_us",
    "nv_inference_compute_input_duration_us", "nv_inference_compute_infer_duration_us",
    "nv_inference_compute_output_duration_us", "nv_inference_pending_request_count",
    "nv_cache_num_hits_per_model", "nv_cache_num_misses_per_model",
    "nv_cache_hit_duration_per_model", "nv_cache_miss_duration_per_model",
}  # fmt: skip
"""As the documentation of Triton has them."""


def test_the_metrics_of_triton_are_there_with_its_names_and_units() -> None:
    model = counting()
    model.count_answer(0.5, 2.0, 3.0, read_s=0.25, examples=4)
    model.failed = 3
    model.refused.update({Reason.QUEUE_FULL: 5, Reason.CLIENT_GONE: 1, Reason.INVALID: 2})
    metrics = ServerMetrics(lambda: [model], lambda: True, "1", Observing(triton_metrics=True))
    found = {
        (sample.name, sample.labels.get("reason", "")): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
        if sample.name.startswith("nv_")
    }
    assert {name for name, _ in found} == NAMES
    assert found["nv_inference_request_success", ""] == 1
    assert found["nv_inference_count", ""] == 4
    assert found["nv_inference_exec_count", ""] == 1
    assert found["nv_inference_request_duration_us", ""] == 3e6
    assert found["nv_inference_queue_duration_us", ""] == 250_000
    assert found["nv_inference_compute_infer_duration_us", ""] == 2e6
    assert found["nv_inference_pending_request_count", ""] == 2
    failures = {reason: value for (_, reason), value in found.items() if reason}
    assert failures == {"REJECTED": 5, "CANCELED": 1, "BACKEND": 3, "OTHER": 2}


def test_they_are_not_there_unless_asked_for() -> None:
    metrics = ServerMetrics(lambda: [counting()], lambda: True, "1")
    assert b"nv_" not in metrics.text()
