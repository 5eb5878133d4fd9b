"""Keras models: files of both generations, and models in memory."""

import contextlib
import sys
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
from tradewind.importers.environments import has_environment, python_of
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import archive_members
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.onnx import freeze
from tradewind.importers.original import InMemory, Original
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.model import MAX_BYTES, Model, Origin
from tradewind.temporary import temporary_folder
from tradewind.tensors import Array, Tensors

_HDF5 = b"\x89HDF\r\n\x1a\n"
_LIBRARIES = ("keras", "tf_keras")
_TENSORFLOW = "`tradewind doctor --install tensorflow` once brings another way."


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
        with temporary_folder() as folder:
            path = folder / "model.keras"
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
    """Import a file by way of PyTorch where that is installed and manages it, else of TensorFlow.

    Files of Keras 2 go to TensorFlow first: there its own Keras reads them.
    """
    is_torch = has_environment("keras", "torch", "onnxscript", "h5py")
    is_tensorflow = has_environment("tensorflow", "tf_keras", "tf2onnx", "h5py")
    if not is_torch and not is_tensorflow:
        python_of("keras", where)  # says how to install it
    if is_torch:
        for is_fixed in (False, True):
            found = _by_torch(path, where, original, is_fixed, is_only=not is_tensorflow)
            if found is not None:
                return found
        if not is_tensorflow:
            raise AssertionError
    request = {"path": str(path.absolute())}
    # reading a configuration builds what it names, so that this runs nowhere but offline
    with Conversion.start(
        "keras", "tensorflow", request, where, must_be_offline=True
    ) as conversion:
        return _checked(conversion, where, original)


def _by_torch(
    path: Path, where: str, original: Any, is_fixed: bool, *, is_only: bool
) -> Model | None:
    """Return the model; None where it answers otherwise, or this way does not manage it.

    Args:
        path: the file.
        where: what the user calls it.
        original: the model in memory; None for the file itself.
        is_fixed: whether the number of examples may not vary.
        is_only: whether there is no other way, so that the last failure is an error.

    Raises:
        ModelError: the file cannot be imported.
    """
    request = {"path": str(path.absolute()), "is_fixed": is_fixed, "is_only": is_only}
    with Conversion.start(
        "keras_torch", "keras", request, where, must_be_offline=True
    ) as conversion:
        elsewhere = conversion.notes["elsewhere"]
        if elsewhere is not None and not is_only:
            return None
        if elsewhere is not None:
            expected, got, hint = elsewhere
            raise ModelError(where, expected, got, " ".join(filter(None, (_TENSORFLOW, hint))))
        if conversion.notes["fixed"]:
            add_metadata(conversion.proto, NOTE, conversion.notes["fixed"])
        try:
            return _checked(conversion, where, original)
        except ModelError:
            if is_fixed and is_only:
                raise
            return None


def _checked(conversion: Conversion, where: str, original: Any) -> Model:
    proto = conversion.proto
    model = freeze(proto, Origin(KerasImporter.name, where))
    asked: Original = conversion
    if original is not None:
        asked = InMemory(partial(_answer, original, model))
    questions = probes(model.signature, ranges=token_ids(proto))
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
