"""Which examples of one dataset occur in another one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

import numpy as np

from tradewind.data.dataset import Dataset
from tradewind.data.rows import hash_rows
from tradewind.errors import DataError
from tradewind.tensors import Array

_CHUNK = 256


@final
@dataclass(frozen=True, eq=False)
class Unlabelled:
    """Further examples, whose labels nobody looks at.

    Args:
        dataset: all of them.
        indices: int64[n]: those that may be used, in random order.
        known: how many were left out because the labelled data hold them too.
        repeated: how many were left out because they occur again.
    """

    dataset: Dataset
    indices: Array = field(repr=False)
    known: int = 0
    repeated: int = 0

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, count: int) -> dict[str, Array]:
        """Return up to `count` of them, one array for every input of the model."""
        return self.dataset.take(self.indices[:count])


def without_known(extra: Dataset, known: Dataset, seed: int) -> Unlabelled:
    """Return the examples of `extra` that do not occur in `known`, each once.

    Examples are equal when what the model gets of them is equal, byte by byte, however they are
    stored.

    Args:
        extra: the examples to choose from.
        known: what must not be seen before it is certified on.
        seed: of the order in which they are used.

    Raises:
        DataError: the two are prepared differently, so that they cannot be compared.
    """
    if extra.preprocessing != known.preprocessing:
        raise DataError(
            extra.source,
            f"examples prepared like those of {known.source}",
            "another preprocessing",
            "store both in the same way, or give --preprocess.",
        )
    seen = set(_digests(known))
    first: dict[bytes, int] = {}
    found = 0
    for number, digest in enumerate(_digests(extra)):
        if digest in seen:
            found += 1
        else:
            first.setdefault(digest, number)
    kept = np.array(list(first.values()), np.int64)
    order = np.random.default_rng((seed, 3)).permutation(kept)
    return Unlabelled(extra, order, found, len(extra) - found - len(kept))


def _digests(dataset: Dataset) -> Iterator[bytes]:
    """Yield one hash for each example over all that the model gets of it."""
    for batch in dataset.batches(np.arange(len(dataset)), _CHUNK):
        count = len(next(iter(batch.values())))
        columns = [hash_rows([batch[name]], count) for name in sorted(batch)]
        for row in np.concatenate(columns, axis=1):
            yield hashlib.sha256(row.tobytes()).digest()
