"""What is said, word for word."""

from dataclasses import replace

import pytest

from tradewind.budget import Budget
from tradewind.bundle import Manifest, VariantRecord
from tradewind.evidence import Certificate
from tradewind.report import sentences


@pytest.fixture
def certificate(good: Manifest) -> Certificate:
    """The certificate of the chosen variant."""
    assert good.chosen.certificate is not None
    return good.chosen.certificate


def told(record: VariantRecord, certificate: Certificate) -> str:
    """Return the evidence of a variant with another certificate."""
    return sentences.evidence(replace(record, certificate=certificate))


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (
            Budget(max_drop=0.005, max_latency_ms=5, max_memory_mb=1_500),
            "Accuracy drops by at most 0.5%, shown with 95% confidence; one request takes at most "
            "5 ms (p99); peak memory is at most 1,500 MB. Within that, the lowest latency of one "
            "request.",
        ),
        (
            Budget("agreement", 0.02, objective="throughput"),
            "At most 2% of answers differ from the original's, shown with 95% confidence. Within "
            "that, the highest throughput.",
        ),
        (
            Budget("within:0.5", objective="energy"),
            "The share of answers within 0.5 of the truth drops by at most 1%, shown with 95% "
            "confidence. Within that, the least energy for an answer.",
        ),
    ],
)
def test_a_promise_names_every_limit(budget: Budget, text: str) -> None:
    assert sentences.promise(budget) == text


def test_agreement_is_counted_in_differing_answers(
    good: Manifest, certificate: Certificate
) -> None:
    found = replace(certificate, kind="agreement", metric="agreement", worse=12, better=0)
    assert told(good.chosen, found) == (
        "On 7,700 examples nobody had looked at, it answered 12 differently from the original: "
        "with 95% confidence the share of answers that differ is at most 0.65%."
    )


def test_a_negative_bound_is_a_gain(good: Manifest, certificate: Certificate) -> None:
    found = replace(certificate, drop_upper=-0.00129)
    assert told(good.chosen, found).endswith("is negative, a gain of at least 0.12%.")


def test_a_missed_certificate_is_not_sold_as_one(good: Manifest, certificate: Certificate) -> None:
    found = replace(certificate, certified=False, drop_upper=0.02)
    assert told(good.chosen, found).endswith("at most 2.00%, which is no certificate.")


def test_an_exact_variant_needs_no_certificate(good: Manifest) -> None:
    exact = replace(good.chosen, certificate=None)
    assert "none is needed" in sentences.support(replace(good, chosen=exact))


def test_names_keep_their_first_letter() -> None:
    assert sentences.sentence("int8-openvino is as safe.") == "int8-openvino is as safe"
    assert sentences.sentence("not tried: time ran out") == "Not tried: time ran out"


def test_what_is_not_known_of_a_cascade_is_left_out(team: Manifest) -> None:
    stages = tuple(replace(stage, answered=None) for stage in team.chosen.stages)
    record = replace(team.chosen, stages=stages, latency_ms=None)
    assert sentences.teamwork(record) == (
        "Asks pruned, int8 on OpenVINO first, and original on ONNX Runtime where it is unsure."
    )
    assert sentences.teamwork(team.baseline) == ""


def test_where_hardly_anything_is_passed_on_the_slowest_waited_for_nothing(team: Manifest) -> None:
    first, last = team.chosen.stages
    record = replace(team.chosen, stages=(replace(first, answered=0.995), last))
    assert "27.5 ms or more." in sentences.teamwork(record)
