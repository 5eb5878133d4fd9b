"""Arrays of examples that need not fit into memory."""

import hashlib
import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, final

import numpy as np

from tradewind.errors import DataError
from tradewind.tensors import Array

CHUNK_BYTES = 8 * 2**20
"""What is read at once when all rows are walked through."""


class Rows(ABC):
    """Examples along the first axis, wherever they lie."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """The element type of what `take` returns."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The number of examples and the shape of one; -1 for a size that varies."""

    @abstractmethod
    def take(self, indices: Array) -> Array:
        """Return the rows at `indices`, int64[k], in that order, as an array of their own."""

    @abstractmethod
    def fingerprints(self) -> Array:
        """Return the SHA-256 of each stored row, uint8[n, 32]: equal rows, equal hashes."""

    def digest(self) -> bytes:
        """Return the SHA-256 of the stored content, read as a stream."""
        found = hashlib.sha256(f"{self.dtype.str}{self.shape}".encode())
        found.update(self.fingerprints().tobytes())
        return found.digest()

    def __len__(self) -> int:
        return self.shape[0]

    def chunks(self) -> Iterator[Array]:
        """Yield all rows in order, about `CHUNK_BYTES` at a time."""
        row_bytes = max(1, self.dtype.itemsize * int(np.prod(np.abs(self.shape[1:]))))
        step = max(1, CHUNK_BYTES // row_bytes)
        for start in range(0, len(self), step):
            yield self.take(np.arange(start, min(start + step, len(self))))


@final
class MemoryRows(Rows):
    """Rows of an array in memory."""

    def __init__(self, array: Array) -> None:
        self._array = array

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._array.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self._array.shape

    def take(self, indices: Array) -> Array:
        return self._array[indices]

    def fingerprints(self) -> Array:
        return hash_rows(self.chunks(), len(self))


@final
class FileRows(Rows):
    """Rows that lie one after the other in a file.

    They are read rather than memory-mapped: mapped pages count as memory of this process, and
    a mapped file that somebody truncates kills it.

    Args:
        descriptor: an open file; it is closed when the rows are no longer needed.
        offset: where the first row begins, in bytes.
        dtype: the element type.
        shape: the number of rows and the shape of one.
        where: the file's name for messages.
    """

    def __init__(
        self,
        descriptor: int,
        offset: int,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        where: str,
    ) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._dtype = dtype
        self._shape = shape
        self._where = where
        weakref.finalize(self, os.close, descriptor)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    def take(self, indices: Array) -> Array:
        found = np.empty((len(indices), *self._shape[1:]), self._dtype)
        if not found.size:
            return found
        target = found.reshape(-1).view(np.uint8).data
        row_bytes = len(target) // len(indices)
        # neighbours in the file are read at once
        ends = [*(np.flatnonzero(np.diff(indices) != 1) + 1), len(indices)]
        start = 0
        for end in ends:
            self._read(int(indices[start]) * row_bytes, target[start * row_bytes : end * row_bytes])
            start = end
        return found

    def fingerprints(self) -> Array:
        return hash_rows(self.chunks(), len(self))

    def _read(self, position: int, target: memoryview) -> None:
        while target:
            count = os.preadv(self._descriptor, [target], self._offset + position)
            if not count:
                raise DataError(self._where, "the file as it was when opened", "a shorter file")
            position += count
            target = target[count:]


@final
class ConvertedRows(Rows):
    """Rows that are changed when they are taken, such as images that are normalised.

    Args:
        stored: the rows as they lie in the file.
        convert: changes some rows; row i of the result depends on row i only.
        dtype: the element type after the change.
        shape: the shape after the change.
    """

    def __init__(
        self,
        stored: Rows,
        convert: Callable[[Array], Array],
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
    ) -> None:
        self._stored = stored
        self._convert = convert
        self._dtype = dtype
        self._shape = shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self._shape

    def take(self, indices: Array) -> Array:
        return self._convert(self._stored.take(indices))

    def fingerprints(self) -> Array:
        return self._stored.fingerprints()

    def digest(self) -> bytes:
        return self._stored.digest()


def hash_rows(chunks: Iterable[Array], count: int) -> Array:
    """Return the SHA-256 of each row, uint8[count, 32]."""
    found = np.empty((count, 32), np.uint8)
    row = 0
    for chunk in chunks:
        for content in _contents(chunk):
            found[row] = np.frombuffer(hashlib.sha256(content).digest(), np.uint8)
            row += 1
    return found


def _contents(chunk: Array) -> Iterator[bytes | memoryview]:
    if chunk.dtype == object:  # strings: each with its length, so that none runs into the next
        for row in chunk:
            texts = [t if isinstance(t, bytes) else str(t).encode() for t in np.ravel(row)]
            yield b"".join(len(text).to_bytes(8, "little") + text for text in texts)
        return
    flat = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8).data
    row_bytes = len(flat) // max(1, len(chunk))
    for row in range(len(chunk)):
        yield flat[row * row_bytes : (row + 1) * row_bytes]
