"""Every operator that the interpreter computes."""

from collections.abc import Mapping

from tradewind.interpreter import (
    activations,
    control,
    convolutions,
    elementwise,
    fused,
    fused_steps,
    indexing,
    normalizing,
    pooling,
    products,
    recurrent,
    reductions,
    resizing,
    shapes,
    spectra,
    steps,
)
from tradewind.interpreter.operator import Operator

ONNX = ""
MICROSOFT = "com.microsoft"

_ONNX: Mapping[str, Operator] = {
    **activations.OPERATORS,
    **control.OPERATORS,
    **convolutions.OPERATORS,
    **elementwise.OPERATORS,
    **indexing.OPERATORS,
    **normalizing.OPERATORS,
    **pooling.OPERATORS,
    **products.OPERATORS,
    **recurrent.OPERATORS,
    **reductions.OPERATORS,
    **resizing.OPERATORS,
    **shapes.OPERATORS,
    **spectra.OPERATORS,
    **steps.OPERATORS,
}
_MICROSOFT: Mapping[str, Operator] = {
    **fused.OPERATORS,
    **fused_steps.OPERATORS,
    **steps.OPERATORS,
}
TABLE: Mapping[tuple[str, str], Operator] = {
    **{(ONNX, name): operator for name, operator in _ONNX.items()},
    **{(MICROSOFT, name): operator for name, operator in _MICROSOFT.items()},
}
"""By domain and name; ONNX's own domain is empty."""
