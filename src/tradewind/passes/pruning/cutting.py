"""The cut itself: weights made smaller, constants and attributes made to fit."""

import numpy as np
import onnx
import onnx_ir as ir

from tradewind.errors import PassError
from tradewind.model import Model
from tradewind.passes.pruning.coupling import Coupling
from tradewind.passes.pruning.tracing import Dependent, Kept, constant, name_of
from tradewind.tensors import Array


def cut(model: Model, coupling: Coupling, gone: set[int]) -> Model:
    """Return the graph without some channels; names and topology stay.

    Args:
        model: what `coupling` was found in.
        coupling: its channels.
        gone: labels of channels, each in one of the groups.

    Raises:
        PassError: the smaller graph is none that ONNX allows.
    """
    kept = coupling.keeping(gone)
    graph = coupling.graph.clone()
    nodes = dict(zip(coupling.graph.graph, graph.graph, strict=True))
    for value in graph.graph.initializers.values():
        _shrink(value, coupling.trace.axes.get(name_of(value), []), kept)
    for dependent in coupling.trace.dependents:
        _rewrite(graph.graph, nodes[dependent.node], dependent, kept)
    _forget_shapes(graph.graph)
    smaller = model.with_graph(graph)
    try:
        onnx.checker.check_model(smaller.to_proto(), full_check=True)
    except Exception as error:  # shape inference raises classes of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PassError(model.origin.source, "a graph that can be cut", reason) from error
    return smaller


def silenced_channels(model: Model, coupling: Coupling, gone: set[int]) -> Model:
    """Return the whole graph with all weights of some channels set to zero.

    What a value is divided by stays: where the channel is not read, it may be anything finite.
    """
    kept = coupling.keeping(gone)
    graph = coupling.graph.clone()
    divisors = {
        node.inputs[slot]
        for node in graph.graph
        for slot in _DIVISORS.get(node.op_type, ())
        if slot < len(node.inputs)
    }
    for value in graph.graph.initializers.values():
        array = constant(value)
        if array is None or array.dtype.kind != "f" or value in divisors:
            continue
        silent = array.copy()
        for axis, labels in enumerate(coupling.trace.axes.get(name_of(value), [])):
            silent[(slice(None),) * axis + (~kept(labels),)] = 0
        if not np.array_equal(silent, array):
            replace_weight(value, silent)
    return model.with_graph(graph)


_DIVISORS = {"Div": (1,), "Pow": (0, 1), "BatchNormalization": (4,)}
"""Inputs that may not be zero."""


def _shrink(value: ir.Value, axes: list[Array], kept: Kept) -> None:
    tensor = value.const_value
    stay = [kept(labels) for labels in axes]
    if tensor is None or all(mask.all() for mask in stay):
        return
    array = tensor.numpy()
    for axis, mask in enumerate(stay):
        array = np.compress(mask, array, axis)
    replace_weight(value, array)


def replace_weight(value: ir.Value, array: Array) -> None:
    """Give a weight another content, which may have another shape."""
    value.const_value = ir.tensor(np.ascontiguousarray(array), name=value.name)
    value.shape = ir.Shape(array.shape)


def _rewrite(graph: ir.Graph, node: ir.Node, dependent: Dependent, kept: Kept) -> None:
    wanted = dependent.rewrite(kept)
    if isinstance(dependent.slot, str):
        node.attributes[dependent.slot] = ir.AttrInt64(dependent.slot, int(wanted))
        return
    value = node.inputs[dependent.slot]
    present = constant(value)
    if value is None or present is None or np.array_equal(present.ravel(), wanted.ravel()):
        return
    fitting = wanted.reshape(present.shape).astype(present.dtype)
    if len(list(value.uses())) == 1:
        replace_weight(value, fitting)
        return
    # other nodes read the same constant, which has to stay as it is for them
    own = ir.Value(name=_new_name(graph, name_of(value)))
    own.type = value.type
    replace_weight(own, fitting)
    graph.register_initializer(own)
    node.replace_input_with(dependent.slot, own)


def _new_name(graph: ir.Graph, stem: str) -> str:
    count = 1
    while f"{stem}_{count}" in graph.initializers:
        count += 1
    return f"{stem}_{count}"


def _forget_shapes(graph: ir.Graph) -> None:
    """Drop the shapes of values inside, which the cut has changed."""
    ends = set(graph.outputs)
    for node in graph:
        for value in node.outputs:
            if value not in ends:
                value.shape = None
                value.type = None
