"""LightGBM models, from memory or from its own text files."""

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, final

from tradewind.errors import ModelError
from tradewind.importers.forests import lightgbm as files
from tradewind.importers.forests.forest import Forest
from tradewind.importers.forests.importing import InLibrary, asking, import_file, import_forest
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import HEAD_BYTES
from tradewind.model import Model, Origin


@final
@dataclass(frozen=True)
class LightgbmImporter(Importer):
    """LightGBM's text files, boosters and wrappers in the manner of scikit-learn."""

    name: ClassVar[str] = "lightgbm"

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            if not source.is_file():
                return False
            with source.open("rb") as file:
                return files.is_lightgbm(file.read(HEAD_BYTES))
        library = sys.modules.get("lightgbm")
        return library is not None and isinstance(source, (library.Booster, library.LGBMModel))

    def load(self, source: object) -> Model:
        if isinstance(source, Path):
            name = source.name

            def read(content: bytes) -> tuple[Forest, dict[str, Any]]:
                forest = files.read(content, name)
                return forest, asking(forest)

            return import_file(source, self.name, read, infinite=True)
        where = type(source).__name__
        forest = forest_of(source, where)
        original = InLibrary(self.name, source, asking(forest))
        return import_forest(forest, Origin(self.name, where), original, infinite=True)


def forest_of(model: Any, where: str) -> Forest:
    """Return the trees of a model in memory."""
    try:
        booster = model if hasattr(model, "model_to_string") else model.booster_
        text = booster.model_to_string()
    except Exception as error:  # LightGBMError or NotFittedError
        raise ModelError(where, "a fitted model", str(error)[:300], "call `fit` first.") from error
    forest = files.read(text.encode(), where)
    if forest.classes is not None and hasattr(model, "classes_"):
        # the wrapper alone knows what the classes are called
        return replace(forest, classes=tuple(model.classes_.tolist()))
    return forest
