"""PaddlePaddle's inference models: a graph, its weights beside it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.onnx import freeze
from tradewind.importers.openvino import import_graph
from tradewind.importers.parity import check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.importers.weights import inside
from tradewind.model import MAX_BYTES, Model, Origin

WEIGHTS = ".pdiparams"

_PROGRAM = re.compile(rb"\x0a[\x80-\xff]{0,4}[\x00-\x7f]\x08\x00\x10\xff{9}\x01")
"""A program of protocol buffers: its first block is number 0, and lies in block -1."""

_PIR = re.compile(rb"""\s*\{\s*"base_code"\s*:\s*\{[^{}]*"magic"\s*:\s*"pir\"""")
"""A program in PaddlePaddle 3's own representation."""


@final
@dataclass(frozen=True)
class PaddleImporter(Importer):
    """`.pdmodel` and `.json` of `paddle.jit.save`, with `.pdiparams` beside them.

    OpenVINO reads the first, paddle2onnx the second; PaddlePaddle answers for both, in the
    environment `paddle`.
    """

    name: ClassVar[str] = "paddle"

    def matches(self, source: object) -> bool:
        if not isinstance(source, Path) or not source.is_file():
            return False
        return any(pattern.match(_head(source)) for pattern in (_PROGRAM, _PIR))

    def load(self, source: object) -> Model:
        assert isinstance(source, Path)
        weights = _weights(source)
        is_new = _PIR.match(_head(source)) is not None
        request = {
            "graph": str(source.absolute()),
            "weights": str(weights.absolute()),
            "answers_only": not is_new,
        }
        with Conversion.start("paddle", "paddle", request, source.name) as conversion:
            if not is_new:
                return import_graph(source, weights, self.name, conversion)
            model = freeze(conversion.proto, Origin(self.name, source.name))
            asked = probes(model.signature, ranges=token_ids(conversion.proto))
            return check_parity(model, conversion, questions=asked)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(256)


def _weights(path: Path) -> Path:
    """Return the file of weights, after every link, that lies beside the graph."""
    name = path.with_suffix(WEIGHTS).name
    found = inside(path.parent, name, path.name)
    size_bytes = path.stat().st_size + found.stat().st_size
    if size_bytes > MAX_BYTES:
        raise ModelError(path.name, f"at most {MAX_BYTES} bytes", f"{size_bytes} bytes")
    return found
