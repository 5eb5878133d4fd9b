"""What goes into a model and what comes out, in Open Inference Protocol terms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import ml_dtypes
import msgspec
import numpy as np
import numpy.typing as npt

from tradewind.errors import DataError, SettingError

Array = npt.NDArray[Any]
"""Any numpy array; strings travel as arrays of dtype object holding `bytes` or `str`."""

Tensors = Mapping[str, Array]
"""Arrays by the name of the input or output they belong to."""

Dimension = int | str | None
"""A size, the name of a symbolic size, or None where nothing is known."""


class Datatype(StrEnum):
    """The element types of the Open Inference Protocol."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    BF16 = "BF16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype that holds one element; BYTES is held as objects."""
        return _NUMPY[self]

    @classmethod
    def of(cls, dtype: npt.DTypeLike) -> "Datatype":
        """Return the datatype of a numpy dtype.

        Raises:
            DataError: the protocol has no such type (complex numbers, dates, records).
        """
        found = np.dtype(dtype)
        if found.kind in "OSU":
            return cls.BYTES
        for datatype, candidate in _NUMPY.items():
            if candidate == found:
                return datatype
        raise DataError("dtype", "a number, a truth value or a string", str(found))


_NUMPY: dict[Datatype, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype(np.bool_),
    Datatype.UINT8: np.dtype(np.uint8),
    Datatype.UINT16: np.dtype(np.uint16),
    Datatype.UINT32: np.dtype(np.uint32),
    Datatype.UINT64: np.dtype(np.uint64),
    Datatype.INT8: np.dtype(np.int8),
    Datatype.INT16: np.dtype(np.int16),
    Datatype.INT32: np.dtype(np.int32),
    Datatype.INT64: np.dtype(np.int64),
    Datatype.FP16: np.dtype(np.float16),
    Datatype.BF16: np.dtype(ml_dtypes.bfloat16),
    Datatype.FP32: np.dtype(np.float32),
    Datatype.FP64: np.dtype(np.float64),
    Datatype.BYTES: np.dtype(object),
}


_SPEC = re.compile(
    r"(?P<name>[^=\s]+)\s*[=:]\s*(?P<type>\w+)\s*\[(?P<sizes>(\s*\w+\s*(,|(?=\])))*)\s*\]"
)


@dataclass(frozen=True)
class TensorSpec:
    """The name, element type and shape of one input or output."""

    name: str
    datatype: Datatype
    shape: tuple[Dimension, ...]

    def __str__(self) -> str:
        return f"{self.name}: {describe(self.datatype, self.shape)}"

    @classmethod
    def parse(cls, text: str) -> "TensorSpec":
        """Read a spec such as `image=FP32[N, 3, 32, 32]`; letters stand for sizes that may vary.

        Raises:
            SettingError: it is written otherwise.
        """
        found = _SPEC.fullmatch(text)
        if found is None or found["type"] not in list(Datatype):
            hint = f"types are {', '.join(Datatype)}."
            raise SettingError("input", "NAME=TYPE[SIZES] as in x=FP32[N,3,32,32]", text, hint)
        sizes = [size.strip() for size in found["sizes"].split(",") if size.strip()]
        return cls(
            found["name"],
            Datatype(found["type"]),
            tuple(int(size) if size.isdecimal() else size for size in sizes),
        )

    @property
    def has_free_batch(self) -> bool:
        """Whether the first dimension takes any number of examples."""
        return bool(self.shape) and not isinstance(self.shape[0], int)

    @property
    def open_shape(self) -> tuple[int, ...]:
        """The shape with -1 for every size that may vary, as the protocol writes it."""
        return tuple(size if isinstance(size, int) else -1 for size in self.shape)

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Say whether an array of this shape may be given."""
        return len(shape) == len(self.shape) and all(
            want == got or not isinstance(want, int)
            for want, got in zip(self.shape, shape, strict=True)
        )

    def check(self, array: Array, where: str = "") -> None:
        """Raise unless `array` has this element type and a shape that fits.

        Args:
            array: what was given.
            where: what to call it in the message; the tensor's name when empty.

        Raises:
            DataError: the type or shape differs.
        """
        found = Datatype.of(array.dtype)
        if found is not self.datatype or not self.fits(array.shape):
            raise DataError(
                where or self.name,
                describe(self.datatype, self.shape),
                describe(found, array.shape),
                self._hint(found, array.shape),
            )

    def _hint(self, found: Datatype, shape: tuple[int, ...]) -> str:
        if len(shape) == len(self.shape) - 1 and self.has_free_batch:
            return "the first dimension counts examples; add it, also for a single one."
        if len(shape) == 4 == len(self.shape) and self.fits((shape[0], shape[3], *shape[1:3])):
            return "the channels come first here; transpose with `array.transpose(0, 3, 1, 2)`."
        if found is not self.datatype and self.fits(shape):
            return f"convert the values to {self.datatype.numpy}."
        return "look at the signature with `tradewind inspect MODEL`."


def describe(datatype: Datatype, shape: tuple[Dimension, ...]) -> str:
    """Return the usual short form, such as `FP32[N, 3, 32, 32]`."""
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"{datatype.value}[{sizes}]"


@dataclass(frozen=True)
class Signature:
    """Everything that goes into a model and everything that comes out."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def input(self, name: str) -> TensorSpec:
        """Return the input called `name`.

        Raises:
            DataError: there is none.
        """
        for spec in self.inputs:
            if spec.name == name:
                return spec
        raise DataError(name, f"one of the inputs {names(self.inputs)}", f"an input named {name!r}")

    @property
    def has_free_batch(self) -> bool:
        """Whether every input takes any number of examples."""
        return bool(self.inputs) and all(spec.has_free_batch for spec in self.inputs)

    @property
    def fixed_batch(self) -> int | None:
        """The number of examples that the graph insists on; None when it is free."""
        sizes = [spec.shape[0] for spec in self.inputs if spec.shape]
        fixed = [size for size in sizes if isinstance(size, int)]
        return fixed[0] if fixed else None

    def check(self, tensors: Tensors) -> int:
        """Raise unless `tensors` are exactly the inputs; return the number of examples.

        Raises:
            DataError: an input is missing, unknown, or of another type or shape, or the
                inputs hold different numbers of examples.
        """
        missing = [spec.name for spec in self.inputs if spec.name not in tensors]
        unknown = [name for name in tensors if all(name != spec.name for spec in self.inputs)]
        if missing or unknown:
            raise DataError(
                "inputs",
                names(self.inputs),
                ", ".join(sorted(tensors)) or "nothing",
                "name every input as the model does; `tradewind inspect MODEL` lists them.",
            )
        for spec in self.inputs:
            spec.check(tensors[spec.name])
        counts = {len(tensors[spec.name]) for spec in self.inputs if spec.shape}
        if len(counts) > 1:
            raise DataError("inputs", "one number of examples", f"{sorted(counts)}")
        return counts.pop() if counts else 1


def names(specs: tuple[TensorSpec, ...]) -> str:
    """Return the tensor names, separated by commas."""
    return ", ".join(spec.name for spec in specs)


def save_tensors(path: Path, tensors: Tensors) -> None:
    """Write arrays of every element type, under any names, for `load_tensors` to read.

    Args:
        path: a file that ends in `.npz`.
        tensors: what to write; strings come back as objects.
    """
    index = [(name, Datatype.of(array.dtype), array.shape) for name, array in tensors.items()]
    arrays = [_stored(array) for array in tensors.values()]
    header = np.frombuffer(msgspec.msgpack.encode(index), np.uint8)
    # by position: names of inputs may be those of numpy's own arguments
    np.savez(path, header, *arrays, allow_pickle=False)


def load_tensors(path: Path) -> dict[str, Array]:
    """Read what `save_tensors` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        header, *arrays = (archive[name] for name in archive.files)
    index = msgspec.msgpack.decode(
        header.tobytes(), type=list[tuple[str, Datatype, tuple[int, ...]]]
    )
    return {
        name: _restored(array, datatype, shape)
        for (name, datatype, shape), array in zip(index, arrays, strict=True)
    }


def _stored(array: Array) -> Array:
    datatype = Datatype.of(array.dtype)
    if datatype is Datatype.BYTES:
        return np.frombuffer(msgspec.msgpack.encode(array.ravel().tolist()), np.uint8)
    return array.view(np.uint16) if datatype is Datatype.BF16 else array


def _restored(array: Array, datatype: Datatype, shape: tuple[int, ...]) -> Array:
    if datatype is Datatype.BYTES:
        strings = np.empty(int(np.prod(shape)), object)
        strings[:] = msgspec.msgpack.decode(array.tobytes())
        return strings.reshape(shape)
    return array.view(datatype.numpy)
