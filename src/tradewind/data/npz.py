"""`.npz` archives, read without unpacking what does not fit into memory."""

import os
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from tradewind.data.rows import CHUNK_BYTES, FileRows, MemoryRows, Rows
from tradewind.data.spool import MEMORY_BYTES, open_room
from tradewind.errors import DataError
from tradewind.tensors import Array

_LOCAL_HEADER_BYTES = 30


def npz_names(path: Path) -> list[str]:
    """Return the names of the arrays in an archive; none where it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, NotImplementedError):
        return []  # `read_npz` says what is wrong with it


def read_npz(path: Path) -> dict[str, Rows]:
    """Return every array of an archive.

    Small arrays are loaded; large ones are read in place, or unpacked to a temporary file
    first when they are compressed. Nothing is ever unpickled.

    Raises:
        DataError: no archive, damaged, or an array of Python objects or records.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if not members:
                raise DataError(str(path), "arrays", "an archive without any `.npy`")
            return {
                info.filename.removesuffix(".npy"): _read_member(path, archive, info)
                for info in members
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            str(path),
            "a whole `.npz` archive",
            f"a damaged or encrypted one ({error})",
            "write it again with `numpy.savez`; a copy that stopped half-way looks like this.",
        ) from error


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Rows:
    where = f"{path}: {info.filename.removesuffix('.npy')}"
    with archive.open(info) as stream:
        shape, is_fortran, dtype = _read_header(stream, where)
        size_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        header_bytes = stream.tell()
        if info.file_size - header_bytes != size_bytes:
            raise DataError(where, f"{size_bytes} bytes", f"{info.file_size - header_bytes} bytes")
        if size_bytes <= MEMORY_BYTES:
            return MemoryRows(_load(stream, shape, is_fortran, dtype))
        if is_fortran and len(shape) > 1:
            hint = "save `numpy.ascontiguousarray(array)`."
            raise DataError(where, "examples one after the other", "columns (Fortran order)", hint)
        if info.compress_type == zipfile.ZIP_STORED:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            offset = _data_offset(descriptor, info) + header_bytes
            return FileRows(descriptor, offset, dtype, shape, where)
        return FileRows(_unpack(stream, size_bytes, where), 0, dtype, shape, where)


def _read_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, is_fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    except (ValueError, TypeError, SyntaxError) as error:
        raise DataError(where, "a numpy array", f"something else ({error})") from error
    if dtype.hasobject:
        raise DataError(
            where,
            "numbers or strings of a numpy type",
            "Python objects, which only running foreign code could load",
            "convert strings with `array.astype(str)` where they are saved.",
        )
    if dtype.kind not in "biufSU":
        raise DataError(where, "numbers or strings", f"{dtype}")
    return shape, is_fortran, dtype


def _load(
    stream: IO[bytes], shape: tuple[int, ...], is_fortran: bool, dtype: np.dtype[Any]
) -> Array:
    flat = np.frombuffer(stream.read(), dtype)
    stream.read(1)  # at the end the archive's checksum is compared
    return flat.reshape(shape, order="F" if is_fortran else "C")


def _data_offset(descriptor: int, info: zipfile.ZipInfo) -> int:
    """Return where a stored member's bytes begin: after its local header, name and extra."""
    header = os.pread(descriptor, _LOCAL_HEADER_BYTES, info.header_offset)
    name_bytes = int.from_bytes(header[26:28], "little")
    extra_bytes = int.from_bytes(header[28:30], "little")
    return info.header_offset + _LOCAL_HEADER_BYTES + name_bytes + extra_bytes


def _unpack(stream: IO[bytes], size_bytes: int, where: str) -> int:
    with open_room(where, size_bytes) as room:
        while chunk := stream.read(CHUNK_BYTES):
            room.write(chunk)
        room.flush()
        return os.dup(room.fileno())
