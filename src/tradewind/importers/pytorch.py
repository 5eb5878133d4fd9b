"""PyTorch models: exported programs, TorchScript, functions that build them, modules in memory."""

import importlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, final

import onnx

from tradewind.errors import ModelError
from tradewind.importers.archives import check_archive
from tradewind.importers.conversion import Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.lookalikes import archive_members
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.named_code import checked_weights, names_factory, stated
from tradewind.importers.onnx import freeze
from tradewind.importers.original import InMemory, Original
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import Range, probes
from tradewind.model import Model, Origin
from tradewind.temporary import temporary_folder
from tradewind.tensors import Array, Tensors

_FOREIGN = ("custom_obj_", "opaque_obj_")
_NATIVE = "data/aotinductor/"


@final
@dataclass(frozen=True)
class TorchImporter(Importer):
    """Modules of PyTorch in every form but pickled ones.

    These are: archives of `torch.export.save`, TorchScript, `package.module:function` that
    returns a module, and in memory `torch.nn.Module` and `torch.export.ExportedProgram`. Whether
    the number of examples may vary is found out.

    Args:
        weights: for a function, the file of its weights: safetensors, or one of `torch.save`
            that is read without running what it holds.
        inputs: what the module takes, as `TensorSpec`s in the order of `forward`, or as tensors
            in a tuple or by name; None where the file says it, or where a function
            `example_inputs` next to the one that builds the module returns such tensors.
        trusts_pickle: take modules of `torch.save(module)` too, by running what they hold.
    """

    name: ClassVar[str] = "pytorch"

    weights: Path | None = None
    inputs: Any = None
    trusts_pickle: bool = False

    def matches(self, source: object) -> bool:
        if isinstance(source, Path):
            return self._kind(source) is not None
        # whoever holds a module has imported this one
        torch = sys.modules.get("torch")
        return torch is not None and isinstance(
            source, torch.nn.Module | torch.export.ExportedProgram
        )

    def load(self, source: object) -> Model:
        if not isinstance(source, Path):
            return _from_memory(source, self.inputs)
        kind = self._kind(source)
        request = {
            "kind": kind,
            "path": str(source.absolute()),
            "inputs": stated(self.inputs, source.name),
            "folder": str(Path.cwd()),
            "weights": None if self.weights is None else str(checked_weights(self.weights)),
            "trusts_pickle": self.trusts_pickle,
        }
        if kind == "factory":
            request["factory"] = str(source)
        else:
            check_archive(source)
            _check_members(source)
        try:
            return _converted(request, source.name, is_fixed=False)
        except _OtherBatch as error:
            try:
                return _converted(request, source.name, is_fixed=True)
            except _OtherBatch:
                raise error.reason from None

    def _kind(self, path: Path) -> str | None:
        if names_factory(path):
            return "factory"
        if not path.is_file():
            return None
        members = archive_members(path)
        if any(member.endswith("/archive_format") for member in members):
            return "exported"
        if any(member.endswith("/constants.pkl") for member in members):
            return "script"
        is_state = any(member.endswith("/data.pkl") for member in members)
        return "pickled" if is_state and self.trusts_pickle else None


class _OtherBatch(Exception):
    """The import differs, and may not with the number of examples that it was made with."""

    def __init__(self, reason: ModelError) -> None:
        super().__init__(reason)
        self.reason = reason


def _converted(request: dict[str, Any], where: str, *, is_fixed: bool) -> Model:
    told = {**request, "is_fixed": is_fixed}
    runs_code = request["kind"] in ("script", "pickled")
    with Conversion.start("pytorch", "torch", told, where, must_be_offline=runs_code) as found:
        return _checked(found.proto, found.notes, found, where)


def _from_memory(source: object, inputs: Any) -> Model:
    # it imports torch, as whoever holds a module has done
    converter = importlib.import_module("tradewind.importers.converters.pytorch")
    where = type(source).__name__
    specs = stated(inputs, where)
    for is_fixed in (False, True):
        with temporary_folder() as folder:
            target = folder / "model.onnx"
            given = None if specs else inputs
            try:
                notes, answer = converter.convert_object(source, given, specs, target, is_fixed)
            except ValueError as error:
                if len(error.args) != 3:
                    raise
                expected, got, hint = error.args
                raise ModelError(where, expected, got, hint) from error
            proto = onnx.load(target)
        original = InMemory(partial(_answered, answer))
        try:
            return _checked(proto, notes, original, where)
        except _OtherBatch as error:
            if is_fixed:
                raise error.reason from None
    raise AssertionError


def _answered(answer: Any, asked: Tensors) -> dict[str, Array]:
    return dict(answer(dict(asked), []))


def _checked(
    proto: onnx.ModelProto, notes: dict[str, Any], original: Original, where: str
) -> Model:
    if notes["fixed"]:
        add_metadata(proto, NOTE, notes["fixed"])
    model = freeze(proto, Origin(TorchImporter.name, where))
    ranges = {name: Range(low, high) for name, (low, high) in notes["ranges"].items()}
    try:
        return check_parity(model, original, questions=probes(model.signature, ranges=ranges))
    except ModelError as error:
        if model.signature.has_free_batch:
            raise _OtherBatch(error) from error
        raise


def _check_members(path: Path) -> None:
    """Raise where an archive brings objects or machine code beside its graph."""
    for member in archive_members(path):
        if _NATIVE in member:
            hint = "give the program of `torch.export.save` that it was compiled from."
            raise ModelError(path.name, "a graph", "machine code of AOTInductor", hint)
        if any(name in member for name in _FOREIGN):
            hint = "export it to ONNX where its code is."
            got = "objects that only running foreign code could load"
            raise ModelError(path.name, "a graph of tensors", got, hint)
