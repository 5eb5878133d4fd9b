"""Captured requests as rows of Parquet, and back."""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

import numpy as np

from tradewind.tensors import Array, Datatype

PATTERN = "captured-*.parquet"


@final
@dataclass(frozen=True)
class Captured:
    """One request with its answer, as it was computed."""

    time: datetime
    model: str
    version: str
    request_id: str
    queue_ms: float
    compute_ms: float
    inputs: Mapping[str, Array | None]  # None where the values were to be left out
    outputs: Mapping[str, Array | None]


@final
@dataclass(frozen=True)
class Row:
    """A captured request that waits to be written."""

    time: datetime
    model: str
    version: str
    request_id: str
    queue_ms: float
    compute_ms: float
    inputs: Sequence[dict[str, Any]]
    outputs: Sequence[dict[str, Any]]

    @property
    def size_bytes(self) -> int:
        """Of the tensors; what stands around them is a few hundred bytes."""
        tensors = (*self.inputs, *self.outputs)
        return 256 + sum(len(tensor["data"] or b"") for tensor in tensors)


def tensors(arrays: Mapping[str, Array], left_out: frozenset[str]) -> list[dict[str, Any]]:
    """Return arrays as they stand in a row: bytes in row-major order, little-endian.

    Strings are preceded by their lengths as unsigned 32-bit integers, as in the protocol.

    Args:
        arrays: by name.
        left_out: names of those whose values are not to be kept.
    """
    return [
        {
            "name": name,
            "datatype": Datatype.of(array.dtype).value,
            "shape": list(array.shape),
            "data": None if name in left_out else _bytes(array),
        }
        for name, array in arrays.items()
    ]


def schema() -> Any:
    """Return the schema of the files."""
    import pyarrow as pa

    tensor = pa.list_(
        pa.struct(
            [
                ("name", pa.string()),
                ("datatype", pa.string()),
                ("shape", pa.list_(pa.int64())),
                ("data", pa.binary()),
            ]
        )
    )
    return pa.schema(
        [
            ("time", pa.timestamp("us", "UTC")),
            ("model", pa.string()),
            ("version", pa.string()),
            ("request_id", pa.string()),
            ("queue_ms", pa.float64()),
            ("compute_ms", pa.float64()),
            ("inputs", tensor),
            ("outputs", tensor),
        ]
    )


def read(folder: Path) -> Iterator[Captured]:
    """Yield what was captured into a folder, the oldest file first."""
    import pyarrow.parquet as pq

    for path in sorted(folder.glob(PATTERN)):
        for row in pq.read_table(path).to_pylist():
            row["time"] = row["time"].astimezone(UTC)
            for side in ("inputs", "outputs"):
                row[side] = {tensor["name"]: _array(tensor) for tensor in row[side]}
            yield Captured(**row)


def _bytes(array: Array) -> bytes:
    if array.dtype.kind not in "OSU":
        return array.tobytes()
    texts = [one if isinstance(one, bytes) else str(one).encode() for one in array.ravel()]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def _array(tensor: Mapping[str, Any]) -> Array | None:
    data, datatype = tensor["data"], Datatype(tensor["datatype"])
    if data is None:
        return None
    if datatype is not Datatype.BYTES:
        return np.frombuffer(data, datatype.numpy).reshape(tensor["shape"])
    found = []
    while data:
        (size,) = struct.unpack_from("<I", data)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    strings = np.empty(len(found), object)
    strings[:] = found
    return strings.reshape(tensor["shape"])
