"""Which positions along the axes of tensors must stay or go together."""

from collections.abc import Iterable
from typing import Final, final

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
"""int64[size of an axis]: one label for each position; equal ones stay or go together."""

FROZEN: Final = 0
"""The label of positions that must stay."""


@final
class Positions:
    """A union-find over labels, in which `FROZEN` swallows what it is united with."""

    def __init__(self) -> None:
        self._parents = [FROZEN]

    def fresh(self, count: int) -> Labels:
        """Return labels that belong to nothing yet."""
        first = len(self._parents)
        self._parents.extend(range(first, first + count))
        return np.arange(first, first + count, dtype=np.int64)

    def unite(self, one: Labels, other: Labels) -> None:
        """Let each position of `one` go with the same position of `other`."""
        for left, right in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted((self._root(left), self._root(right)))
            self._parents[high] = low  # the smaller wins, so that FROZEN stays a root

    def freeze(self, labels: Iterable[Labels]) -> None:
        """Let positions stay, with all that goes with them."""
        for axis in labels:
            for label in np.unique(axis).tolist():
                self._parents[self._root(label)] = FROZEN

    def roots(self, labels: Labels) -> Labels:
        """Return the label that stands for all that go together, position by position."""
        return np.array([self._root(label) for label in labels.tolist()], np.int64)

    def is_frozen(self, labels: Labels) -> bool:
        """Say whether no position may go."""
        return all(self._root(label) == FROZEN for label in labels.tolist())

    def _root(self, label: int) -> int:
        while (parent := self._parents[label]) != label:
            self._parents[label] = self._parents[parent]
            label = parent
        return label


def frozen(count: int) -> Labels:
    """Return labels of positions that must stay."""
    return np.full(count, FROZEN, np.int64)
