"""From a forest to a model that was compared with its original."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from tradewind.errors import ModelError
from tradewind.importers.conversion import Conversion
from tradewind.importers.converters.boosting import answering
from tradewind.importers.forests.asking import questions
from tradewind.importers.forests.forest import Forest
from tradewind.importers.forests.writing import write
from tradewind.importers.onnx import freeze
from tradewind.importers.original import ByPosition, Original
from tradewind.importers.parity import Tolerance, check_parity
from tradewind.model import MAX_BYTES, Model, Origin
from tradewind.tensors import Array, Tensors

TOLERANCE = Tolerance(error=1e-4, differing=0.01)
"""Every row ends in the same leaves; these are added in float32, and where two classes are as
likely as each other up to rounding, either may win."""


@final
@dataclass(frozen=True)
class InLibrary(Original):
    """A model in memory, answered by the library that made it.

    Args:
        library: its name.
        model: a booster or wrapper.
        request: as `converters.boosting.answering` takes it.
    """

    library: str
    model: Any
    request: Mapping[str, Any]

    def answer(self, inputs: Tensors) -> dict[str, Array]:
        try:
            return answering(self.library, self.model, dict(self.request))(dict(inputs))
        except Exception as error:  # of a class of the library's own
            got = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            raise ModelError(self.library, "an answer to generated rows", got[:300]) from error


def import_forest(forest: Forest, origin: Origin, original: Original, *, infinite: bool) -> Model:
    """Return the model after graph and original were asked the same.

    Args:
        forest: what was read.
        origin: where it comes from.
        original: what the answers are compared with.
        infinite: whether the original takes infinity.

    Raises:
        ModelError: the answers differ.
    """
    with np.errstate(over="ignore"):  # what float32 does not hold is infinite, and compared
        model = freeze(write(forest), origin)
        asked = questions(forest, 0, infinite=infinite)
    names = tuple(spec.name for spec in model.signature.outputs)
    named = ByPosition(original, names)
    return check_parity(model, named, tolerance=TOLERANCE, questions=asked)


def import_file(
    path: Path,
    library: str,
    read: Callable[[bytes], tuple[Forest, dict[str, Any]]],
    *,
    infinite: bool,
    source: Path | None = None,
) -> Model:
    """Import a model file, and compare the graph with the library.

    Args:
        path: the file.
        library: which made it.
        read: returns the forest, and how the library is to be asked.
        infinite: whether the library takes infinity.
        source: what the user calls the file; `path` when None.

    Raises:
        ModelError: it is damaged, holds what ONNX cannot express, the library is not installed,
            or the answers differ.
    """
    origin = Origin(library, (source or path).name)
    if path.stat().st_size > MAX_BYTES:
        raise ModelError(origin.source, f"at most {MAX_BYTES} bytes", "more")
    with np.errstate(over="ignore"):
        forest, request = read(path.read_bytes())
    told = {**request, "library": library, "path": str(path.resolve())}
    with Conversion.start("boosting", library, told, origin.source) as original:
        return import_forest(forest, origin, original, infinite=infinite)


def asking(forest: Forest, **more: Any) -> dict[str, Any]:
    """Return how the library is to be asked, in terms of JSON."""
    columns = [(feature.name, feature.categories) for feature in forest.features]
    classes = None if forest.classes is None else [_plain(label) for label in forest.classes]
    return {
        "columns": columns,
        "is_matrix": forest.is_matrix,
        "classes": classes,
        "missing": forest.missing,
        **more,
    }


def _plain(label: object) -> Any:
    return label.item() if isinstance(label, np.generic) else label
