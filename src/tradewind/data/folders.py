"""Folders that hold one file an example, sorted into one folder a class."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from tradewind.data.rows import Rows
from tradewind.errors import DataError
from tradewind.tensors import Array


@final
@dataclass(frozen=True, eq=False)
class Folder:
    """The files of a folder by class, `class/file`; names that begin with a dot are ignored."""

    root: Path
    paths: tuple[Path, ...] = field(repr=False)
    labels: Array = field(repr=False)  # int64[n], positions in `classes`
    classes: tuple[str, ...]


def list_folder(root: Path) -> Folder:
    """List the examples of a folder by class.

    The classes are sorted by name; if all names are whole numbers, by number.

    Raises:
        DataError: no classes, a class without files, or folders inside of a class.
    """
    folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    if not folders:
        hint = "a folder of examples looks like `cats/001.png`, `dogs/001.png`."
        raise DataError(str(root), "one folder for each class", "none", hint)
    is_numbered = all(folder.name.isdecimal() for folder in folders)
    folders.sort(key=lambda folder: (int(folder.name) if is_numbered else 0, folder.name))
    paths: list[Path] = []
    labels: list[int] = []
    for number, folder in enumerate(folders):
        files = sorted(path for path in folder.iterdir() if path.name[0] != ".")
        inner = [path for path in files if path.is_dir()]
        if inner:
            raise DataError(str(folder), "files only", f"a folder {inner[0].name}")
        if not files:
            hint = "remove the folder if the class is not used."
            raise DataError(str(folder), "examples of the class", "an empty folder", hint)
        paths += files
        labels += [number] * len(files)
    classes = tuple(folder.name for folder in folders)
    return Folder(root, tuple(paths), np.array(labels, np.int64), classes)


@final
class FilesRows(Rows):
    """One file a row, decoded when it is taken.

    Args:
        folder: the files.
        decode: turns one file into one row.
        dtype: the element type of a row.
        tail: the shape of a row; -1 for a size that differs from folder to folder, but not
            among rows that are taken together.
    """

    def __init__(
        self,
        folder: Folder,
        decode: Callable[[Path], Array],
        dtype: np.dtype[Any],
        tail: tuple[int, ...],
    ) -> None:
        self._folder = folder
        self._decode = decode
        self._dtype = dtype
        self._tail = tail

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self._folder.paths), *self._tail)

    def take(self, indices: Array) -> Array:
        rows = [self._decode(self._folder.paths[index]) for index in indices]
        for index, row in zip(indices, rows, strict=True):
            if row.shape != rows[0].shape:
                path = self._folder.paths[index]
                hint = "bring all to one size, or name it: `size=HEIGHTxWIDTH`."
                expected = f"the size {list(rows[0].shape)} of the others"
                raise DataError(str(path), expected, str(list(row.shape)), hint)
        if not rows:
            return np.empty((0, *np.abs(self._tail)), self._dtype)
        return np.stack(rows)

    def fingerprints(self) -> Array:
        found = np.empty((len(self), 32), np.uint8)
        for row, path in enumerate(self._folder.paths):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            found[row] = np.frombuffer(digest, np.uint8)
        return found

    def digest(self) -> bytes:
        found = hashlib.sha256(self.fingerprints().tobytes())
        for path in self._folder.paths:
            found.update(str(path.relative_to(self._folder.root)).encode() + b"\0")
        return found.digest()
