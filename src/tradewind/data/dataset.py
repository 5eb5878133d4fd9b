"""Examples, with or without labels, that can be read in any order."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import final

import numpy as np

from tradewind.data.carried import Steps
from tradewind.data.labels import as_groups, as_labels
from tradewind.data.rows import MemoryRows, Rows
from tradewind.errors import DataError
from tradewind.tensors import Array


class Dataset(ABC):
    """Examples that are ready for one model; children are final."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Where the examples come from, as the user named it."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, indices: Array) -> dict[str, Array]:
        """Return the chosen examples, one array for every input of the model.

        Args:
            indices: int64[k], each in 0..len(self) - 1.

        Raises:
            DataError: an example cannot be read, or holds NaN or infinity.
        """

    @property
    @abstractmethod
    def labels(self) -> Array | None:
        """int64[n], float64[n], or object[n] of strings; None where there are none."""

    @property
    def groups(self) -> Array | None:
        """int64[n], equal for examples that depend on each other; None where none do."""
        return None

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...] | None:
        """The names of the classes that integer labels count; None where none are known."""

    @property
    @abstractmethod
    def preprocessing(self) -> Steps | None:
        """What `take` does to the raw examples; None where they are stored model-ready."""

    @property
    @abstractmethod
    def fingerprints(self) -> Array:
        """uint64[n], equal for examples whose stored inputs are equal."""

    @property
    @abstractmethod
    def digest(self) -> str:
        """The SHA-256 of the stored inputs, labels and groups, in hexadecimal."""

    def readable(self, indices: Array) -> dict[str, Array]:
        """Return the chosen examples as a person reads them: sentences rather than tokens."""
        return self.take(indices)

    def batches(self, indices: Array, size: int) -> Iterator[dict[str, Array]]:
        """Yield the chosen examples in order, at most `size` at a time."""
        for start in range(0, len(indices), size):
            yield self.take(indices[start : start + size])


@final
class StoredDataset(Dataset):
    """Examples that lie in a file or folder.

    Args:
        inputs: model-ready rows for every input of the model.
        labels: as `Dataset.labels` has them.
        source: where they come from.
        classes: the names of the classes.
        preprocessing: what the rows of `inputs` do to what is stored.
        groups: as `Dataset.groups` has them.

    Raises:
        DataError: there are no examples, or inputs and labels differ in number.
    """

    def __init__(
        self,
        inputs: Mapping[str, Rows],
        labels: Array | None,
        source: str,
        classes: tuple[str, ...] | None = None,
        preprocessing: Steps | None = None,
        groups: Array | None = None,
    ) -> None:
        self._groups = groups
        self._inputs = dict(inputs)
        self._labels = labels
        self._source = source
        self._classes = classes
        self._preprocessing = preprocessing
        self._count = _count(source, self._inputs, labels, groups)

    @property
    def source(self) -> str:
        return self._source

    def __len__(self) -> int:
        return self._count

    def take(self, indices: Array) -> dict[str, Array]:
        indices = np.asarray(indices, np.int64)
        if len(indices) and not 0 <= indices.min() <= indices.max() < self._count:
            raise IndexError(f"examples are numbered 0..{self._count - 1}")
        taken = {name: rows.take(indices) for name, rows in self._inputs.items()}
        for name, array in taken.items():
            _check_finite(f"{self._source}: {name}", array, indices)
        return taken

    @property
    def labels(self) -> Array | None:
        return self._labels

    @property
    def groups(self) -> Array | None:
        return self._groups

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self._classes

    @property
    def preprocessing(self) -> Steps | None:
        return self._preprocessing

    @cached_property
    def fingerprints(self) -> Array:
        all_rows = [self._inputs[name].fingerprints() for name in sorted(self._inputs)]
        # the xor of cryptographic hashes of different columns is as good as a hash of the row,
        # but for equal columns that cancel; multiplying by odd numbers tells them apart
        found = np.zeros(self._count, np.uint64)
        for position, rows in enumerate(all_rows):
            found ^= rows[:, :8].copy().view(np.uint64)[:, 0] * np.uint64(2 * position + 1)
        return found

    @cached_property
    def digest(self) -> str:
        found = hashlib.sha256()
        for name in sorted(self._inputs):
            found.update(f"{len(name)}:{name}".encode())
            found.update(self._inputs[name].digest())
        if self._labels is not None:
            found.update(MemoryRows(self._labels).digest())
        if self._groups is not None:
            found.update(MemoryRows(self._groups).digest())
        return found.hexdigest()


@final
class ArrayDataset(Dataset):
    """Model-ready examples in memory.

    Args:
        inputs: one array for every input of the model, examples along the first axis.
        labels: [n] integers, floats or strings.
        source: what to call them in messages.
        groups: [n] integers or strings, equal for examples that depend on each other.

    Raises:
        DataError: there are no examples, or inputs and labels differ in number.
    """

    def __init__(
        self,
        inputs: Mapping[str, Array],
        labels: Array | None = None,
        source: str = "memory",
        groups: Array | None = None,
    ) -> None:
        rows = {name: MemoryRows(np.asarray(array)) for name, array in inputs.items()}
        known = None if labels is None else as_labels(np.asarray(labels), f"{source}: label")
        together = None if groups is None else as_groups(np.asarray(groups), f"{source}: group")
        self._stored = StoredDataset(rows, known, source, groups=together)

    @property
    def source(self) -> str:
        return self._stored.source

    def __len__(self) -> int:
        return len(self._stored)

    def take(self, indices: Array) -> dict[str, Array]:
        return self._stored.take(indices)

    @property
    def labels(self) -> Array | None:
        return self._stored.labels

    @property
    def groups(self) -> Array | None:
        return self._stored.groups

    @property
    def classes(self) -> tuple[str, ...] | None:
        return None

    @property
    def preprocessing(self) -> Steps | None:
        return None

    @property
    def fingerprints(self) -> Array:
        return self._stored.fingerprints

    @property
    def digest(self) -> str:
        return self._stored.digest


def _count(
    source: str, inputs: Mapping[str, Rows], labels: Array | None, groups: Array | None
) -> int:
    for name, rows in inputs.items():
        if not rows.shape:
            raise DataError(f"{source}: {name}", "examples along the first axis", "a single number")
    counts = {name: len(rows) for name, rows in inputs.items()}
    if labels is not None:
        counts["label"] = len(labels)
    if groups is not None:
        counts["group"] = len(groups)
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise DataError(source, "one number of examples in every array", listed)
    count = next(iter(counts.values()), 0)
    if not count:
        raise DataError(source, "examples", "none")
    return count


def _check_finite(where: str, array: Array, indices: Array) -> None:
    if array.dtype.kind not in "fV" or not array.size:  # ml_dtypes' bfloat16 is of kind V
        return
    flat = np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if not flat.all():
        row = int(indices[int(np.argmin(flat))])
        raise DataError(
            where,
            "finite numbers",
            f"NaN or infinity in example {row}",
            "drop the example, or fill in the values as it was done in training.",
        )
