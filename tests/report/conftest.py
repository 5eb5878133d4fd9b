"""Manifests made by hand to test how they are shown; no number in them was measured."""

from dataclasses import replace

import pytest

from tradewind.budget import Budget
from tradewind.bundle import (
    CASCADE,
    SCHEMA,
    Drop,
    Manifest,
    Percentiles,
    Refusal,
    RuleRecord,
    Source,
    SplitSizes,
    StageRecord,
    VariantRecord,
)
from tradewind.evidence import Certificate
from tradewind.measure import Hardware, Ratio

BUDGET = Budget(max_drop=0.01)


def record(name: str, engine: str = "openvino", **measured: object) -> VariantRecord:
    """Return a variant of which only what is given was measured."""
    settings: dict[str, object] = {"precision": "f32", "threads": 0, "streams": 1}
    bare = VariantRecord(
        variant=name,
        engine=engine,
        settings=settings if engine == "openvino" else {"threads": 0},
        passes=("fold",),
        description=f"{name.split('-')[0]} on {engine}",
        model=None,
        model_digest="ab" * 32,
        size_bytes=11_320_417,
    )
    return replace(bare, **measured)  # type: ignore[arg-type]


def certificate(worse: int, better: int, upper: float, needed: int | None = None) -> Certificate:
    """Return a certificate on 7,700 labelled examples, as far as the report reads it."""
    return Certificate(
        certified=needed is None,
        kind="labels",
        metric="accuracy",
        max_drop=BUDGET.max_drop,
        confidence=0.95,
        n=7_700,
        worse=worse,
        better=better,
        drop=(worse - better) / 7_700,
        drop_upper=upper,
        p_value=0.0003,
        examples_needed=needed,
    )


ORIGINAL = record(
    "original",
    "onnxruntime",
    latency_ms=Percentiles(21.3, 24.02),
    throughput_per_s=61.4,
    batch_size=8,
    cpu_ms_per_example=32.1,
    peak_memory_bytes=212_000_000,
    size_bytes=44_651_337,
    loss=0.0823,
    select_drop=0.0,
)
INT8 = record(
    "int8-nncf-openvino",
    latency_ms=Percentiles(5.61, 6.37),
    throughput_per_s=1_234.5,
    batch_size=32,
    cpu_ms_per_example=1.62,
    peak_memory_bytes=148_000_000,
    loss=0.0837,
    select_drop=0.0015,
    speedup=Ratio(3.80, 3.71, 3.92),
    throughput_gain=Ratio(20.1, 19.4, 21.0),
    drop=Drop(11 / 7_700, 0.00641),
    certificate=certificate(41, 30, 0.00641),
)
BF16 = record(
    "original-openvino-bf16",
    latency_ms=Percentiles(12.04, 13.5),
    throughput_per_s=164.0,
    batch_size=8,
    cpu_ms_per_example=12.0,
    peak_memory_bytes=230_000_000,
    size_bytes=44_651_337,
    loss=0.0824,
    select_drop=0.0,
    speedup=Ratio(1.77, 1.74, 1.80),
    throughput_gain=Ratio(2.67, 2.6, 2.7),
    drop=Drop(1 / 7_700, 0.0018),
    certificate=certificate(3, 2, 0.0018),
)
FOLDED = record(
    "folded-openvino",
    latency_ms=Percentiles(23.9, 26.0),
    throughput_per_s=58.0,
    batch_size=8,
    cpu_ms_per_example=33.0,
    peak_memory_bytes=225_000_000,
    size_bytes=44_600_120,
    select_drop=0.0,
    speedup=Ratio(0.89, 0.88, 0.90),
    throughput_gain=Ratio(0.94, 0.93, 0.96),
)
SCREENED = (
    record("int8-mixed-openvino", select_drop=0.0185, batch_size=32),
    record("int8-percentile-onnxruntime", "onnxruntime", select_drop=0.0044, batch_size=8),
    record("int8-onnxruntime", "onnxruntime", select_drop=0.7531, batch_size=8),
    record("dynamic-int8-onnxruntime", "onnxruntime", select_drop=0.0, batch_size=1),
)
REFUSED = (
    Refusal("original-openvino-bf16", "keeps the promise, but int8-nncf-openvino gains more"),
    Refusal("folded-openvino", "no certain gain: 0.89 times, between 0.88 and 0.90"),
    Refusal("int8-mixed-openvino", "loses 1.9% of right answers on 2000 examples"),
    Refusal("int8-onnxruntime", "loses 75.3% of right answers on 200 examples"),
    Refusal("dynamic-int8-onnxruntime", "no gain here: 9.14 times the time of the original"),
    Refusal("int8-percentile-onnxruntime", "int8-nncf-openvino is as safe and costs no more"),
    Refusal("int8 entropy", "not tried: time ran out"),
)
GOOD = Manifest(
    schema=SCHEMA,
    tradewind="0.1.0",
    created="2025-01-02T03:04:05+00:00",
    command="tradewind optimize nets/resnet18.onnx --data 'my tests.npz' --preprocess scale=255",
    source=Source("resnet18.onnx", "onnx", "cd" * 32, "my tests.npz", "ef" * 32, 10_000),
    budget=BUDGET,
    hardware=Hardware(
        cpu="Example CPU @ 2.10GHz",
        isa=("avx2", "avx512f", "avx512_vnni", "amx_int8"),
        cores=2,
        memory_bytes=16_000_000_000,
        system="Linux x86_64",
        engines={"onnxruntime": "1.24.0", "openvino": "2026.1.0"},
    ),
    splits=SplitSizes(300, 2_000, 7_700, "12" * 32, 0),
    baseline=ORIGINAL,
    chosen=INT8,
    reason="answers one request 3.80 times sooner than the original, and keeps the promise",
    variants=(ORIGINAL, INT8, BF16, FOLDED, *SCREENED),
    refused=REFUSED,
    preprocessing=None,
    is_complete=True,
    elapsed_s=252.4,
)
UNCERTIFIED = replace(
    INT8,
    variant="int8-nncf-openvino",
    latency_ms=None,
    speedup=None,
    throughput_gain=None,
    throughput_per_s=None,
    drop=Drop(11 / 7_700, 0.0123),
    certificate=certificate(41, 30, 0.0123, needed=9_800),
)
KEPT = replace(
    GOOD,
    chosen=ORIGINAL,
    reason="nothing cheaper could be certified; the original is served as it is",
    variants=(ORIGINAL, UNCERTIFIED),
    refused=(
        Refusal(
            "int8-nncf-openvino",
            "not certified: lost 0.14% on 7700 examples, at most 1.23% at 95% confidence, more "
            "than the 1.00% allowed; about 9800 examples would be needed",
        ),
    ),
    is_complete=False,
)
BARE_ORIGINAL = record("original", "onnxruntime", size_bytes=0)
BARE = replace(
    KEPT, baseline=BARE_ORIGINAL, chosen=BARE_ORIGINAL, variants=(BARE_ORIGINAL,), refused=()
)


def crowd(count: int) -> tuple[VariantRecord, ...]:
    """Return many variants with values that nobody hopes for."""
    infinite = float("inf")
    odd = (0.0, infinite, float("nan"), 1e-9, 1e12, 7.0)
    found = []
    for number in range(count):
        value = odd[number % len(odd)]
        found.append(
            record(
                f"<script>alert('{number}')</script>&-{'very-long-name-' * (number % 7)}{number}",
                latency_ms=Percentiles(value, value * 2),
                throughput_per_s=value,
                cpu_ms_per_example=value,
                peak_memory_bytes=number * 10**6,
                loss=value,
                select_drop=(number - 20) / 100,
                speedup=Ratio(value, 0.0, infinite),
                throughput_gain=Ratio(value, 0.0, infinite),
                drop=Drop(value, infinite) if number % 3 else None,
            )
        )
    return tuple(found)


CROWD = crowd(40)
UGLY = replace(
    GOOD,
    source=replace(GOOD.source, model="<b>model</b>.onnx", data="http'\"<i>"),
    command="tradewind optimize '<b>",
    chosen=CROWD[5],
    variants=(ORIGINAL, *CROWD, *SCREENED),
    refused=tuple(Refusal(one.variant, f"<em>{one.variant}</em> failed") for one in CROWD),
)
CASCADED = replace(
    INT8,
    variant="pruned-int8-openvino-then-original-onnxruntime-12",
    engine=CASCADE,
    settings={},
    description="pruned, int8 on OpenVINO (margin of 0.27 or more), then original on ONNX Runtime",
    latency_ms=Percentiles(2.2, 27.5),
    stages=(
        StageRecord(
            "pruned, int8 on OpenVINO", "openvino", {"streams": 1}, ("prune_channels",),
            "models/a.onnx", "a1" * 32, 1_100_000,
            RuleRecord(
                "margin",
                {"scores": {"output": "logits", "are_probabilities": False}, "threshold": 0.27},
            ),
            0.8779,
        ),
        StageRecord(
            "original on ONNX Runtime", "onnxruntime", {"threads": 0}, (), "models/b.onnx",
            "b2" * 32, 44_651_337, None, 0.1221,
        ),
    ),
)  # fmt: skip
TEAM = replace(
    GOOD,
    chosen=CASCADED,
    reason="answers one request 3.80 times sooner on average than the original, and keeps the "
    "promise",
    variants=(ORIGINAL, CASCADED, INT8, *SCREENED),
)
MANIFESTS = {"team": TEAM, "good": GOOD, "kept": KEPT, "bare": BARE, "ugly": UGLY}


@pytest.fixture
def good() -> Manifest:
    """A search that found something."""
    return GOOD


@pytest.fixture
def team() -> Manifest:
    """A search that found a cascade."""
    return TEAM


@pytest.fixture
def kept() -> Manifest:
    """A search that could certify nothing and was interrupted."""
    return KEPT


@pytest.fixture(params=MANIFESTS)
def any_manifest(request: pytest.FixtureRequest) -> Manifest:
    """Each kind of manifest in turn, the worst included."""
    return MANIFESTS[request.param]
