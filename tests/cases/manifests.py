"""The record of a search that never took place."""

from dataclasses import replace

from tests.cases.table import DENSE

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
    settings_of,
)
from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.evidence import Certificate
from tradewind.measure import Ratio, this_machine
from tradewind.runners import Margin, Scores

GRAPH = "models/original.onnx"

ORIGINAL = VariantRecord(
    variant="original",
    engine="onnxruntime",
    settings=settings_of(OnnxRuntime()),
    passes=(),
    description="original on ONNX Runtime",
    model=GRAPH,
    model_digest=DENSE.model.digest,
    size_bytes=len(DENSE.model.content),
)
CHOSEN = VariantRecord(
    variant="original-openvino",
    engine="openvino",
    settings=settings_of(OpenVINO(batch_sizes=(1, 4))),
    passes=(),
    description="original on OpenVINO",
    model=GRAPH,
    model_digest=DENSE.model.digest,
    size_bytes=len(DENSE.model.content),
    latency_ms=Percentiles(1.0, 2.0),
    throughput_per_s=1000.0,
    batch_size=4,
    speedup=Ratio(2.0, 1.9, 2.1),
    drop=Drop(0.0, 0.004),
    certificate=Certificate(
        certified=True,
        kind="labels",
        metric="accuracy",
        max_drop=0.01,
        confidence=0.95,
        n=1000,
        worse=2,
        better=2,
        drop=0.0,
        drop_upper=0.004,
        p_value=0.001,
        examples_needed=None,
    ),
)
CASCADED = replace(
    CHOSEN,
    variant="original-onnxruntime-then-original-openvino-12",
    engine=CASCADE,
    settings={},
    model=None,
    model_digest="ca",
    size_bytes=2 * len(DENSE.model.content),
    description="original on ONNX Runtime (margin of 0.5 or more), then original on OpenVINO",
    stages=(
        StageRecord(
            "original on ONNX Runtime",
            "onnxruntime",
            settings_of(OnnxRuntime()),
            (),
            GRAPH,
            DENSE.model.digest,
            len(DENSE.model.content),
            RuleRecord("margin", settings_of(Margin(Scores("logits"), 0.5, 1.3))),
            0.88,
        ),
        StageRecord(
            "original on OpenVINO",
            "openvino",
            settings_of(OpenVINO(batch_sizes=(1, 4))),
            (),
            GRAPH,
            DENSE.model.digest,
            len(DENSE.model.content),
            None,
            0.12,
        ),
    ),
)
LOST = VariantRecord(
    variant="int8",
    engine="onnxruntime",
    settings={},
    passes=("quantize_static",),
    description="int8 on ONNX Runtime",
    model=None,
    model_digest="00",
    size_bytes=1,
)
MANIFEST = Manifest(
    schema=SCHEMA,
    tradewind="0.1.0",
    created="2025-01-02T03:04:05+00:00",
    command="tradewind optimize dense.onnx --data test.npz",
    source=Source("dense.onnx", "onnx", DENSE.model.digest, "test.npz", "00", 3000),
    budget=Budget(max_latency_ms=20.0),
    hardware=this_machine(),
    splits=SplitSizes(500, 1500, 1000, "00", 0),
    baseline=ORIGINAL,
    chosen=CHOSEN,
    reason="answers sooner",
    variants=(ORIGINAL, CHOSEN, LOST),
    refused=(Refusal("int8", "loses too much"),),
    preprocessing=None,
    is_complete=True,
    elapsed_s=12.5,
)
