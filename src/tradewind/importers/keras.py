"""Keras models: files of both generations, and models in memory."""

import contextlib
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.archives import check_archive
from tradewind.importers.conversion import Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import archive_members
from tradewind.importers.onnx import freeze
from tradewind.importers.original import InMemory, Original
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.model import MAX_BYTES, Model, Origin
from tradewind.tensors import Array, Tensors

_HDF5 = b"\x89HDF\r\n\x1a\n"
_LIBRARIES = ("keras", "tf_keras")


@final
@dataclass(frozen=True)
class KerasImporter(Importer):
    """`.keras` and `.h5` files of Keras 2 and 3, and models in memory on any backend.

    Code in a file is never run: what holds any, such as a Lambda layer, is refused. A model in
    memory is compared with itself as it lies there, on its own backend.
    """

    name: ClassVar[str] = "keras"

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            return source.is_file() and _is_keras(source)
        return any(isinstance(source, library.Model) for library in _libraries())

    def load(self, source: object) -> Model:
        if isinstance(source, Path):
            if source.stat().st_size > MAX_BYTES:
                got = f"{source.stat().st_size} bytes"
                raise ModelError(source.name, f"at most {MAX_BYTES} bytes", got)
            if archive_members(source):
                check_archive(source)
            return _converted(source, source.name, None)
        where = str(getattr(source, "name", type(source).__name__))
        with tempfile.TemporaryDirectory(prefix="tradewind-") as folder:
            path = Path(folder) / "model.keras"
            try:
                with _without_warnings():
                    source.save(path)  # type: ignore[attr-defined]  # a Model, as `matches` says
            except Exception as error:  # models that nobody built, layers that cannot be saved
                hint = "call it on an example first, or `model.export('folder')` and give that."
                got = f"{type(error).__name__}: {error}"[:300]
                raise ModelError(where, "a model that can be saved", got, hint) from error
            return _converted(path, where, source)


def _is_keras(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(len(_HDF5)) == _HDF5:
            return True
    members = archive_members(path)
    return "config.json" in members and any(m.startswith("model.weights.") for m in members)


def _libraries() -> list[Any]:
    # whoever holds a model has imported the library that it is of
    found = [sys.modules.get(name) for name in _LIBRARIES]
    return [library for library in found if hasattr(library, "Model")]


def _converted(path: Path, where: str, original: Any) -> Model:
    request = {"path": str(path.absolute())}
    # reading a configuration builds what it names, so that this runs nowhere but offline
    with Conversion.start(
        "keras", "tensorflow", request, where, must_be_offline=True
    ) as conversion:
        proto = conversion.proto
        ranges = token_ids(proto)
        model = freeze(proto, Origin(KerasImporter.name, where))
        asked: Original = conversion
        if original is not None:
            asked = InMemory(partial(_answer, original, model))
        questions = probes(model.signature, ranges=ranges)
        return check_parity(model, asked, questions=questions)


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep to ourselves what Keras and its backends say of each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _answer(original: Any, model: Model, inputs: Tensors) -> dict[str, Array]:
    """Return what a model in memory answers on its own backend."""
    signature = model.signature
    arrays = [np.asarray(inputs[spec.name]) for spec in signature.inputs]
    structure = getattr(original, "input", None)  # sequences of layers have none
    with _without_warnings():
        found = original.predict_on_batch(_like(structure, arrays))
    values = _leaves(found)
    return dict(zip([spec.name for spec in signature.outputs], values, strict=True))


def _like(structure: Any, arrays: list[Array]) -> Any:
    """Return the arrays in the structure that the model takes its inputs in."""
    if isinstance(structure, dict):
        return dict(zip(sorted(structure), arrays, strict=True))
    return list(arrays) if isinstance(structure, list | tuple) else arrays[0]


def _leaves(found: Any) -> list[Array]:
    if isinstance(found, dict):
        return [leaf for key in sorted(found) for leaf in _leaves(found[key])]
    if isinstance(found, list | tuple):
        return [leaf for part in found for leaf in _leaves(part)]
    return [np.asarray(found)]
