"""The variants of a bundle that nothing else in it beats in everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tradewind.bundle.manifest import Manifest, VariantRecord

NOISE = 0.02
"""Two measurements that differ by a smaller share are no reason to prefer either."""

_MEASURES: dict[str, Callable[[VariantRecord], float | None]] = {
    "latency": lambda one: None if one.latency_ms is None else one.latency_ms.p50,
    "throughput": lambda one: 1.0 / one.throughput_per_s if one.throughput_per_s else None,
    "CPU time": lambda one: one.cpu_ms_per_example,
    "memory": lambda one: one.peak_memory_bytes,
    "size": lambda one: one.size_bytes,
}
"""What may count, each so that less is better."""


@dataclass(frozen=True)
class Front:
    """What is left when every variant is gone that another one replaces without a loss.

    Args:
        variants: their names, the quickest first.
        best: what may count, to the variant that is best in it.
    """

    variants: tuple[str, ...] = ()
    best: Mapping[str, str] = field(default_factory=dict)


def front_of(manifest: Manifest) -> Front:
    """Return the Pareto front of a bundle: the original, and the variants that keep the promise.

    A variant is on it unless another one is at least as good in latency, throughput, CPU time,
    memory, size and drop, up to the noise of timing, and clearly better in one of them. What was
    not timed is not compared.
    """
    baseline, chosen = manifest.baseline.variant, manifest.chosen.variant
    able = [
        record
        for record in manifest.variants
        if record.latency_ms is not None
        and record.is_kept
        and (record.variant in (baseline, chosen) or _is_certified(record))
    ]
    kept = [one for one in able if not any(_replaces(other, one) for other in able)]
    best = {}
    for name, measure in _MEASURES.items():
        known = [(value, one.variant) for one in kept if (value := measure(one)) is not None]
        if len(known) > 1:
            best[name] = min(known, key=lambda item: item[0])[1]
    kept.sort(key=lambda one: one.latency_ms.p50 if one.latency_ms else 0.0)
    return Front(tuple(one.variant for one in kept), best)


def _is_certified(record: VariantRecord) -> bool:
    return record.certificate is not None and record.certificate.certified


def _replaces(other: VariantRecord, one: VariantRecord) -> bool:
    """Say whether nobody would miss a variant beside another one."""
    if other is one or _drop(other) > _drop(one):
        return False
    is_better = _drop(other) < _drop(one)
    for measure in _MEASURES.values():
        ours, theirs = measure(one), measure(other)
        if ours is None or theirs is None:
            continue
        if theirs > ours * (1 + NOISE):
            return False
        is_better |= theirs < ours * (1 - NOISE)
    return is_better


def _drop(record: VariantRecord) -> float:
    return 0.0 if record.drop is None else record.drop.estimate
