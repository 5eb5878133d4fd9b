"""What every script here is given, and how it judges what it made."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Inputs = dict[str, Array]


@final
@dataclass(frozen=True)
class Request:
    """A model, examples and the drop that is allowed."""

    model: str
    folder: Path
    max_drop: float
    metric: dict[str, Any]
    batch: int  # that may be asked at once
    calibrate: str
    select: str

    @classmethod
    def read(cls, path: str) -> "Request":
        """Return what was written for this script."""
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        found["folder"] = Path(found["folder"])
        return cls(**found)

    def examples(self) -> Iterator[Inputs]:
        """Yield the calibrate split, one example at a time."""
        inputs, _ = _read(self.calibrate)
        yield from _batches(inputs, 1)

    def score(self, answer: Callable[[Inputs], list[Array]]) -> float:
        """Return how much of the select split is right, from 0 to 1.

        Args:
            answer: returns all outputs for a batch.
        """
        inputs, truth = _read(self.select)
        told = [self._told(answer(batch)) for batch in _batches(inputs, self.batch)]
        found = np.concatenate(told)
        if self.metric["kind"] == "error":
            errors = np.abs(found - truth.reshape(len(truth), -1)) / self.metric["limit"]
            return float(1.0 - np.fmin(errors, 1.0).mean())
        return float((found == truth).mean())

    def _told(self, outputs: list[Array]) -> Array:
        if self.metric["kind"] == "error":
            return np.concatenate([one.reshape(len(one), -1) for one in outputs], axis=1)
        first = outputs[0]
        if first.size > len(first):
            return np.asarray(first.argmax(axis=1))
        flat = first.reshape(len(first))
        if not np.issubdtype(flat.dtype, np.floating):
            return flat
        return np.asarray((flat >= self.metric["threshold"]).astype(np.int64))


def _read(path: str) -> tuple[Inputs, Array]:
    with np.load(path) as archive:
        inputs = {
            name.removeprefix("input:"): archive[name]
            for name in archive.files
            if name.startswith("input:")
        }
        return inputs, archive["truth"]


def _batches(inputs: Inputs, size: int) -> Iterator[Inputs]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, size):
        yield {name: array[start : start + size] for name, array in inputs.items()}
