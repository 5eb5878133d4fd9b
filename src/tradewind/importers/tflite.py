"""TensorFlow Lite files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.importer import Importer
from tradewind.importers.metadata import NOTE, add_metadata
from tradewind.importers.onnx import freeze
from tradewind.importers.parity import FLOAT32, Tolerance, check_parity
from tradewind.importers.probes import probes
from tradewind.importers.token_ids import token_ids
from tradewind.model import MAX_BYTES, Model, Origin
from tradewind.tensors import Array, Tensors

_MAGIC = b"TFL3"
_PLAIN = "plain kernels: "
_HYBRID = (
    "The weights are stored in 8 bits. The interpreter of TensorFlow Lite rounds the inputs of "
    "these layers to 8 bits too while it runs; this graph does not."
)


@final
@dataclass(frozen=True)
class TfliteImporter(Importer):
    """`.tflite` files, float and quantized; what is quantized stays so, between Q and DQ."""

    name: ClassVar[str] = "tensorflow-lite"

    def matches(self, source: object) -> bool:
        if not isinstance(source, Path) or not source.is_file():
            return False
        with source.open("rb") as file:
            return file.read(8)[4:] == _MAGIC

    def load(self, source: object) -> Model:
        assert isinstance(source, Path)
        where = source.name
        if source.stat().st_size > MAX_BYTES:
            raise ModelError(where, f"at most {MAX_BYTES} bytes", f"{source.stat().st_size} bytes")
        request = {"path": str(source.absolute())}
        with Conversion.start("tflite", "tflite", request, where) as conversion:
            proto = conversion.proto
            if conversion.notes["is_hybrid"]:
                add_metadata(proto, NOTE, _HYBRID)
            ranges = token_ids(proto)
            model = freeze(proto, Origin(self.name, where))
            questions = probes(model.signature, ranges=ranges)
            quantized = conversion.notes["quantized"]
            tolerance = _tolerance(conversion, questions, quantized) if quantized else FLOAT32
            return check_parity(model, conversion, tolerance=tolerance, questions=questions)


def _tolerance(
    conversion: Conversion, questions: Sequence[Tensors], quantized: Sequence[str]
) -> Tolerance:
    """Return how far quantized answers may be apart.

    It is one step more than the interpreter's own fast and plain kernels are on 95% of the
    questions: both are right by the specification, which leaves open how products are rounded, and
    what follows a rounded value differs by more than a step.
    """
    apart: list[float] = []
    for inputs in questions:
        answers = conversion.inside(inputs, [_PLAIN])
        distances = [_distance(answers[name], answers[_PLAIN + name]) for name in quantized]
        apart += np.max(distances, axis=0).tolist()
    steps = 1 + float(np.quantile(apart, 0.95, method="higher"))
    return Tolerance(steps=min(steps, 255.0), differing=0.05)


def _distance(one: Array, other: Array) -> Array:
    """Return the largest distance between two answers, of every example."""
    distance = np.abs(one.astype(np.float64) - other.astype(np.float64))
    rows = len(one) if one.ndim else 1
    return np.asarray(distance.reshape(rows, -1).max(axis=1, initial=0.0))
