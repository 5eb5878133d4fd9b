"""How far from the original's answer a number is, predicted from what was asked and answered."""

import math
import zlib
from dataclasses import dataclass, replace
from typing import ClassVar, Self, final

import numpy as np

from tradewind.errors import SettingError
from tradewind.runners.confidence import ConfidenceRule
from tradewind.tensors import Array, Datatype, Signature, Tensors

_MOST = 64
"""Of a tensor with more numbers for each example only four are looked at that describe them."""


@final
@dataclass(frozen=True)
class DistancePredictor(ConfidenceRule):
    """The predicted distance from the original's answer, below 0: nearer is surer.

    confidence = -exp(bias + sum of one value of every tree). A tree asks `depth` questions, the
    same on every way through it: is a column above a bound; the answers are the bits of the place
    of its value, the first question the lowest.

    Args:
        threshold: the least confidence; -0.1 lets answers stand that are predicted to be within
            0.1 of the original's.
        bias: of the logarithm of the distance.
        depth: questions of each tree.
        columns: for every question of every tree, which column of `columns_of` it is about.
        bounds: for each of them the bound.
        values: 2**depth of each tree.

    Raises:
        SettingError: there are not as many questions and values as whole trees have.
    """

    name: ClassVar[str] = "distance"

    threshold: float
    bias: float = 0.0
    depth: int = 1
    columns: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        trees = len(self.columns) // self.depth if self.depth > 0 else -1
        wanted = (trees * self.depth, trees * self.depth, trees << max(self.depth, 0))
        got = (len(self.columns), len(self.bounds), len(self.values))
        if wanted != got:
            raise SettingError(
                "distance", "columns, bounds and values of whole trees", "{} {} {}".format(*got)
            )

    def confidence(self, outputs: Tensors, inputs: Tensors | None = None) -> Array:
        answers = flat_answers(outputs)
        found = self.rate(columns_of(inputs or {}, answers))
        return np.where(np.isfinite(answers).all(axis=1), found, np.nan)

    def rate(self, columns: Array) -> Array:
        """Return how sure answers described by these columns are, float64[N].

        Args:
            columns: float64[N, columns], as `columns_of` returns them.
        """
        trees = len(self.columns) // self.depth
        if not trees:
            return np.full(len(columns), -math.exp(self.bias))
        asked = columns[:, np.array(self.columns)] > np.array(self.bounds)
        places = asked.reshape(len(columns), trees, self.depth) @ (1 << np.arange(self.depth))
        values = np.array(self.values).reshape(trees, -1)
        return np.asarray(-np.exp(self.bias + values[np.arange(trees), places].sum(axis=1)))

    def obstacle(self, signature: Signature) -> str:
        texts = [spec.name for spec in signature.outputs if spec.datatype is Datatype.BYTES]
        return f"{texts[0]} holds no numbers" if texts else ""

    @property
    def label(self) -> str:
        return f"predicted distance of {-self.threshold:.3g} or less"

    def at(self, threshold: float) -> Self:
        return replace(self, threshold=threshold)


def flat_answers(outputs: Tensors) -> Array:
    """Return float64[N, values] over all outputs, in their order."""
    flat = [np.asarray(array, np.float64).reshape(len(array), -1) for array in outputs.values()]
    return np.concatenate(flat, axis=1)


def columns_of(inputs: Tensors, answers: Array) -> Array:
    """Return what a distance is predicted from, float64[N, columns].

    The inputs in the order of their names, then the answers, each with all its numbers, or with
    their mean, standard deviation, least and largest where they are more than 64 an example. What
    is no number, as a missing value, counts as minus infinity. Of a text the CRC-32 is taken, which
    tells categories apart.

    Args:
        inputs: of a model; those that all examples share are left out.
        answers: float64[N, values].
    """
    own = [np.asarray(inputs[name]) for name in sorted(inputs) if np.ndim(inputs[name])]
    found = np.concatenate([_described(array) for array in (*own, answers)], axis=1)
    return np.where(np.isnan(found), -np.inf, found)


def _described(array: Array) -> Array:
    """Return float64[N, 64 at most]."""
    numbers = _numbered(array) if array.dtype.kind in "OSU" else array
    flat: Array = numbers.reshape(len(array), math.prod(array.shape[1:])).astype(np.float64)
    if flat.shape[1] <= _MOST:
        return flat
    with np.errstate(invalid="ignore", over="ignore"):
        return np.stack([flat.mean(1), flat.std(1), flat.min(1), flat.max(1)], axis=1)


def _numbered(texts: Array) -> Array:
    """Return a number for each text, the same wherever it occurs."""
    found = [
        zlib.crc32(text if isinstance(text, bytes) else str(text).encode())
        for text in texts.ravel().tolist()
    ]
    return np.array(found, np.float64).reshape(texts.shape)
