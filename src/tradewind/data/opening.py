"""The way from a file name to a dataset."""

from pathlib import Path

import numpy as np

from tradewind.data.dataset import Dataset, StoredDataset
from tradewind.data.fitting import fit_array, pick
from tradewind.data.labels import as_labels
from tradewind.data.npz import read_npz
from tradewind.data.preprocessing import Preprocessing, image_input
from tradewind.data.rows import Rows
from tradewind.errors import DataError
from tradewind.tensors import Array, Signature

_SUPPORTED = "`.npz`, `.parquet`, `.csv`, a folder by class, or `package.module:function`"


def open_dataset(
    source: str | Path,
    signature: Signature,
    *,
    label: str = "label",
    preprocessing: Preprocessing | None = None,
) -> Dataset:
    """Open examples for a model; the content decides how they are read.

    Args:
        source: a file, a folder by class, or `package.module:function`.
        signature: what the model takes.
        label: the array or column that holds the labels.
        preprocessing: what is done to raw images or sound; derived from the signature when
            None.

    Raises:
        DataError: the source is missing, unreadable, or does not fit the signature.
    """
    if not signature.inputs:
        raise DataError(str(source), "a model with inputs", "a model that takes nothing")
    path = Path(source)
    if not path.exists():
        raise DataError(str(source), _SUPPORTED, "nothing under that name")
    if _is_zip(path):
        return _from_arrays(read_npz(path), str(source), signature, label, preprocessing)
    raise DataError(str(source), _SUPPORTED, "something else")


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def _from_arrays(
    columns: dict[str, Rows],
    source: str,
    signature: Signature,
    label: str,
    preprocessing: Preprocessing | None,
) -> Dataset:
    taken = {spec.name for spec in signature.inputs}
    labels = _pop_all(columns, label, taken)
    classes = _pop_all(columns, "classes", taken)
    if labels is None and label != "label":
        raise DataError(source, f"labels named {label!r}", ", ".join(sorted(columns)))
    chosen = pick(columns, signature.inputs, source)
    target = image_input(signature.inputs).name if preprocessing else ""
    fits = {
        spec.name: fit_array(
            chosen[spec.name],
            spec,
            f"{source}: {spec.name}",
            preprocessing if spec.name == target else None,
        )
        for spec in signature.inputs
    }
    used = [fit.preprocessing for fit in fits.values() if fit.preprocessing is not None]
    return StoredDataset(
        {name: fit.rows for name, fit in fits.items()},
        None if labels is None else as_labels(labels, f"{source}: {label}"),
        source,
        None if classes is None else tuple(str(name) for name in classes.ravel()),
        used[0] if used else None,
    )


def _pop_all(columns: dict[str, Rows], name: str, taken: set[str]) -> Array | None:
    if name in taken or name not in columns:
        return None
    rows = columns.pop(name)
    return rows.take(np.arange(len(rows)))
