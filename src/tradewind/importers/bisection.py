"""Which operator of an import is the first that computes something else."""

from collections.abc import Iterator, Sequence

import numpy as np
import onnx

from tradewind.engines import OnnxRuntime
from tradewind.errors import TradewindError
from tradewind.importers.closeness import error_of
from tradewind.importers.original import Original
from tradewind.model import Model
from tradewind.tensors import Array, Tensors

GROUP = 64
"""Tensors looked at in one run; all of a large graph at once would not fit into memory."""


def first_difference(
    model: Model, original: Original, question: Tensors, tolerance: float
) -> str | None:
    """Return the first operator whose output differs, in the order in which they are computed.

    The tensors are compared from the inputs on, some at a time: a difference may vanish further
    down, behind a Relu for instance, so that halving the graph could miss the first one.

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
    typed = _typed(proto)
    places = [name for name in makers if name in typed]
    for start in range(0, len(places), GROUP):
        group = places[start : start + GROUP]
        known = original.inside(question, group)
        shown = [name for name in group if name in known]
        for name, got in _values(model, shown, typed, question):
            difference = _difference(got, np.asarray(known[name]), tolerance)
            if difference:
                label = f"{makers[name].op_type} {makers[name].name}".rstrip()
                return f"{label} -> {name!r}{difference}"
    return None


def _difference(got: Array, wanted: Array, tolerance: float) -> str:
    if got.shape != wanted.shape:
        return f": shape {list(got.shape)}, not {list(wanted.shape)}"
    error = float(error_of(got, wanted).max(initial=0.0))
    return f" differs by {error:.2g}" if error > tolerance else ""


def _values(
    model: Model,
    names: Sequence[str],
    typed: dict[str, onnx.ValueInfoProto],
    question: Tensors,
) -> Iterator[tuple[str, Array]]:
    """Yield tensors inside the graph; without those that cannot leave it."""
    if not names:
        return
    proto = model.to_proto()
    given = {output.name for output in proto.graph.output}
    proto.graph.output.extend(typed[name] for name in names if name not in given)
    try:
        with OnnxRuntime(threads=1, optimization="none").compile(model.with_proto(proto)) as runner:
            found = runner(question)
    except TradewindError:
        if len(names) > 1:
            middle = len(names) // 2
            yield from _values(model, names[:middle], typed, question)
            yield from _values(model, names[middle:], typed, question)
        return
    for name in names:
        yield name, found[name]


def _typed(proto: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Return the tensors inside the graph whose element type and rank are known."""
    inferred = onnx.shape_inference.infer_shapes(proto, data_prop=True).graph
    return {
        value.name: value
        for value in (*inferred.value_info, *inferred.output)
        if value.type.tensor_type.elem_type and value.type.tensor_type.HasField("shape")
    }
