from dataclasses import replace

import numpy as np
from tests.cases.manifests import CHOSEN, LOST, MANIFEST, ORIGINAL

from tradewind.bundle import Drop, Front, Manifest, Percentiles, VariantRecord, front_of


def _point(
    name: str,
    latency_ms: float,
    per_s: float = 1000.0,
    size_bytes: int = 1000,
    drop: float = 0.0,
    memory: int | None = None,
) -> VariantRecord:
    return replace(
        CHOSEN,
        variant=name,
        latency_ms=Percentiles(latency_ms, 2 * latency_ms),
        throughput_per_s=per_s,
        size_bytes=size_bytes,
        drop=Drop(drop, drop + 0.004),
        peak_memory_bytes=memory,
    )


def _manifest(*points: VariantRecord) -> Manifest:
    timed = replace(
        ORIGINAL, latency_ms=Percentiles(10.0, 20.0), throughput_per_s=100.0, size_bytes=4000
    )
    return replace(MANIFEST, baseline=timed, chosen=points[0], variants=(timed, *points))


def test_a_variant_that_another_one_replaces_is_not_on_the_front() -> None:
    good, worse = _point("good", 1.0), _point("worse", 1.5, drop=0.001)
    front = front_of(_manifest(good, worse))
    assert front.variants == ("good",)
    assert front.best == {}  # where there is one, it is best in everything


def test_each_is_kept_that_is_best_in_something() -> None:
    points = [
        _point("quick", 1.0, memory=300),
        _point("steady", 3.0, per_s=5000.0, memory=310),
        _point("small", 5.0, size_bytes=10, memory=290),
        _point("exact", 8.0, drop=-0.001, memory=400),
    ]
    front = front_of(_manifest(*points))
    assert front.variants == ("quick", "steady", "small", "exact")
    assert front.best["latency"] == "quick"
    assert front.best["throughput"] == "steady"
    assert front.best["size"] == front.best["memory"] == "small"


def test_noise_puts_nothing_on_the_front() -> None:
    front = front_of(_manifest(_point("one", 1.0), _point("other", 0.995, drop=0.001)))
    assert front.variants == ("one",)


def test_only_what_keeps_the_promise_and_was_timed_is_compared() -> None:
    assert CHOSEN.certificate is not None
    failed = replace(
        _point("failed", 0.1), certificate=replace(CHOSEN.certificate, certified=False)
    )
    untimed = replace(_point("untimed", 0.1), latency_ms=None)
    gone = replace(_point("gone", 0.1), model=None)
    front = front_of(_manifest(_point("good", 1.0), failed, untimed, gone, LOST))
    assert front.variants == ("good",)
    assert front_of(replace(MANIFEST, variants=(ORIGINAL,), chosen=ORIGINAL)) == Front()


def test_nobody_on_the_front_replaces_another(random: np.random.Generator) -> None:
    points = [
        _point(
            f"v{number}",
            float(random.uniform(1, 3)),
            per_s=float(random.uniform(1000, 3000)),
            size_bytes=int(random.integers(1, 4)),
            drop=float(random.choice([0.0, 0.001, 0.002])),
        )
        for number in range(30)
    ]
    named = {point.variant: point for point in points}
    kept = [name for name in front_of(_manifest(*points)).variants if name in named]
    assert kept
    for one in kept:
        for other in kept:
            alone = front_of(_manifest(named[one], named[other]))
            assert {one, other} <= set(alone.variants)
