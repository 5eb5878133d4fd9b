"""Models that another process imported from memory and wrote down."""

import json
from pathlib import Path

from tradewind.importers.environments import Environment
from tradewind.model import Model, Origin, Parity


def packages(wanted: Environment) -> Path:
    """Return the folder of an environment's packages."""
    return next((wanted.folder / "lib").glob("python*/site-packages"))


def remembered(folder: Path, name: str) -> tuple[Model, list[str]]:
    """Return a model as it was imported, with its notes."""
    told = json.loads((folder / f"{name}.json").read_text())
    origin = told["origin"]
    where = Origin(origin["framework"], origin["source"], Parity(**origin["parity"]))
    return Model((folder / f"{name}.onnx").read_bytes(), where), told["notes"]
