"""Answers as an `.npz` archive: one array for every output."""

import zipfile
from pathlib import Path

import numpy as np

from tradewind.tensors import Array


def write_archive(path: Path, answers: dict[str, Array]) -> None:
    """Write `.npz`.

    `numpy.savez` takes names as arguments and so refuses outputs that are called like its own.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in answers.items():
            # strings are stored with a fixed width, since objects would be pickled
            plain = array.astype(str) if array.dtype == object else array
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, plain, allow_pickle=False)
