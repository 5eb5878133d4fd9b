"""Pickled estimators, whose makers can run what they like where they are loaded."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.onnx import freeze
from tradewind.model import Model, Origin, Parity

_SCRIPT = Path(__file__).with_name("unpickling.py")
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_COMPRESSED = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
"""How joblib's zlib files begin."""


@final
@dataclass(frozen=True)
class PickleImporter(Importer):
    """Estimators of scikit-learn, XGBoost, LightGBM and CatBoost kept by pickle or joblib.

    They are unpickled in a child process without network, which ends afterwards.
    """

    name: ClassVar[str] = "pickle"

    def matches(self, source: object) -> bool:
        if not isinstance(source, Path) or not source.is_file():
            return False
        with source.open("rb") as file:
            return file.read(2) in (*_PICKLES, *_COMPRESSED)

    def load(self, source: object) -> Model:
        assert isinstance(source, Path)
        if importlib.util.find_spec("sklearn") is None:
            hint = 'pip install "tradewind[sklearn]"'
            raise ModelError(source.name, "scikit-learn to load it with", "none installed", hint)
        request = {"path": str(source.resolve())}
        with Conversion.run(
            _SCRIPT, Path(sys.executable), request, source.name, timeout_s=900, must_be_offline=True
        ) as conversion:
            notes: dict[str, Any] = conversion.notes
            parity = None if notes["parity"] is None else Parity(**notes["parity"])
            return freeze(conversion.proto, Origin(str(notes["framework"]), source.name, parity))
