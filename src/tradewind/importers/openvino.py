"""OpenVINO IR: a graph in XML, its weights beside it."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final
from xml.etree import ElementTree

from tradewind.engines.openvino import core
from tradewind.errors import ModelError
from tradewind.importers.importer import Importer
from tradewind.importers.openvino_ir import import_graph
from tradewind.importers.weights import inside
from tradewind.model import MAX_BYTES, Model

MAX_XML_BYTES = 2**28
"""A graph of a hundred thousand operators takes a tenth of it."""

_HEAD_BYTES = 4096
_NET = re.compile(rb"\s*(<\?xml[^>]*\?>\s*)?(<!--.*?-->\s*)*<net[\s>]", re.DOTALL)
_DECLARATION = re.compile(rb"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


@final
@dataclass(frozen=True)
class OpenVinoImporter(Importer):
    """`.xml` files of `ov.save_model`, with the `.bin` file of the same name beside them."""

    name: ClassVar[str] = "openvino"

    def matches(self, source: object) -> bool:
        if not isinstance(source, Path) or not source.is_file():
            return False
        with source.open("rb") as file:
            head = file.read(_HEAD_BYTES).removeprefix(b"\xef\xbb\xbf")
        # a document type would come before the first element; `load` says why it is refused
        return _NET.match(head) is not None or (b"<net " in head and b"<!" in head)

    def load(self, source: object) -> Model:
        assert isinstance(source, Path)
        xml = _read_xml(source)
        weights = _read_weights(source)
        _check_extents(xml, len(weights), source)
        with as_model_errors(source.name):
            graph = core().read_model(xml, weights)
        return import_graph(graph, self.name, source.name)


@contextlib.contextmanager
def as_model_errors(where: str) -> Iterator[None]:
    """Report what OpenVINO's readers raise about damaged files as one class."""
    try:
        yield
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        telling = [line for line in lines if not line.startswith(("Exception from", "Check "))]
        got = (telling or lines or ["damage that it cannot name"])[0]
        hint = "copy it again with everything that lies beside it."
        raise ModelError(where, "a model that OpenVINO can read", got[:300], hint) from error


def _read_xml(path: Path) -> bytes:
    size_bytes = path.stat().st_size
    if size_bytes > MAX_XML_BYTES:
        raise ModelError(path.name, f"at most {MAX_XML_BYTES} bytes of XML", f"{size_bytes} bytes")
    xml = path.read_bytes()
    if b"\0" in xml:
        hint = "save it with `ov.save_model` again."
        raise ModelError(path.name, "XML in UTF-8", "another encoding", hint)
    if _DECLARATION.search(xml):
        hint = "OpenVINO writes none; what is this file for?"
        raise ModelError(path.name, "XML without a document type", "declarations of its own", hint)
    return xml


def _read_weights(path: Path) -> bytes:
    """Return the weights, which lie in a file of the same name and nowhere else."""
    name = path.with_suffix(".bin").name
    if not path.with_suffix(".bin").exists():
        hint = f"copy {name!r} too; a graph without any constant has an empty one."
        raise ModelError(path.name, f"the weights in {name!r} beside it", "no such file", hint)
    beside = inside(path.parent, name, path.name)
    size_bytes = beside.stat().st_size
    if size_bytes > MAX_BYTES:
        raise ModelError(name, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes")
    return beside.read_bytes()


def _check_extents(xml: bytes, held_bytes: int, path: Path) -> None:
    """Raise unless every constant lies within the file of weights, and fills it together."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        hint = "the file is cut off or damaged; copy it again."
        raise ModelError(path.name, "well-formed XML", str(error), hint) from error
    end = 0
    for layer in root.iter("layer"):
        data = layer.find("data")
        if layer.get("type") != "Const" or data is None:
            continue
        where = f"{path.name}: {layer.get('name')}"
        try:
            start, size_bytes = int(data.get("offset", "")), int(data.get("size", ""))
        except ValueError as error:
            raise ModelError(where, "a whole number as offset and size", f"{error}") from error
        end = max(end, start + size_bytes)
        if start < 0 or size_bytes < 0 or start + size_bytes > held_bytes:
            raise ModelError(
                where,
                f"bytes {start}..{start + size_bytes} of {path.with_suffix('.bin').name}",
                f"a file of {held_bytes} bytes",
                "the file of weights is cut off, or belongs to another model.",
            )
    if held_bytes - end > MAX_SPARE:
        name = path.with_suffix(".bin").name
        hint = "the file of weights belongs to another model."
        raise ModelError(path.name, f"{end} bytes in {name}", f"{held_bytes} bytes", hint)


MAX_SPARE = 4096
"""Bytes that no constant names: weights are aligned."""
