"""Whether a changed model still answers, compared with the original on real inputs."""

from dataclasses import dataclass

import numpy as np

from tradewind.engines import Engine
from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.tensors import Array, Tensors

LOSSLESS_TOLERANCE = 1e-3
"""Relative error of a pass that only reorders fp32 arithmetic; rounding stays below 1e-5 per
operator, so a hundred operators in a row stay below this."""


@dataclass(frozen=True)
class Difference:
    """How far the answers of a changed model are from the original's."""

    largest: float  # max |changed - original| over all outputs, in their unit
    relative: float  # ||changed - original|| / ||original|| of the worst output


def compare(original: Tensors, changed: Tensors) -> Difference:
    """Return how far `changed` is from `original`.

    Args:
        original: the original's outputs by name.
        changed: the changed model's outputs, of the same names and shapes.

    Raises:
        PassError: an output is missing, has another shape, or holds a value that is not
            finite where the original's is.
    """
    largest = relative = 0.0
    for name, wanted in original.items():
        got = changed.get(name)
        if got is None or got.shape != wanted.shape:
            shape = "nothing" if got is None else f"shape {got.shape}"
            raise PassError(name, f"shape {wanted.shape}", shape)
        if not np.issubdtype(wanted.dtype, np.floating):
            unequal = float(np.mean(wanted != got)) if wanted.size else 0.0
            largest, relative = max(largest, unequal), max(relative, unequal)
            continue
        step, share = _distance(name, wanted, got)
        largest, relative = max(largest, step), max(relative, share)
    return Difference(largest, relative)


def _distance(name: str, wanted: Array, got: Array) -> tuple[float, float]:
    finite = np.isfinite(wanted)
    if not np.isfinite(got[finite]).all():
        raise PassError(name, "finite values", "NaN or infinity")
    step = np.abs(got[finite].astype(np.float64) - wanted[finite].astype(np.float64))
    size = float(np.linalg.norm(wanted[finite].astype(np.float64)))
    if not step.size:
        return 0.0, 0.0
    return float(step.max()), float(np.linalg.norm(step)) / max(size, 1e-12)


def check(
    original: Model, changed: Model, inputs: Tensors, engine: Engine, is_lossless: bool
) -> Difference:
    """Load both models, run both on `inputs`, compare what they answer.

    Raises:
        PassError: the changed model does not load or run, has another signature, or is
            farther away than a lossless pass may be.
    """
    wanted = [spec.name for spec in original.signature.outputs]
    got = [spec.name for spec in changed.signature.outputs]
    if wanted != got:
        raise PassError(changed.origin.source, f"the outputs {wanted}", f"{got}")
    with engine.compile(original) as before, engine.compile(changed) as after:
        return judge(before(inputs), after(inputs), changed.origin.source, is_lossless)


def judge(original: Tensors, changed: Tensors, where: str, is_lossless: bool) -> Difference:
    """Return how far `changed` is from `original`, unless that is too far.

    Raises:
        PassError: as `compare`, or it is farther away than a lossless pass may be.
    """
    difference = compare(original, changed)
    if is_lossless and difference.relative > LOSSLESS_TOLERANCE:
        raise PassError(
            where,
            f"answers within a relative {LOSSLESS_TOLERANCE:g} of the original's",
            f"{difference.relative:.2g}",
        )
    return difference
