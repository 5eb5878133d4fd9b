"""TensorFlow's SavedModels and frozen graphs."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.onnx import freeze
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.model import MAX_BYTES, Model, Origin

_SAVED_MODEL = "saved_model.pb"
_HEAD_BYTES = 64


@final
@dataclass(frozen=True)
class TensorflowImporter(Importer):
    """Folders of SavedModels, and frozen graphs (`.pb`).

    Args:
        signature: which of a SavedModel's signatures to import; when None it is the only one,
            else `serving_default`.
    """

    name: ClassVar[str] = "tensorflow"

    signature: str | None = None

    def matches(self, source: object) -> bool:
        if not isinstance(source, Path):
            return False
        if source.is_dir():
            return (source / _SAVED_MODEL).is_file()
        return source.is_file() and (_is_saved_model(_head(source)) or _is_graph(_head(source)))

    def load(self, source: object) -> Model:
        assert isinstance(source, Path)
        path = source
        if path.is_file() and _is_saved_model(_head(path)):
            path = path.absolute().parent  # the file alone is no model
            if not (path / _SAVED_MODEL).is_file():
                hint = f"call it {_SAVED_MODEL}, beside its `variables`."
                raise ModelError(source.name, "a SavedModel's folder", "its file alone", hint)
        where = path.name or str(path)
        if path.is_file() and self.signature is not None:
            hint = "leave the signature out."
            raise ModelError(where, "a SavedModel for a signature", "a frozen graph", hint)
        _check_size(path, where)
        request = {"path": str(path.absolute()), "signature": self.signature}
        # what a SavedModel holds is a program
        with Conversion.start(
            "tensorflow", "tensorflow", request, where, must_be_offline=True
        ) as conversion:
            proto = conversion.proto
            ranges = token_ids(proto)
            model = freeze(proto, Origin(self.name, where))
            questions = probes(model.signature, ranges=ranges)
            return check_parity(model, conversion, questions=questions)


def _check_size(path: Path, where: str) -> None:
    files = [path] if path.is_file() else [part for part in path.rglob("*") if part.is_file()]
    size_bytes = sum(file.stat().st_size for file in files)
    if size_bytes > MAX_BYTES:
        raise ModelError(where, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes")
    for part in path.rglob("*"):
        if part.is_symlink() and not part.resolve().is_relative_to(path.resolve()):
            hint = "copy what is linked into the folder."
            raise ModelError(where, "a folder on its own", f"a link to {part.resolve()}", hint)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _is_saved_model(head: bytes) -> bool:
    """Whether these are schema version 1 and a message; ONNX has a text in its place."""
    if head[:3] != b"\x08\x01\x12":
        return False
    return head[3 + _varint(head[3:]) :][:1] == b"\x0a"


def _is_graph(head: bytes) -> bool:
    """Whether these are the nodes of a GraphDef, which begin with their names.

    Field 1 of an ONNX file is a number, that of a GraphDef is a node.
    """
    if head[:1] != b"\x0a":
        return False
    node = head[1 + _varint(head[1:]) :]
    if node[:1] != b"\x0a" or len(node) < 3:
        return False
    name = node[2 : 2 + min(node[1], 16)]
    return bool(name) and all(32 < character < 127 for character in name)


def _varint(data: bytes) -> int:
    """Return how many bytes the number at the beginning takes."""
    return next((i + 1 for i, byte in enumerate(data) if byte < 128), len(data))
