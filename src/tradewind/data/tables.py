"""`.parquet` and `.csv` tables, read in pieces.

pyarrow is imported where a table is read: a server, which reads none, is smaller without it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from tradewind.data.fitting import cast
from tradewind.data.labels import as_groups, as_labels
from tradewind.data.rows import MemoryRows, Rows
from tradewind.data.spool import Spool
from tradewind.errors import DataError
from tradewind.tensors import Array, Datatype, Signature, TensorSpec, describe

_BLOCK_BYTES = 8 * 2**20
_PARQUET_ROWS = 65536


@final
@dataclass(frozen=True)
class Table:
    """What a table holds for a model."""

    inputs: Mapping[str, Rows]
    labels: Array | None
    groups: Array | None


def column_names(path: Path) -> list[str]:
    """Return the names of the columns.

    Raises:
        DataError: the file is damaged.
    """
    import pyarrow as pa

    try:
        return _column_names(path)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def read_table(path: Path, signature: Signature, label: str, group: str | None = None) -> Table:
    """Read the columns that a model takes, in the types that it takes.

    Each input takes the column of its name; a single input [N, features] without such a column
    takes all columns but those of labels and groups, in order, and a single input [N] the only
    one.

    Raises:
        DataError: a column is missing, holds an empty cell or the wrong type, or the file is
            damaged.
    """
    import pyarrow as pa

    try:
        names = _column_names(path)
        wanted = _choose(names, signature.inputs, label, group, str(path))
        return _read(path, signature, wanted, label if label in names else None, group)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = str(error).split("\n")[0].rstrip(".")[:300]
    hint = "every row needs as many cells as the header, every cell the type of its column."
    return DataError(str(path), "a whole table", reason, hint)


def _read(
    path: Path,
    signature: Signature,
    wanted: dict[str, list[str]],
    label: str | None,
    group: str | None,
) -> Table:
    spools: dict[str, Spool] = {}
    aside: dict[str, list[Array]] = {name: [] for name in (label, group) if name is not None}
    count = 0
    try:
        for batch in _batches(path, signature, wanted, list(aside)):
            for spec in signature.inputs:
                piece = _assemble(batch, spec, wanted[spec.name], str(path), count)
                where = f"{path}: {spec.name}"
                spool = spools.setdefault(spec.name, Spool(where, piece.dtype, piece.shape[1:]))
                spool.append(piece)
            for name, pieces in aside.items():
                pieces.append(_to_numpy(batch.column(name), f"{path}: {name}", count))
            count += batch.num_rows
    except BaseException:
        for spool in spools.values():
            spool.discard()
        raise
    if not count:
        raise DataError(str(path), "examples", "a table without rows")
    return Table(
        {name: spool.rows() for name, spool in spools.items()},
        None if label is None else as_labels(_typed(aside[label]), f"{path}: {label}"),
        None if group is None else as_groups(_typed(aside[group]), f"{path}: {group}"),
    )


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _column_names(path: Path) -> list[str]:
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pa_parquet

    if _is_parquet(path):
        with pa_parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
    else:
        with pa_csv.open_csv(path, _read_options(), _parse_options(path)) as reader:
            names = list(reader.schema.names)
        if all(_is_number(name) for name in names):
            hint = "write the names of the columns into the first line."
            raise DataError(str(path), "a header", "numbers in the first line", hint)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(str(path), "different column names", f"{twice[0]!r} more than once")
    return names


def _choose(
    names: list[str], inputs: tuple[TensorSpec, ...], label: str, group: str | None, where: str
) -> dict[str, list[str]]:
    """Return the columns for each input."""
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    if group is not None and group not in names:
        raise DataError(where, f"a column {group!r} of groups", listed)
    if label not in names and label != "label":
        raise DataError(where, f"a column {label!r} of labels", listed)
    missing = [spec.name for spec in inputs if spec.name not in names or spec.name == label]
    if not missing:
        return {spec.name: [spec.name] for spec in inputs}
    spec = inputs[0]
    features = [name for name in names if name not in (label, group)]
    if len(inputs) == len(features) == len(spec.shape) == 1:
        return {spec.name: features}
    if len(inputs) > 1 or len(spec.shape) != 2:
        hint = f"name the column meant for {missing[0]!r} as the model does."
        expected = f"columns {', '.join(spec.name for spec in inputs)}"
        raise DataError(where, expected, listed, hint)
    if isinstance(spec.shape[1], int) and len(features) != spec.shape[1]:
        hint = "remove the columns that are no features."
        if label not in names:
            hint = "if one column holds the labels, name it with `--label`."
        expected = f"{spec.shape[1]} columns of features for {spec}"
        raise DataError(where, expected, f"{len(features)}: {listed}", hint)
    return {spec.name: features}


def _batches(
    path: Path, signature: Signature, wanted: dict[str, list[str]], aside: list[str]
) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pa_parquet

    columns = [name for spec in signature.inputs for name in wanted[spec.name]]
    columns += [name for name in aside if name not in columns]
    if _is_parquet(path):
        with pa_parquet.ParquetFile(path) as file:
            yield from file.iter_batches(_PARQUET_ROWS, columns=columns)
        return
    types = {
        name: _arrow_type(spec.datatype) for spec in signature.inputs for name in wanted[spec.name]
    }
    # typed by what all of them are, not by the first few
    types |= {name: pa.string() for name in aside if name not in types}
    options = pa_csv.ConvertOptions(include_columns=columns, column_types=types)
    with pa_csv.open_csv(path, _read_options(), _parse_options(path), options) as reader:
        yield from reader


def _assemble(batch: Any, spec: TensorSpec, columns: list[str], where: str, before: int) -> Array:
    """Return what one input takes of a batch."""
    parts = []
    for name in columns:
        stored = MemoryRows(_to_numpy(batch.column(name), f"{where}: {name}", before))
        fitted = cast(stored, spec, f"{where}: {name}", is_table=True)
        parts.append(fitted.take(np.arange(len(stored))))
    found = parts[0] if len(columns) == 1 else np.stack(parts, axis=1)
    if found.ndim == 1 and len(spec.shape) == 2:
        found = found[:, None]
    if len(found.shape) != len(spec.shape) or any(
        isinstance(want, int) and want != got
        for want, got in zip(spec.shape[1:], found.shape[1:], strict=True)
    ):
        expected = describe(spec.datatype, spec.shape)
        got = describe(spec.datatype, found.shape)
        raise DataError(f"{where}: {spec.name}", expected, got)
    return found


def _to_numpy(column: Any, where: str, before: int) -> Array:
    import pyarrow as pa

    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    if column.null_count:
        row = before + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        hint = "drop the row, or fill in the cell as it was done in training."
        raise DataError(where, "a value in every cell", f"an empty cell in example {row}", hint)
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
        found = np.empty(len(column), object)
        found[:] = column.to_pylist()
        return found
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        lengths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
        if len(lengths) > 1:
            raise DataError(where, "lists of one length", f"{lengths[0]} to {lengths[-1]} values")
        values = _to_numpy(column.flatten(), where, before)
        return values.reshape(len(column), -1)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise DataError(where, "numbers, truth values or strings", f"a column of type {kind}")
    array: Array = column.to_numpy(zero_copy_only=False)
    return array


def _typed(pieces: list[Array]) -> Array:
    """Return labels as whole numbers where all are, else as floats, else as strings."""
    found = np.concatenate(pieces)
    if found.dtype != object:
        return found
    for target in (np.int64, np.float64):
        try:
            return found.astype(target)
        except (ValueError, OverflowError):
            continue
    return found


def _arrow_type(datatype: Datatype) -> Any:
    import pyarrow as pa

    if datatype is Datatype.BYTES:
        return pa.string()
    if datatype is Datatype.BOOL:
        return pa.bool_()
    return pa.int64() if datatype.numpy.kind in "iu" else pa.float64()


def _read_options() -> Any:
    import pyarrow.csv as pa_csv

    return pa_csv.ReadOptions(block_size=_BLOCK_BYTES)


def _parse_options(path: Path) -> Any:
    import pyarrow.csv as pa_csv

    with path.open("rb") as file:
        header = file.readline(65536).decode("utf-8", errors="replace")
    return pa_csv.ParseOptions(delimiter=max(",\t;", key=header.count))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
