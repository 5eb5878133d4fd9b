"""An ensemble of trees that tells attacks from other connections."""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet
from benchmarks.optimizers.made import Made

from tradewind.importers import load_model
from tradewind.importers.environments import python_of
from tradewind.tensors import Array

TREES = 500
ROWS = 10_000
_LEFT_OUT = {"protocol_type", "service", "flag", "attack", "difficulty", "label"}
_TRAIN = """
import sys

import lightgbm
import numpy as np

folder, trees = sys.argv[1:]
with np.load(f"{folder}/train.npz") as archive:
    rows, labels = archive["rows"], archive["labels"]
settings = {"objective": "binary", "verbose": -1, "bagging_fraction": 0.7, "bagging_freq": 1}
settings |= {"feature_fraction": 0.5, "seed": 0, "deterministic": True}
model = lightgbm.train(settings, lightgbm.Dataset(rows, labels), int(trees))
model.save_model(f"{folder}/trees.txt")
"""


def kdd(folder: Path) -> Made:
    """Train the ensemble where LightGBM is installed, and return it with the test rows."""
    rows, labels = _connections(folder / "nsl_kdd" / "train.parquet")
    python = python_of("lightgbm", "trees")
    with tempfile.TemporaryDirectory() as name:
        np.savez(Path(name) / "train.npz", rows=rows, labels=labels)
        command = [str(python), "-c", _TRAIN, name, str(TREES)]
        subprocess.run(command, check=True, capture_output=True)
        model = load_model(Path(name) / "trees.txt")
    rows, labels = _connections(folder / "nsl_kdd" / "test.parquet")
    chosen = np.random.default_rng(0).permutation(len(rows))[:ROWS]
    found = {model.signature.inputs[0].name: rows[chosen], "label": labels[chosen]}
    return Made(model, found)


def _connections(path: Path) -> tuple[Array, Array]:
    """Return the numbers of each connection with whether it is an attack."""
    table = pyarrow.parquet.read_table(path)
    names = [name for name in table.column_names if name not in _LEFT_OUT]
    columns = [table[name].to_numpy().astype(np.float32) for name in names]
    return np.stack(columns, axis=1), table["label"].to_numpy().astype(np.int64)
