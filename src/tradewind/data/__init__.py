"""Examples that can be split, streamed and hashed."""

from tradewind.data.checks import check
from tradewind.data.dataset import ArrayDataset, Dataset
from tradewind.data.labels import check_labels
from tradewind.data.opening import open_dataset
from tradewind.data.preprocessing import Preprocessing, image_input
from tradewind.data.splits import Splits, split

__all__ = [
    "ArrayDataset",
    "Dataset",
    "Preprocessing",
    "Splits",
    "check",
    "check_labels",
    "image_input",
    "open_dataset",
    "split",
]
