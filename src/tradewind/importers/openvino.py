"""Graphs that OpenVINO reads: a graph in XML, its weights beside it."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final
from xml.etree import ElementTree

import onnx

from tradewind.errors import ModelError
from tradewind.importers.conversion import CONVERTERS, Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.onnx import freeze
from tradewind.importers.original import ByPosition, Original
from tradewind.importers.parity import Tolerance, check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.importers.weights import inside
from tradewind.model import MAX_BYTES, Model, Origin

FLOATS = Tolerance(error=5e-4)
"""OpenVINO adds in other orders, which shows where large numbers cancel."""

LEVELS = Tolerance(error=0.25, differing=0.05)
"""For quantized activations: a sum on the other side of a half moves everything after it by steps,
so that two runtimes part, and OpenVINO's own two ways of computing do."""

COMPRESSED = Tolerance(error=0.02, differing=0.05)
"""For compressed weights, which OpenVINO's kernels round once more."""

MAX_XML_BYTES = 2**28
"""A graph of a hundred thousand operators takes a tenth of it."""

MAX_SPARE = 4096
"""Bytes that no constant names: weights are aligned."""

TIMEOUT_S = 900.0

_TOLERANCES = {"floats": FLOATS, "levels": LEVELS, "compressed": COMPRESSED}
_ROUNDED = "quantized: runtimes round the same sums to different steps."
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
        weights = _weights(source)
        _check_extents(xml, weights.stat().st_size, source)
        return import_graph(source, weights, self.name)


def import_graph(
    graph: Path, weights: Path, framework: str, original: Original | None = None
) -> Model:
    """Rewrite what OpenVINO reads as ONNX, in a process that a damaged graph may crash.

    Args:
        graph: the file of the graph.
        weights: the file of the weights, after every link.
        framework: which wrote them.
        original: what answers for the file, its outputs in the same order; OpenVINO when None.

    Raises:
        ModelError: OpenVINO cannot read it, ONNX lacks an operator, or the answers differ.
    """
    request = {"graph": str(graph.absolute()), "weights": str(weights.absolute())}
    script, where = CONVERTERS / "openvino.py", graph.name
    with Conversion.run(
        script, Path(sys.executable), request, where, timeout_s=TIMEOUT_S
    ) as conversion:
        origin = Origin(framework, where)
        asked: Original = conversion
        if original is not None:
            names = tuple(value.name for value in conversion.proto.graph.output)
            asked = ByPosition(original, names)
        return checked(conversion.proto, conversion.notes["kind"], asked, origin)


def checked(proto: onnx.ModelProto, kind: str, original: Original, origin: Origin) -> Model:
    """Return the model, after asking the original the same.

    Args:
        proto: the rewritten graph.
        kind: one of `floats`, `levels` and `compressed`: what is rounded in it.
        original: what answers as it should.
        origin: where it comes from.

    Raises:
        ModelError: the two answer differently.
    """
    tolerance = _TOLERANCES[kind]
    notes = [_ROUNDED] if kind == "levels" else []
    for value in proto.graph.input:
        shape = value.type.tensor_type.shape.dim
        if shape and shape[0].HasField("dim_value"):
            notes.append(f"the file fixes the first dimension of {value.name}.")
    if notes:
        add_metadata(proto, NOTE, " ".join(notes))
    model = freeze(proto, origin)
    asked = probes(model.signature, ranges=token_ids(proto))
    if kind != "floats":  # ordinary values and zeros: large ones are clipped, and show nothing
        asked = [question for index, question in enumerate(asked) if index % 4 in (0, 2)]
    return check_parity(model, original, tolerance=tolerance, questions=asked)


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


def _weights(path: Path) -> Path:
    """Return the weights, which lie in a file of the same name and nowhere else."""
    name = path.with_suffix(".bin").name
    if not path.with_suffix(".bin").exists():
        hint = f"copy {name!r} too; a graph without any constant has an empty one."
        raise ModelError(path.name, f"the weights in {name!r} beside it", "no such file", hint)
    beside = inside(path.parent, name, path.name)
    size_bytes = beside.stat().st_size
    if size_bytes > MAX_BYTES:
        raise ModelError(name, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes")
    return beside


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
