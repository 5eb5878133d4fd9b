"""The main job on two real models: what is gained, what is certified, what is refused.

    python benchmarks/main_job.py [--data FOLDER] [--time 5m] [--only resnet56|kwt1] [--out FILE]

Every gain is measured against ONNX Runtime fp32 with its default settings, both at their best
batch size, interleaved in one run. ResNet-56 is searched with `--effort thorough` and may train on
20,000 further images without labels, KWT-1 with the normal effort. FOLDER holds `cifar10/`,
`cifar10_resnets/`, `kwt1/` and `speech_commands/`; without it nothing can be measured, and the
script says so.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

import msgspec

from tradewind import (
    Budget,
    Preprocessing,
    SearchSettings,
    load_model,
    open_dataset,
    optimize,
    pack,
)
from tradewind.bundle import Manifest, VariantRecord
from tradewind.search import Effort, parse_time

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Case:
    """One model with its data, and what it should reach."""

    model: str
    data: str
    unlabelled: str  # further examples, to train on; empty for none
    preprocessing: Preprocessing
    throughput: float  # times the baseline's, asked for
    latency: float  # times sooner, asked for; 0 when nothing is asked


CASES = {
    "resnet56": Case(
        "cifar10_resnets/resnet56.onnx",
        "cifar10/test.npz",
        "cifar10/train_20k.npz",
        Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        throughput=4.0,
        latency=2.0,
    ),
    "kwt1": Case(
        "kwt1/kwt1_wave.onnx",
        "speech_commands/test_1980.npz",
        "",
        Preprocessing(layout="N", channels="L", scale=32768.0),
        throughput=2.5,
        latency=0.0,
    ),
}


@final
class Lines:
    """What the search does, with the seconds since it began, on stderr."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def begin(self, stage: str, total: int | None = None) -> None:
        self._say(stage)

    def step(self, what: str) -> None:
        self._say(f"  {what}")

    def best(self, what: str) -> None:
        self._say(f"  best: {what}")

    def note(self, what: str) -> None:
        self._say(f"  {what}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s {text}", file=sys.stderr, flush=True)


def run(case: Case, folder: Path, settings: SearchSettings) -> Manifest:
    """Run the main job for throughput with a budget of one point at 95%."""
    model = load_model(folder / case.model)
    dataset, further = (
        open_dataset(folder / name, model.signature, preprocessing=case.preprocessing)
        if name
        else None
        for name in (case.data, case.unlabelled)
    )
    assert dataset is not None
    effort: Effort = "thorough" if further is not None else "normal"
    outcome = optimize(
        model,
        dataset,
        Budget(objective="throughput"),
        replace(settings, effort=effort),
        progress=Lines(),
        unlabelled=further,
    )
    manifest, _ = pack(outcome, "python benchmarks/main_job.py")
    return manifest


def show(name: str, case: Case, manifest: Manifest) -> None:
    """Print what a reader wants to know first."""
    base, chosen = manifest.baseline, manifest.chosen
    print(f"\n## {name} on {manifest.hardware.cpu}, {', '.join(manifest.hardware.isa)}")
    print(f"baseline: {_line(base)}")
    print(f"chosen:   {_line(chosen)}")
    if chosen.throughput_gain is not None and chosen.speedup is not None:
        print(f"throughput {_gain(chosen.throughput_gain)}, asked for {case.throughput} times")
        asked = f", asked for {case.latency} times" if case.latency else ""
        print(f"batch-1 latency {_sooner(base, chosen)}{asked}")
    for record in manifest.variants:
        drop = "" if record.select_drop is None else f"{record.select_drop:+.2%} lost on select"
        proof = record.certificate
        state = f"certified, at most {proof.drop_upper:.2%}" if proof and proof.certified else ""
        print(f"  {record.variant:42} {drop:26} {state}")
    for refusal in manifest.refused:
        print(f"  refused {refusal.variant}: {refusal.why}")


def _line(record: VariantRecord) -> str:
    latency = "" if record.latency_ms is None else f"p50 {record.latency_ms.p50:.2f} ms at batch 1"
    right = "" if record.loss is None else f"{1 - record.loss:.2%} right"
    return (
        f"{record.variant}, {latency}, {record.throughput_per_s or 0:,.0f}/s "
        f"at batch {record.batch_size}, {right}"
    )


def _sooner(base: VariantRecord, chosen: VariantRecord) -> str:
    """Return by how much one request is answered sooner; of a cascade, most and all of them."""
    assert chosen.speedup is not None
    if len(chosen.parts) == 1 or base.latency_ms is None or chosen.latency_ms is None:
        return _gain(chosen.speedup)
    median = base.latency_ms.p50 / chosen.latency_ms.p50
    return f"p50 {median:.2f} times; the mean, with what escalates, {_gain(chosen.speedup)}"


def _gain(ratio: object) -> str:
    found = msgspec.to_builtins(ratio)
    return f"{found['ratio']:.2f} times ({found['low']:.2f} to {found['high']:.2f})"


def main() -> int:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--time", default="5m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(CASES))
    parser.add_argument("--out", type=Path, help="write the manifests as JSON")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"{given.data}: expected the folder of models and data, got none.", file=sys.stderr)
        return 2
    settings = SearchSettings(parse_time(given.time), seed=given.seed)
    found: dict[str, object] = {}
    for name in [given.only] if given.only else list(CASES):
        manifest = run(CASES[name], given.data, settings)
        show(name, CASES[name], manifest)
        found[name] = manifest.to_builtins()
    if given.out is not None:
        given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
