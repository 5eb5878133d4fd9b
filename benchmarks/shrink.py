"""What smaller graphs and cascades add to quantization, on real networks and real data.

    python benchmarks/shrink.py [--data FOLDER] [--only NAME ...] [--time 25m] [--out FILE]

`images`, `text`, `keywords`: the main job with a budget of one point at 95%, once with quantization
and engines alone (effort quick), once with everything (effort thorough), which may train on further
examples without labels; both against ONNX Runtime fp32 with its default settings.

- `images`: ResNet-56 on 10,000 images of CIFAR-10, with 20,000 others to train on.
- `text`: an encoder of four layers on 3,000 messages, with the 2,000 that it was trained on.
- `keywords`: the Keyword Transformer on 1,280 recordings, with 700 others.

`halved`: pruning alone, of channels or of whole blocks, to half of the multiplications of
ResNet-56: agreement with the original on 10,000 images and accuracy on them, after the closed-form
repair and after distillation, and the speed-up on ONNX Runtime fp32 for the multiplications saved.

FOLDER holds the models and data; without it nothing can be measured.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # it is run as a file
from benchmarks.optimizers.sentences import spam
from benchmarks.optimizers.sounds import kwt1

from tradewind import Budget, Model, Preprocessing, SearchSettings, load_model, open_dataset
from tradewind.bundle import VariantRecord
from tradewind.data import ArrayDataset, Dataset
from tradewind.engines import OnnxRuntime
from tradewind.measure import Ratio, Task, calling, graph_cost, interleave, speedup
from tradewind.passes import (
    Distil,
    DropBlocks,
    Observed,
    Pass,
    PruneChannels,
    apply_isolated,
)
from tradewind.search import Effort, optimize, pack, parse_time
from tradewind.tensors import Array

DEFAULT_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
REPAIRED_ON = 2_000
JUDGED = 1_280
QUICK_S = 120.0
PREPROCESSING = Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Given:
    """A model with the examples that it is judged on and those that have no labels."""

    model: Model
    test: Dataset
    unlabelled: Dataset


def text(folder: Path) -> Given:
    """Train the encoder, and divide the messages."""
    made = spam(folder)
    labels = made.arrays.pop("label")
    judged = ArrayDataset(made.arrays, labels, "messages")
    return Given(made.model, judged, ArrayDataset(made.further, source="further messages"))


def keywords(folder: Path) -> Given:
    """Open the network, and divide the recordings."""
    made = kwt1(folder)
    labels = made.arrays.pop("label")
    order = np.random.default_rng(0).permutation(len(labels))
    judged, rest = order[:JUDGED], order[JUDGED:]
    return Given(
        made.model,
        ArrayDataset({name: array[judged] for name, array in made.arrays.items()}, labels[judged]),
        ArrayDataset({name: array[rest] for name, array in made.arrays.items()}, source="further"),
    )


def images(folder: Path) -> Given:
    """Open ResNet-56 and both sets of images."""
    model = load_model(folder / "cifar10_resnets" / "resnet56.onnx")
    sets = [
        open_dataset(folder / "cifar10" / name, model.signature, preprocessing=PREPROCESSING)
        for name in ("test.npz", "train_20k.npz")
    ]
    return Given(model, *sets)


def search(name: str, case: Given, effort: Effort, time_s: float) -> dict[str, Any]:
    """Run the main job for throughput, and print what it found."""
    settings = SearchSettings(time_s, effort)
    unlabelled = case.unlabelled if effort == "thorough" else None
    outcome = optimize(
        case.model, case.test, Budget(objective="throughput"), settings, unlabelled=unlabelled
    )
    manifest, _ = pack(outcome, f"python benchmarks/shrink.py --only {name}")
    print(f"\n## {name}, {effort}, {time_s:g} s on {manifest.hardware.cpu}")
    for record in (manifest.baseline, manifest.chosen):
        print(told(record))
    print(manifest.reason)
    for record in manifest.variants:
        drop = "" if record.select_drop is None else f"{record.select_drop:+.2%} on select"
        quick = record.estimate
        rate = "" if quick is None else f"about {quick.throughput_per_s:,.0f}/s"
        print(f"  {record.variant:60} {rate:16} {drop}")
    for refusal in manifest.refused:
        print(f"  refused {refusal.variant}: {refusal.why}")
    return manifest.to_builtins()


def told(record: VariantRecord) -> str:
    """Return the figures of a variant on one line."""
    parts = [record.variant, f"{record.throughput_per_s or 0:,.0f}/s"]
    for name, gain in (("throughput", record.throughput_gain), ("latency", record.speedup)):
        if gain is not None:
            parts.append(f"{name} {gain.ratio:.2f} times ({gain.low:.2f} to {gain.high:.2f})")
    if record.certificate is not None:
        parts.append(
            f"drop {record.certificate.drop:.2%}, {record.certificate.drop_upper:.2%} at most"
        )
    return ", ".join(parts)


def halve(case: Given, time_s: float) -> dict[str, Any]:
    """Prune to half of the multiplications, repair, distil; measure after each step."""
    rows = []
    every = case.unlabelled.take(np.arange(len(case.unlabelled)))
    few = {name: array[:REPAIRED_ON] for name, array in every.items()}
    for prune in (PruneChannels(keep=0.5), DropBlocks(keep=0.5)):
        began = time.monotonic()
        pruned = applied(prune, case.model, Observed(few), 1800)
        rows.append(measured(case, prune.name, pruned, time.monotonic() - began))
        began = time.monotonic()
        learning = Observed(every, original=case.model)
        trained = applied(Distil(time_s=time_s), pruned, learning, 1.5 * time_s + 300)
        rows.append(measured(case, f"{prune.name}, distil", trained, time.monotonic() - began))
    return {"halved": rows}


def measured(case: Given, name: str, model: Model, seconds: float) -> dict[str, Any]:
    """Return what a smaller network answers and takes, and print it."""
    whole, left = (graph_cost(one).macs or 0 for one in (case.model, model))
    wanted, got = (answers(one, case.test) for one in (case.model, model))
    agreement = float(np.mean(got == wanted))
    accuracy = float(np.mean(got == case.test.labels))
    lost = float(np.mean(wanted == case.test.labels)) - accuracy
    gain = speed_up(case, model)
    print(
        f"{name}, {seconds:.0f} s: {left / 1e6:.1f} M multiplications, 1/{whole / left:.2f} of "
        f"them; {agreement:.2%} agree, {accuracy:.2%} are right, {lost * 100:.2f} points fewer; "
        f"{gain.ratio:.2f} times as fast ({gain.low:.2f} to {gain.high:.2f}), "
        f"{gain.ratio * left / whole:.2f} of what the multiplications promise",
        flush=True,
    )
    return {
        "name": name,
        "seconds": seconds,
        "macs": left,
        "macs_ratio": whole / left,
        "agreement": agreement,
        "accuracy": accuracy,
        "accuracy_lost": lost,
        "speedup": asdict(gain),
    }


def applied(step: Pass, model: Model, seen: Observed, timeout_s: float) -> Model:
    """Apply one pass and say what it did."""
    change = apply_isolated(step, model, seen, timeout_s)
    print(f"  {step.label}: {change.summary}", flush=True)
    return change.model


def answers(model: Model, images: Dataset) -> Array:
    """Return the class of every image."""
    with OnnxRuntime().compile(model) as runner:
        (name,) = (spec.name for spec in model.signature.outputs)
        found = [
            runner(images.take(indices))[name].argmax(axis=1)
            for indices in np.array_split(np.arange(len(images)), max(len(images) // 100, 1))
        ]
    return np.concatenate(found)


def speed_up(case: Given, model: Model) -> Ratio:
    """Return how much sooner than by the original a batch of 32 is answered, interleaved."""
    batch = case.test.take(np.arange(32))
    with OnnxRuntime().compile(case.model) as before, OnnxRuntime().compile(model) as after:
        tasks = [Task(calling(before, batch)), Task(calling(after, batch))]
        until = time.monotonic() + 20
        first, second = interleave(tasks, seed=0, turn_s=0.2, max_rounds=40, until=until)
    return speedup(first, second)


SEARCHED = {"images": images, "text": text, "keywords": keywords}


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DEFAULT_DATA)
    parser.add_argument("--time", default="25m", help="of the thorough search")
    parser.add_argument("--distil", default="15m", help="of the distillation of the halved network")
    parser.add_argument("--only", nargs="+", choices=(*SEARCHED, "halved"), default=[])
    parser.add_argument("--out", type=Path, help="write what was measured as JSON")
    asked = parser.parse_args()
    if not asked.data.is_dir():
        print(f"{asked.data}: expected the folder of models and data, got none.", file=sys.stderr)
        return 2
    found: dict[str, Any] = {}
    for name, open_case in SEARCHED.items():
        if not asked.only or name in asked.only:
            case = open_case(asked.data)
            quantized = search(name, case, "quick", QUICK_S)
            thorough = search(name, case, "thorough", parse_time(asked.time))
            found[name] = {"quantized": quantized, "thorough": thorough}
    if not asked.only or "halved" in asked.only:
        found |= halve(images(asked.data), parse_time(asked.distil))
    if asked.out is not None:
        asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
