"""CatBoost models, from memory or from its own files."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.forests import catboost as files
from tradewind.importers.forests.forest import Forest
from tradewind.importers.forests.importing import InLibrary, asking, import_file, import_forest
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import HEAD_BYTES
from tradewind.model import Model, Origin
from tradewind.temporary import temporary_folder

_BINARY = b"CBM1"


@final
@dataclass(frozen=True)
class CatboostImporter(Importer):
    """CatBoost's `.cbm` and `.json` files, and its models in memory.

    A `.cbm` file is turned into JSON by the library itself, so it has to be installed.
    """

    name: ClassVar[str] = "catboost"

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            if not source.is_file():
                return False
            with source.open("rb") as file:
                head = file.read(HEAD_BYTES)
            return head.startswith(_BINARY) or files.is_catboost(head)
        library = sys.modules.get("catboost")
        return library is not None and isinstance(source, library.CatBoost)

    def load(self, source: object) -> Model:
        if isinstance(source, Path):
            with temporary_folder() as folder:
                return self._load_file(source, folder / "model.json")
        where = type(source).__name__
        forest = forest_of(source, where)
        original = InLibrary(self.name, source, _asking(forest))
        return import_forest(forest, Origin(self.name, where), original, infinite=True)

    def _load_file(self, path: Path, written: Path) -> Model:
        with path.open("rb") as file:
            is_binary = file.read(len(_BINARY)) == _BINARY
        if is_binary:
            told = {"library": self.name, "path": str(path.resolve()), "json": str(written)}
            Conversion.start("boosting", self.name, told, path.name).close()

        def read(content: bytes) -> tuple[Forest, dict[str, Any]]:
            return _read(content, path.name)

        found = written if is_binary else path
        return import_file(found, self.name, read, infinite=True, source=path)


def forest_of(model: Any, where: str) -> Forest:
    """Return the trees of a model in memory."""
    with temporary_folder() as folder:
        written = folder / "model.json"
        try:
            model.save_model(str(written), format="json")
        except Exception as error:  # CatBoostError
            hint = "call `fit` first."
            raise ModelError(where, "a fitted model", str(error)[:300], hint) from error
        return files.read(written.read_bytes(), where)


def _read(content: bytes, where: str) -> tuple[Forest, dict[str, Any]]:
    forest = files.read(content, where)
    return forest, _asking(forest)


def _asking(forest: Forest) -> dict[str, Any]:
    kind = "RawFormulaVal" if forest.link == "identity" else "Exponent"
    return asking(forest, answer=kind if forest.classes is None else "Probability")
