"""Arrays that arrive in pieces, kept in memory while small and on disk once large."""

import os
import shutil
import tempfile
from typing import IO, Any, final

import numpy as np

from tradewind.data.rows import FileRows, MemoryRows, Rows
from tradewind.errors import DataError
from tradewind.tensors import Array

MEMORY_BYTES = 64 * 2**20
"""An array of more bytes than this is kept on disk."""


@final
class Spool:
    """Rows that arrive in pieces.

    The file on disk has no name, so it vanishes with the last reader, however that one ends.
    Strings stay in memory whatever their number: their lengths differ.

    Args:
        where: what is read, for messages.
        dtype: the element type of every piece.
        tail: the shape of one row.
    """

    def __init__(self, where: str, dtype: np.dtype[Any], tail: tuple[int, ...]) -> None:
        self._where = where
        self._dtype = dtype
        self._tail = tail
        self._pieces: list[Array] = []
        self._file: IO[bytes] | None = None
        self._count = 0
        self._size_bytes = 0

    def append(self, piece: Array) -> None:
        """Add rows at the end.

        Raises:
            DataError: they have another type or shape than the rows before, or the disk is full.
        """
        if piece.dtype != self._dtype or piece.shape[1:] != self._tail:
            raise DataError(
                self._where,
                f"{self._dtype}[N{''.join(f', {size}' for size in self._tail)}] as before",
                f"{piece.dtype}{list(piece.shape)} after {self._count} examples",
                "every part must hold the same type and shape.",
            )
        self._count += len(piece)
        self._size_bytes += piece.nbytes
        if self._file is None:
            self._pieces.append(piece)
            if self._size_bytes > MEMORY_BYTES and not self._dtype.hasobject:
                self._file = open_room(self._where, self._size_bytes)
                for earlier in self._pieces:
                    self._write(earlier)
                self._pieces.clear()
        else:
            self._write(piece)

    def rows(self) -> Rows:
        """Return everything that was added; nothing can be added afterwards."""
        shape = (self._count, *self._tail)
        if self._file is None:
            empty = np.empty((0, *self._tail), self._dtype)
            return MemoryRows(np.concatenate([empty, *self._pieces]))
        self._file.flush()
        descriptor = os.dup(self._file.fileno())
        self._file.close()
        return FileRows(descriptor, 0, self._dtype, shape, self._where)

    def discard(self) -> None:
        """Free what was added so far, when reading ends early."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()

    def _write(self, piece: Array) -> None:
        assert self._file is not None
        try:
            self._file.write(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
        except OSError as error:
            raise _disk_full(self._where, str(error)) from error


def open_room(where: str, size_bytes: int) -> IO[bytes]:
    """Return a nameless temporary file on a disk with room for `size_bytes`.

    Raises:
        DataError: there is not enough room.
    """
    free_bytes = shutil.disk_usage(tempfile.gettempdir()).free
    if free_bytes < size_bytes:
        raise _disk_full(where, f"{free_bytes} of {size_bytes} bytes")
    return tempfile.TemporaryFile()


def _disk_full(where: str, got: str) -> DataError:
    return DataError(
        where,
        f"room in the temporary directory {tempfile.gettempdir()}",
        got,
        "free some space, or set TMPDIR to a larger disk.",
    )
