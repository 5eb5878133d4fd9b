"""Asking the old and the new version of a model the same, before they change places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from tradewind.errors import EngineError, TradewindError
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors

_TOLERANCE = 1e-2
"""How far answers of one graph may lie apart, relative to the largest: other batch sizes, other
kernels."""


@final
@dataclass(frozen=True)
class Difference:
    """How differently two versions answer."""

    asked: int  # requests that both have answered
    largest: float = 0.0  # |new - old| / max(1, max |old|) over all answers

    def __str__(self) -> str:
        if not self.asked:
            return "compared on nothing: no small request was seen"
        return f"differs by {self.largest:.2g} at most on {self.asked} requests"


def compare(
    old: Runner, new: Runner, samples: Sequence[Tensors], *, is_same_graph: bool
) -> Difference:
    """Ask both about inputs that clients have sent.

    What the old one has no answer to is left out; so is everything where the new one takes or
    gives other tensors.

    Args:
        old: what answers now.
        new: what is to take its place.
        samples: inputs that fitted the signature of the old one.
        is_same_graph: whether they have to agree.

    Raises:
        TradewindError: the new one breaks or gives NaN where the old one did not, or it is the
            same graph and answers differently.
    """
    if (old.signature.inputs, old.signature.outputs) != (
        new.signature.inputs,
        new.signature.outputs,
    ):
        return Difference(0)
    asked, largest = 0, 0.0
    for sample in samples:
        try:
            before = old(sample)
        except EngineError:
            continue
        after = new(sample)  # an EngineError is the caller's reason not to change
        asked += 1
        largest = max(largest, *(_apart(before[name], after[name], name) for name in before))
    if is_same_graph and largest > _TOLERANCE:
        raise TradewindError(
            "reload",
            f"the answers of before, to {_TOLERANCE:g}: it is the same graph",
            f"answers that lie {largest:.2g} apart",
        )
    return Difference(asked, largest)


def _apart(before: Array, after: Array, name: str) -> float:
    """Return how far two answers lie apart; infinity where they cannot be compared."""
    if before.shape != after.shape:
        return float("inf")
    if before.dtype.kind not in "fiub":
        return 0.0 if np.array_equal(before, after) else 1.0
    old, new = before.astype(np.float64), after.astype(np.float64)
    broken = np.isnan(new) & ~np.isnan(old)
    if broken.any():
        raise TradewindError(f"reload: {name}", "numbers, as before", "NaN")
    known = np.isfinite(old) & np.isfinite(new)
    if not np.array_equal(old[~known], new[~known], equal_nan=True):
        return float("inf")
    if not known.any():
        return 0.0
    scale = max(1.0, float(np.abs(old[known]).max()))
    return float(np.abs(new[known] - old[known]).max()) / scale
