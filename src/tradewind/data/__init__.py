"""Examples that can be split, streamed and hashed."""

from tradewind.data.carried import Steps, carried, carried_classes, carry
from tradewind.data.checks import check
from tradewind.data.dataset import ArrayDataset, Dataset
from tradewind.data.labels import as_labels, check_labels
from tradewind.data.opening import open_dataset
from tradewind.data.overlap import Unlabelled, without_known
from tradewind.data.preprocessing import Preprocessing, image_input
from tradewind.data.splits import Splits, split
from tradewind.data.texts import PAIR, TEXT, Tokenization

__all__ = [
    "PAIR",
    "TEXT",
    "ArrayDataset",
    "Dataset",
    "Preprocessing",
    "Splits",
    "Steps",
    "Tokenization",
    "Unlabelled",
    "as_labels",
    "carried",
    "carried_classes",
    "carry",
    "check",
    "check_labels",
    "image_input",
    "open_dataset",
    "split",
    "without_known",
]
