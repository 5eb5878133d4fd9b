"""Graphs that were exported for one example at a time, and would take several."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from tradewind.engines import OnnxRuntime
from tradewind.errors import TradewindError
from tradewind.importers.metadata import NOTE, add_metadata, notes_of
from tradewind.importers.probes import probes
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Tensors

BATCH_NAMES = ("N", "batch", "examples")
"""What the dimension that counts examples is called; the first that means nothing else."""

_ROWS = 3
_TOLERANCE = 1e-4
"""Of the largest number of an output: kernels add in another order where there are more rows."""

_TOLD = (
    "exported for one example at a time; it was checked that several at once get the answers "
    "that each gets alone, so that any number may be given"
)


def freed(model: Model) -> Model:
    """Return the model for any number of examples, if that is what it computes.

    Many exporters write the size of the one example that they were shown into the graph. Here the
    first dimension of every input and output becomes free, and constants that reshape follow.
    The graph is taken only if it answers several examples at once as `model` answers each alone;
    where anything is in the way, `model` itself comes back, as it does where its importer has
    said why the size stays.
    """
    specs = (*model.signature.inputs, *model.signature.outputs)
    if not all(spec.shape[:1] == (1,) for spec in specs) or notes_of(model):
        return model
    try:
        candidate = model.with_proto(_rewritten(model))
        return candidate if _agree(candidate, model) else model
    except TradewindError:  # the graph holds the size in another place as well
        return model


def free_name(graph: onnx.GraphProto) -> str:
    """Return a name for the dimension that counts examples; empty where all are taken."""
    taken = {
        size.dim_param for value in graph.input for size in value.type.tensor_type.shape.dim[1:]
    }
    return next((name for name in BATCH_NAMES if name not in taken), "")


def _rewritten(model: Model) -> onnx.ModelProto:
    proto = model.to_proto()
    graph = proto.graph
    batch = free_name(graph) or BATCH_NAMES[0]
    names = {spec.name for spec in model.signature.inputs}
    for value in (*(one for one in graph.input if one.name in names), *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = batch
    # what exporters noted about inner values holds for one example
    del graph.value_info[:]
    _reshape_any(graph)
    add_metadata(proto, NOTE, _TOLD)
    return proto


def _reshape_any(graph: onnx.GraphProto) -> None:
    """Let every Reshape to one example reshape to as many as there are."""
    constants = dict(_constants(graph))
    for number, node in enumerate(graph.node):
        # before opset 5 the shape was an attribute
        if node.op_type != "Reshape" or len(node.input) < 2 or node.input[1] not in constants:
            continue
        shape = np.array(constants[node.input[1]])
        if (
            shape.ndim != 1
            or shape[:1].tolist() != [1]
            or any(one.name == "allowzero" for one in node.attribute)
        ):
            continue
        shape[0] = 0 if -1 in shape else -1  # 0: as many as come in
        name = f"{node.input[1]}_any_{number}"
        graph.initializer.append(numpy_helper.from_array(shape, name))
        node.input[1] = name


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, Array]]:
    for tensor in graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT64:
            yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            yield node.output[0], numpy_helper.to_array(node.attribute[0].t)


def _agree(candidate: Model, model: Model) -> bool:
    """Say whether several examples at once get the answers that each gets alone."""
    alike = zip(*(probes(model.signature, seed) for seed in range(_ROWS)), strict=True)
    with OnnxRuntime().compile(model) as one, OnnxRuntime().compile(candidate) as many:
        return all(_answer_alike(list(rows), one, many) for rows in alike)


def _answer_alike(rows: list[Tensors], one: Runner, many: Runner) -> bool:
    """Say whether rows of one kind get their own answers together."""
    together = many({name: np.concatenate([row[name] for row in rows]) for name in rows[0]})
    alone = [one(row) for row in rows]
    for name, got in together.items():
        if any(got.shape[1:] != answer[name].shape[1:] for answer in alone):
            return False  # the size of an answer depends on the example
        wanted = np.concatenate([answer[name] for answer in alone])
        if got.shape != wanted.shape or not _is_close(got, wanted):
            return False
    return True


def _is_close(got: Array, wanted: Array) -> bool:
    if wanted.dtype.kind != "f":
        return bool(np.array_equal(got, wanted))
    numbers = wanted.astype(np.float64)
    finite = np.abs(numbers[np.isfinite(numbers)])
    allowed = _TOLERANCE * float(finite.max(initial=0.0))
    return bool(np.allclose(got.astype(np.float64), numbers, rtol=0, atol=allowed, equal_nan=True))
