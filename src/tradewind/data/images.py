"""A folder of images as a model takes it."""

from pathlib import Path

import numpy as np

from tradewind.data.fitting import preprocess
from tradewind.data.folders import FilesRows, Folder
from tradewind.data.preprocessing import Preprocessing
from tradewind.data.rows import Rows
from tradewind.tensors import Array, TensorSpec


def fit_images(
    folder: Folder, spec: TensorSpec, preprocessing: Preprocessing | None
) -> tuple[Rows, Preprocessing]:
    """Return image files, decoded one by one when they are taken.

    Raises:
        DataError: the input takes no images.
    """
    chosen = (preprocessing or Preprocessing.for_spec(spec)).fitted(spec)

    def decode(path: Path) -> Array:
        return chosen.decode(path)

    tail = (*(chosen.size or (-1, -1)), chosen.channel_count)
    stored = FilesRows(folder, decode, np.dtype(np.uint8), tail)
    return preprocess(stored, spec, str(folder.root), chosen), chosen
