"""Looking at every example before hours are spent on them."""

import numpy as np

from tradewind.data.dataset import Dataset

_BATCH = 64


def check(dataset: Dataset) -> None:
    """Take every example once, so that a bad one is found now rather than half-way.

    Raises:
        DataError: a file cannot be decoded, a value does not fit the input, or an input holds
            NaN or infinity; names the first such example.
    """
    for _ in dataset.batches(np.arange(len(dataset)), _BATCH):
        pass
