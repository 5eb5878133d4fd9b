"""Stored columns, turned into what each input of a model takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from tradewind.data.preprocessing import Preprocessing
from tradewind.data.rows import ConvertedRows, Rows
from tradewind.errors import DataError
from tradewind.tensors import Array, Datatype, TensorSpec, describe

SOUND_SAMPLES = 800
"""Rows of at least this many 16-bit numbers are sound: a tenth of a second at 8 kHz."""

# a few values lose digits or overflow, but every framework makes these casts unasked
_USUAL = {("float64", "float32"), ("int64", "int32")}


@final
@dataclass(frozen=True)
class Fit:
    """Rows for one input, with the preprocessing that they apply."""

    rows: Rows
    preprocessing: Preprocessing | None


def fit_array(rows: Rows, spec: TensorSpec, where: str, preprocessing: Preprocessing | None) -> Fit:
    """Return stored rows as the input takes them.

    Raw images and sound are preprocessed, as told or as derived from `spec`; all other arrays
    must have the right shape and a type that casts without loss, float64 to float32 apart.

    Raises:
        DataError: shape or type do not fit.
    """
    if preprocessing is not None or _is_raw(rows, spec):
        chosen = (preprocessing or Preprocessing.for_spec(spec)).fitted(spec)
        return Fit(preprocess(rows, spec, where, chosen), chosen)
    _check_shape(rows, spec, where)
    return Fit(cast(rows, spec, where, is_table=False), None)


def preprocess(rows: Rows, spec: TensorSpec, where: str, preprocessing: Preprocessing) -> Rows:
    """Return raw rows as the input takes them.

    Raises:
        DataError: they are not raw, or of another size.
    """
    raw = preprocessing.raw_spec(spec)
    is_flat_grey = raw.shape[-1] == 1 and len(raw.shape) == 4 and len(rows.shape) == 3
    shape = (*rows.shape, 1) if is_flat_grey else rows.shape
    is_integer = rows.dtype.kind in "iu" if preprocessing.layout == "N" else rows.dtype == np.uint8
    if not is_integer or len(shape) != len(raw.shape) or not _tail_fits(shape, raw):
        raise DataError(
            where,
            f"raw {describe(raw.datatype, raw.shape)}",
            f"{rows.dtype}{list(rows.shape)}",
            "keep raw values, or give model-ready ones and no preprocessing.",
        )

    def convert(taken: Array) -> Array:
        return preprocessing.apply(taken[..., None] if is_flat_grey else taken)

    target = (shape[0], *(-1 if not isinstance(size, int) else size for size in spec.shape[1:]))
    return ConvertedRows(rows, convert, preprocessing.datatype.numpy, target)


def cast(rows: Rows, spec: TensorSpec, where: str, *, is_table: bool) -> Rows:
    """Return rows with the element type of the input.

    Args:
        rows: what is stored.
        spec: the input.
        where: what to call the rows in messages.
        is_table: numbers of tables carry no type of their own, so any cast that keeps every
            value is made.

    Raises:
        DataError: the cast is not made; when the rows are taken: a value would change.
    """
    target = spec.datatype.numpy
    stored = rows.dtype.newbyteorder("=") if rows.dtype.kind in "iuf" else rows.dtype
    if stored == target and rows.dtype.isnative:
        return rows
    is_text = rows.dtype.kind in "SUO"
    if is_text != (spec.datatype is Datatype.BYTES):
        raise _wrong_type(rows, spec, where)
    is_lossless = is_text or np.can_cast(stored, target, "safe")
    widens = is_lossless and (is_table or stored.kind == target.kind or stored.kind in "bSU")
    if not (widens or is_table or (stored.name, target.name) in _USUAL):
        raise _wrong_type(rows, spec, where)
    is_exact = widens or (target.kind not in "iu" and target.kind != "b")

    def convert(taken: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found as infinity
            found = taken.astype(target)
        if not is_exact and not np.array_equal(found, taken):
            raise DataError(where, f"numbers that {target} can hold", _changed(taken, found))
        return found

    return ConvertedRows(rows, convert, target, rows.shape)


def pick(
    columns: Mapping[str, Rows], inputs: tuple[TensorSpec, ...], where: str
) -> dict[str, Rows]:
    """Return the column for each input: by name, or the only column for the only input.

    Raises:
        DataError: an input has no column.
    """
    if len(inputs) == 1 and len(columns) == 1:
        return {inputs[0].name: next(iter(columns.values()))}
    missing = [spec.name for spec in inputs if spec.name not in columns]
    if missing:
        raise DataError(
            where,
            f"arrays named like the model's inputs: {', '.join(spec.name for spec in inputs)}",
            ", ".join(sorted(columns)) or "no array of examples",
            f"rename the array meant for {missing[0]!r}; labels are named `label`.",
        )
    return {spec.name: columns[spec.name] for spec in inputs}


def _is_raw(rows: Rows, spec: TensorSpec) -> bool:
    is_float = spec.datatype.numpy.kind in "fV"
    if rows.dtype == np.uint8 and len(spec.shape) == 4:
        is_as_stored = spec.datatype is Datatype.UINT8 and _tail_fits(rows.shape, spec)
        return len(rows.shape) in (3, 4) and not is_as_stored
    # shorter rows of 16-bit numbers may be features
    is_sound = rows.dtype == np.int16 and len(rows.shape) == 2 and rows.shape[1] >= SOUND_SAMPLES
    return is_sound and is_float and len(spec.shape) == 2


def _tail_fits(shape: tuple[int, ...], spec: TensorSpec) -> bool:
    """Say whether examples fit; how many come at once is for the caller to decide."""
    return len(shape) == len(spec.shape) and all(
        not isinstance(want, int) or got in (want, -1)
        for want, got in zip(spec.shape[1:], shape[1:], strict=True)
    )


def _check_shape(rows: Rows, spec: TensorSpec, where: str) -> None:
    if not spec.shape:
        raise DataError(spec.name, "an input with a dimension for examples", "a single number")
    if not _tail_fits(rows.shape, spec):
        spec.check(np.broadcast_to(np.empty((), rows.dtype), rows.shape), where)
        raise DataError(where, describe(spec.datatype, spec.shape), f"{list(rows.shape)}")


def _wrong_type(rows: Rows, spec: TensorSpec, where: str) -> DataError:
    hint = f"convert it with `array.astype({str(spec.datatype.numpy)!r})` where it is saved."
    if rows.dtype.kind in "iu" and spec.datatype.numpy.kind in "fV":
        hint = "for raw values give the preprocessing, `layout=N;scale=1` to take them as they are."
    elif rows.dtype.kind in "SUO":
        hint = "encode the strings as they were in training."
    return DataError(
        where, describe(spec.datatype, spec.shape), f"{rows.dtype}{list(rows.shape)}", hint
    )


def _changed(taken: Array, found: Array) -> str:
    differs = np.flatnonzero(np.ravel(taken != found))
    value: Any = np.ravel(taken)[differs[0]]
    return str(value)
