"""Which operator of an import is the first that computes something else."""

import numpy as np
import onnx

from tradewind.engines import OnnxRuntime
from tradewind.errors import TradewindError
from tradewind.importers.closeness import error_of
from tradewind.importers.original import Original
from tradewind.model import Model
from tradewind.tensors import Tensors


def first_difference(
    model: Model, original: Original, question: Tensors, tolerance: float
) -> str | None:
    """Return the first operator whose output differs, in the order in which they are computed.

    Args:
        model: the import.
        original: what it was made from.
        question: inputs on which the two differ.
        tolerance: the largest error that counts as equal.

    Returns:
        The operator with its output and error; None where the original cannot name a tensor
        inside the graph, or where those that it names agree.
    """
    proto = model.to_proto()
    makers = {name: node for node in proto.graph.node for name in node.output if name}
    known = original.inside(question, list(makers))
    typed = _typed(proto)
    places = [name for name in makers if name in known and name in typed]
    if not places:
        return None
    given = {output.name for output in proto.graph.output}
    proto.graph.output.extend(typed[name] for name in places if name not in given)
    try:
        with OnnxRuntime(threads=1, optimization="none").compile(model.with_proto(proto)) as runner:
            found = runner(question)
    except TradewindError:
        return None  # an inner value of a kind that cannot leave the graph
    for name in places:
        got, wanted = found[name], np.asarray(known[name])
        label = f"{makers[name].op_type} {makers[name].name}".rstrip()
        if got.shape != wanted.shape:
            return f"{label} -> {name!r}: shape {list(got.shape)}, not {list(wanted.shape)}"
        error = float(error_of(got, wanted).max(initial=0.0))
        if error > tolerance:
            return f"{label} -> {name!r} differs by {error:.2g}"
    return None


def _typed(proto: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Return the tensors inside the graph whose element type and rank are known."""
    inferred = onnx.shape_inference.infer_shapes(proto).graph
    return {
        value.name: value
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.elem_type and value.type.tensor_type.HasField("shape")
    }
