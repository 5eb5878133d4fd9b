"""XGBoost models, from memory or from its own files."""

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, final

from tradewind.errors import ModelError
from tradewind.importers.forests import xgboost as files
from tradewind.importers.forests.forest import Forest
from tradewind.importers.forests.importing import InLibrary, asking, import_file, import_forest
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import HEAD_BYTES
from tradewind.model import Model, Origin

_OLD = (b"binf", b"bs64")
"""How files of the binary format began, which XGBoost 3.1 reads no more."""


@final
@dataclass(frozen=True)
class XgboostImporter(Importer):
    """XGBoost's `.json` and `.ubj` files, boosters and wrappers in the manner of scikit-learn."""

    name: ClassVar[str] = "xgboost"

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            if not source.is_file():
                return False
            with source.open("rb") as file:
                head = file.read(HEAD_BYTES)
            return files.is_xgboost(head) or head.startswith(_OLD)
        library = sys.modules.get("xgboost")
        return library is not None and isinstance(source, (library.Booster, library.XGBModel))

    def load(self, source: object) -> Model:
        if isinstance(source, Path):
            return self._load_file(source)
        where = type(source).__name__
        forest, rounds = forest_of(source, where)
        original = InLibrary(self.name, source, asking(forest, rounds=rounds))
        return import_forest(forest, Origin(self.name, where), original, infinite=False)

    def _load_file(self, path: Path) -> Model:
        with path.open("rb") as file:
            is_old = file.read(4) in _OLD
        if is_old:
            raise ModelError(
                path.name,
                "a `.json` or `.ubj` file of XGBoost",
                "one of its former binary format",
                "load it with XGBoost 3.0 or older, then `booster.save_model('model.json')`.",
            )

        def read(content: bytes) -> tuple[Forest, dict[str, Any]]:
            forest, rounds = files.read(content, path.name)
            return forest, asking(forest, rounds=rounds)

        return import_file(path, self.name, read, infinite=False)


def forest_of(model: Any, where: str) -> tuple[Forest, int | None]:
    """Return the trees of a model in memory, with the rounds that count, where not all do."""
    is_wrapper = hasattr(model, "get_booster")
    try:
        booster = model.get_booster() if is_wrapper else model
        content = bytes(booster.save_raw("ubj"))
    except Exception as error:  # NotFittedError of scikit-learn, or one of the library's own
        raise ModelError(where, "a fitted model", str(error)[:300], "call `fit` first.") from error
    forest, rounds = files.read(content, where, is_wrapper=is_wrapper)
    missing = model.missing if is_wrapper else math.nan
    if missing is None or math.isnan(missing):
        return forest, rounds
    if not forest.is_matrix or any(feature.rounding for feature in forest.features):
        hint = "leave `missing` at NaN, and let NaN stand for missing values in the data."
        got = f"{missing:g} as well as categories"
        raise ModelError(where, "one kind of missing value", got, hint)
    return replace(forest, missing=float(missing)), rounds
