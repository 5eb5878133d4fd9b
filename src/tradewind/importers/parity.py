"""Whether an imported graph answers like the model that it was made from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tradewind.engines import OnnxRuntime
from tradewind.errors import EngineError, ModelError, SettingError
from tradewind.importers.bisection import first_difference
from tradewind.importers.closeness import error_of
from tradewind.importers.original import Original
from tradewind.importers.probes import probes
from tradewind.model import Model, Parity
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors


@dataclass(frozen=True)
class Tolerance:
    """What counts as the same answer.

    Args:
        error: the largest |graph - original| / max(1, |original|) of a number.
        differing: the share of examples that may be farther away, for models that decide
            between branches: a value that rounds to the other side of a threshold is no fault.
        steps: how far apart whole numbers may be, for outputs that are quantized.
    """

    error: float = 1e-4
    differing: float = 0.0
    steps: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.error < 1:
            raise SettingError("error", "at least 0, less than 1", f"{self.error:g}")
        if not 0 <= self.differing <= 0.05:
            raise SettingError("differing", "at most 0.05", f"{self.differing:g}")
        if not 0 <= self.steps < 256:
            raise SettingError("steps", "at least 0, less than 256", f"{self.steps:g}")


FLOAT32 = Tolerance()
"""Frameworks add in other orders: 1e-6 an operator, a hundred operators in a row."""

BRANCHES = Tolerance(error=1e-3, differing=0.01)
"""For ensembles of trees, summed in float32 here and in float64 there."""


def check_parity(
    model: Model,
    original: Original,
    *,
    tolerance: Tolerance = FLOAT32,
    questions: Sequence[Tensors] | None = None,
) -> Model:
    """Return the model with its parity, after asking graph and original the same questions.

    Args:
        model: the import.
        original: what it was made from.
        tolerance: what counts as the same answer.
        questions: inputs to ask; `probes(model.signature)` when None.

    Raises:
        ModelError: the answers differ; it names the first operator that does where the original
            can look inside itself, else the output.
    """
    asked = probes(model.signature) if questions is None else questions
    examples = beyond = 0
    largest = 0.0
    worst: tuple[float, str, Tensors] | None = None
    with _compiled(model) as runner:
        for inputs in asked:
            wanted, got = original.answer(inputs), _answer(model, runner, inputs)
            errors = {name: _errors(model, name, wanted, got[name]) for name in got}
            rows = max(map(len, errors.values()), default=0)
            differs = np.zeros(rows, dtype=bool)
            for name, error in errors.items():
                far = (error > tolerance.error) & _beyond(got[name], wanted[name], tolerance.steps)
                differs |= far if len(far) == rows else bool(far.any())
                top = float(error.max(initial=0.0))
                if far.any() and (worst is None or top > worst[0]):
                    worst = (top, name, inputs)
                largest = max(largest, top)
            examples, beyond = examples + rows, beyond + int(differs.sum())
    share = beyond / max(examples, 1)
    if worst is not None and share > tolerance.differing:
        raise _difference(model, original, tolerance, worst, share)
    found = Parity(examples, largest, tolerance.error, share)
    return Model(model.content, replace(model.origin, parity=found))


def _compiled(model: Model) -> Runner:
    try:
        return OnnxRuntime(threads=1).compile(model)
    except EngineError as error:
        where, hint = model.origin.source, "export it to ONNX in another way."
        raise ModelError(where, "a graph that ONNX Runtime can run", error.got, hint) from error


def _answer(model: Model, runner: Runner, inputs: Tensors) -> dict[str, Array]:
    try:
        return runner(inputs)
    except EngineError as error:
        shapes = ", ".join(f"{name}{list(array.shape)}" for name, array in inputs.items())
        where = model.origin.source
        raise ModelError(where, f"an answer to {shapes}", error.got) from error


def _errors(model: Model, name: str, wanted: Tensors, got: Array) -> Array:
    """Return the error of every example of one output, infinite where it cannot be compared."""
    if name not in wanted:
        raise ModelError(
            f"{model.origin.source}: {name}", "an output of the original", ", ".join(wanted)
        )
    target = np.asarray(wanted[name])
    if target.shape != got.shape:
        raise ModelError(
            f"{model.origin.source}: {name}",
            f"shape {list(target.shape)} as the original gives it",
            f"shape {list(got.shape)}",
        )
    rows = len(got) if got.ndim else 1
    return np.asarray(error_of(got, target).reshape(rows, -1).max(axis=1, initial=0.0))


def _beyond(got: Array, wanted: Array, steps: float) -> Array:
    """Return of every example whether a number is more than some steps away."""
    rows = len(got) if got.ndim else 1
    if not steps or got.dtype.kind not in "iu":
        return np.ones(rows, dtype=bool)
    distance = np.abs(got.astype(np.float64) - np.asarray(wanted, np.float64))
    return np.asarray(distance.reshape(rows, -1).max(axis=1, initial=0.0) > steps)


def _difference(
    model: Model,
    original: Original,
    tolerance: Tolerance,
    worst: tuple[float, str, Tensors],
    share: float,
) -> ModelError:
    error, name, inputs = worst
    place = first_difference(model, original, inputs, max(tolerance.error, tolerance.steps))
    got = f"{error:.2g} at output {name!r} on {share:.1%} of the questions"
    return ModelError(
        model.origin.source,
        f"answers within {tolerance.error:g} of the original's",
        f"{got}; first at {place}" if place else got,
        "this conversion would change the model; export it to ONNX in another way.",
    )
