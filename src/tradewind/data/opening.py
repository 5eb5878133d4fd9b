"""The way from a file name to a dataset."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from tradewind.data.carried import Steps
from tradewind.data.dataset import Dataset, StoredDataset
from tradewind.data.fitting import fit_array, pick
from tradewind.data.folders import list_folder
from tradewind.data.functions import names_function, read_function
from tradewind.data.images import fit_images
from tradewind.data.labels import as_groups, as_labels
from tradewind.data.npz import npz_names, read_npz
from tradewind.data.preprocessing import Preprocessing, image_input
from tradewind.data.rows import Rows
from tradewind.data.sounds import fit_sounds, is_wav
from tradewind.data.tables import column_names, read_table
from tradewind.data.texts import PAIR, Tokenization
from tradewind.data.tokenized import TokenizedDataset
from tradewind.errors import DataError
from tradewind.tensors import Array, Signature

_UNREADABLE = (
    (b"\x93NUMPY", "a single array", "save it with `numpy.savez(path, input=..., label=...)`."),
    (b"\x80", "a pickle, which only running foreign code could load", "save arrays as `.npz`."),
    (b"\x89HDF", "an HDF5 file", "save its arrays as `.npz`."),
    (b"\x1f\x8b", "a gzip file", "unpack it first."),
)
_SUPPORTED = "`.npz`, `.parquet`, `.csv`, a folder by class, or `package.module:function`"


def open_dataset(
    source: str | Path,
    signature: Signature,
    *,
    label: str = "label",
    preprocessing: Steps | None = None,
    group: str | None = None,
) -> Dataset:
    """Open examples for a model; the content decides how they are read.

    Args:
        source: a file, a folder by class, or `package.module:function`.
        signature: what the model takes.
        label: the array or column that holds the labels.
        preprocessing: what is done to raw images, sound or sentences; derived from the
            signature when None. Sentences are called `text`, or are the only column; where there
            is `text_pair` too, the two are judged together.
        group: the array or column that says which examples depend on each other.

    Raises:
        DataError: the source is missing, unreadable, or does not fit the signature.
    """
    if not signature.inputs:
        raise DataError(str(source), "a model with inputs", "a model that takes nothing")
    if isinstance(preprocessing, Tokenization):
        return _sentences(source, signature, label, preprocessing, group)
    path = Path(source)
    if not path.exists():
        if not names_function(str(source)):
            raise DataError(str(source), _SUPPORTED, "nothing under that name")
        columns = read_function(str(source))
        return _from_arrays(columns, str(source), signature, label, preprocessing, group)
    try:
        if path.is_dir():
            if group is not None:
                hint = "give arrays as `.npz` with one more array for the groups."
                raise DataError(str(source), "arrays or a table with groups", "a folder", hint)
            return _from_folder(path, signature, preprocessing)
        kind = _kind(path)
        if kind == "npz":
            columns = read_npz(path)
            return _from_arrays(columns, str(source), signature, label, preprocessing, group)
        if preprocessing is not None:
            hint = "compute the columns as they were in training."
            raise DataError(str(source), "images or sound to preprocess", "a table", hint)
        table = read_table(path, signature, label, group)
    except OSError as error:
        raise DataError(str(source), "a readable file", error.strerror or str(error)) from error
    return StoredDataset(table.inputs, table.labels, str(source), groups=table.groups)


def _sentences(
    source: str | Path, signature: Signature, label: str, steps: Tokenization, group: str | None
) -> Dataset:
    """Open sentences, or pairs of them where the file names both."""
    found = replace(steps, pairs=steps.pairs or _names_pairs(Path(source)))
    stored = open_dataset(source, found.raw_signature(signature), label=label, group=group)
    return TokenizedDataset(stored, found, signature)


def _names_pairs(path: Path) -> bool:
    if not path.is_file():
        return False
    if _kind(path) == "npz":
        return PAIR in npz_names(path)
    return PAIR in column_names(path)


def _kind(path: Path) -> Literal["npz", "table"]:
    if not path.is_file():
        raise DataError(str(path), _SUPPORTED, "a device or pipe")
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz"
    if head.startswith(b"PAR1"):
        return "table"
    for magic, got, hint in _UNREADABLE:
        if head.startswith(magic):
            raise DataError(str(path), _SUPPORTED, got, hint)
    if not head.strip():
        raise DataError(str(path), _SUPPORTED, "an empty file")
    if b"\0" in head:
        raise DataError(str(path), _SUPPORTED, "something else")
    return "table"


def _from_folder(path: Path, signature: Signature, preprocessing: Preprocessing | None) -> Dataset:
    if len(signature.inputs) != 1:
        listed = ", ".join(map(str, signature.inputs))
        raise DataError(str(path), "a model with one input", listed, "give arrays as `.npz`.")
    spec = signature.inputs[0]
    folder = list_folder(path)
    if is_wav(folder.paths[0]):
        rows, used = fit_sounds(folder, spec, preprocessing)
    else:
        rows, used = fit_images(folder, spec, preprocessing)
    return StoredDataset({spec.name: rows}, folder.labels, str(path), folder.classes, used)


def _from_arrays(
    columns: dict[str, Rows],
    source: str,
    signature: Signature,
    label: str,
    preprocessing: Preprocessing | None,
    group: str | None,
) -> Dataset:
    taken = {spec.name for spec in signature.inputs}
    labels = _pop_all(columns, label, taken)
    groups = None if group is None else _pop_all(columns, group, set())
    if group is not None and groups is None:
        raise DataError(source, f"groups named {group!r}", ", ".join(sorted(columns)))
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
        None if groups is None else as_groups(groups, f"{source}: {group}"),
    )


def _pop_all(columns: dict[str, Rows], name: str, taken: set[str]) -> Array | None:
    if name in taken or name not in columns:
        return None
    rows = columns.pop(name)
    return rows.take(np.arange(len(rows)))
