import dataclasses

import numpy as np
import pytest

import tradewind.evidence
from tradewind.errors import SettingError
from tradewind.evidence import (
    Certificate,
    PairedCounts,
    agreement_p_value,
    certify_agreement,
    certify_with_labels,
    drop_p_value,
    rounded_up,
)


def test_a_small_drop_on_many_examples_is_certified() -> None:
    counts = PairedCounts(n=5000, worse=41, better=30)
    certificate = certify_with_labels(counts, 0.01, 0.95)
    upper = certificate.drop_upper
    assert 0.0022 < upper < 0.01
    assert certificate == Certificate(
        certified=True,
        kind="labels",
        metric="accuracy",
        max_drop=0.01,
        confidence=0.95,
        n=5000,
        worse=41,
        better=30,
        drop=0.0022,
        drop_upper=upper,
        p_value=drop_p_value(counts, 0.01),
        examples_needed=None,
    )


def test_too_few_examples_are_refused_with_the_number_needed() -> None:
    certificate = certify_with_labels(PairedCounts(n=500, worse=5, better=5), 0.01, 0.95)
    assert not certificate.certified
    assert certificate.drop_upper > 0.01
    assert certificate.examples_needed is not None
    assert 1000 < certificate.examples_needed < 2000


def test_a_drop_beyond_the_margin_is_refused_for_good() -> None:
    certificate = certify_with_labels(PairedCounts(n=500, worse=20, better=5), 0.01, 0.95)
    assert not certificate.certified
    assert certificate.examples_needed is None


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_verdict_never_contradicts_the_bound(
    confidence: float, random: np.random.Generator
) -> None:
    for _ in range(12):
        n = int(random.integers(200, 2000))
        worse, better = random.multinomial(n, [0.015, 0.01, 0.975])[:2].tolist()
        certificate = certify_with_labels(PairedCounts(n, worse, better), 0.01, confidence)
        if certificate.certified:
            assert certificate.p_value <= 1.0 - confidence + 1e-12
            assert certificate.drop_upper <= 0.01
        else:
            assert certificate.p_value > 1.0 - confidence - 1e-12
            assert certificate.drop_upper >= 0.01
            assert (certificate.examples_needed or n + 1) > n


def test_agreement_counts_every_disagreement_against_the_variant() -> None:
    certificate = certify_agreement(3, 2000, 0.01, 0.95)
    assert (certificate.kind, certificate.metric) == ("agreement", "agreement")
    assert (certificate.worse, certificate.better, certificate.drop) == (3, 0, 0.0015)
    assert certificate.p_value == agreement_p_value(3, 2000, 0.01)
    assert certificate.certified
    assert certificate.drop_upper <= 0.01


def test_agreement_on_too_few_examples_says_how_many_are_needed() -> None:
    certificate = certify_agreement(1, 200, 0.01, 0.95)
    assert not certificate.certified
    assert certificate.examples_needed is not None
    assert certificate.examples_needed > 200


def test_agreement_can_never_be_certified_where_labels_can() -> None:
    counts = PairedCounts(n=5000, worse=41, better=30)
    assert certify_with_labels(counts, 0.01, 0.95).certified
    refused = certify_agreement(71, 5000, 0.01, 0.95)
    assert not refused.certified
    assert refused.examples_needed is None


def test_a_certificate_cannot_be_changed() -> None:
    certificate = certify_agreement(0, 400, 0.01, 0.95)
    with pytest.raises(dataclasses.FrozenInstanceError):
        certificate.certified = False  # type: ignore[misc]


def test_agreement_on_no_examples_is_refused() -> None:
    with pytest.raises(SettingError, match="n: expected a count of 1 or more, got 0"):
        certify_agreement(0, 0, 0.01, 0.95)


def test_a_bound_is_not_rounded_down() -> None:
    hundredths = np.random.default_rng().integers(0, 10_000, 1000)
    bounds = hundredths / 1e4
    assert [rounded_up(bound) for bound in bounds] == pytest.approx(list(bounds), abs=0)
    above = bounds + 1e-7
    assert [rounded_up(bound) for bound in above] == pytest.approx(list(bounds + 1e-4))


def test_exports_are_what_all_says() -> None:
    public = tradewind.evidence.__all__
    assert public == sorted(public)
    assert all(hasattr(tradewind.evidence, name) for name in public)
