"""Every variant of a manifest with its part in the story."""

from collections.abc import Sequence
from typing import Literal

from tradewind.bundle import Manifest, VariantRecord

Role = Literal["original", "chosen", "certified", "other"]


def in_order(manifest: Manifest) -> list[VariantRecord]:
    """Return each variant once: the original, the chosen, certified, timed, then the rest."""
    named = {manifest.baseline.variant: manifest.baseline}
    named.setdefault(manifest.chosen.variant, manifest.chosen)
    rest = {record.variant: record for record in manifest.variants if record.variant not in named}
    return [*named.values(), *sorted(rest.values(), key=_rank)]


def finalists(records: Sequence[VariantRecord]) -> list[VariantRecord]:
    """Return the variants that were timed or certified, and the original."""
    return [
        record
        for place, record in enumerate(records)
        if place == 0 or record.latency_ms is not None or is_certified(record)
    ]


def role(record: VariantRecord, manifest: Manifest) -> Role:
    """Return the part that a variant plays."""
    if record.variant == manifest.chosen.variant:
        return "chosen"
    if record.variant == manifest.baseline.variant:
        return "original"
    return "certified" if is_certified(record) else "other"


def is_certified(record: VariantRecord) -> bool:
    """Say whether a certificate holds for a variant."""
    return record.certificate is not None and record.certificate.certified


def _rank(record: VariantRecord) -> tuple[bool, bool, float]:
    latency = float("inf") if record.latency_ms is None else record.latency_ms.p50
    return not is_certified(record), record.latency_ms is None, latency
