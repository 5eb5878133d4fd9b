"""A case of the suite, written to a folder once, with the parts that each optimizer may see."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

import numpy as np
from benchmarks.optimizers.suite import Case

from tradewind.budget import Budget
from tradewind.data import Dataset, Splits, open_dataset, split
from tradewind.engines import OnnxRuntime
from tradewind.importers import OnnxImporter
from tradewind.measure import (
    Accuracy,
    Agreement,
    ClippedError,
    Metric,
    collect,
    parse_metric,
)
from tradewind.model import Model
from tradewind.tensors import Array

MAX_DROP = 0.01
CONFIDENCE = 0.95

Objective = Literal["latency", "throughput"]
OBJECTIVES: tuple[Objective, ...] = ("latency", "throughput")


@final
@dataclass(frozen=True)
class Prepared:
    """A model with its examples, divided as the search divides them.

    Optimizers see the calibrate and the select split, those of others as well as Tradewind;
    what they made is judged on the certify split.
    """

    case: Case
    folder: Path
    model: Model
    dataset: Dataset
    splits: Splits
    metric: Metric
    seed: int

    @property
    def file(self) -> Path:
        """The original as ONNX."""
        return self.folder / "model.onnx"

    def budget(self, objective: Objective) -> Budget:
        """Return the promise that a search is given."""
        return Budget(
            metric=self.case.metric,
            max_drop=MAX_DROP,
            confidence=CONFIDENCE,
            objective=objective,
        )

    def original(self, indices: Array) -> Array:
        """Return what the original answers."""
        size = self.model.signature.fixed_batch
        with OnnxRuntime(threads=1).compile(self.model) as runner:
            return collect(runner, self.dataset.batches(indices, size or 64), self.metric, size)

    def truth(self, indices: Array) -> Array:
        """Return the labels of examples, or what the original answers where there are none."""
        if self.metric.takes_labels and self.dataset.labels is not None:
            return self.dataset.labels[indices]
        return self.original(indices)

    @property
    def told(self) -> dict[str, object]:
        """The metric, for optimizers that can be told of one."""
        if isinstance(self.metric, ClippedError):
            return {"kind": "error", "limit": self.metric.limit}
        assert isinstance(self.metric, Accuracy | Agreement)
        return {"kind": "class", "threshold": self.metric.threshold}


def prepare(case: Case, shared: Path, work: Path, seed: int) -> Prepared:
    """Write a case to its folder unless it is there, and open it.

    Args:
        case: of the suite.
        shared: models and data.
        work: where all cases have a folder each.
        seed: of the division.
    """
    folder = work / case.name
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = case.make(shared)
        made.model.save(folder / "model.onnx")
        np.savez(folder / "data.npz", **made.arrays)  # type: ignore[arg-type]
        (folder / "ready").touch()
    model = OnnxImporter().load(folder / "model.onnx")
    dataset = open_dataset(folder / "data.npz", model.signature)
    metric = parse_metric(case.metric, model)
    found = Prepared(case, folder, model, dataset, split(dataset, seed), metric, seed)
    _write_parts(found)
    return found


def _write_parts(prepared: Prepared) -> None:
    """Write what other optimizers are given: never the certify split."""
    parts = {"calibrate": prepared.splits.calibrate, "select": prepared.splits.select}
    for name, indices in parts.items():
        path = prepared.folder / f"{name}-{prepared.splits.digest[:8]}.npz"
        if not path.exists():
            partial = path.with_name("partial.npz")
            given = {f"input:{key}": one for key, one in prepared.dataset.take(indices).items()}
            np.savez(partial, truth=prepared.truth(indices), **given)  # type: ignore[arg-type]
            partial.replace(path)


def part_of(prepared: Prepared, name: Literal["calibrate", "select"]) -> Path:
    """Return the file with the examples of a split: each input, and what is right."""
    return prepared.folder / f"{name}-{prepared.splits.digest[:8]}.npz"
