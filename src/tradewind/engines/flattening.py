"""The Softmax of opset 11 and 12, which OpenVINO takes for the one of opset 13."""

from __future__ import annotations

import numpy as np

from tradewind.engines.untracked import opset13 as operators
from tradewind.engines.untracked import ov

_FLATTENING = range(11, 13)
"""Before, OpenVINO flattens as ONNX demands; after, ONNX does not flatten any more."""


def flatten_softmax(graph: ov.Model, opset: int) -> None:
    """Let Softmax add up over all dimensions from its axis on, not over its axis alone.

    Args:
        graph: what was read, before it is compiled; changed in place.
        opset: the version of ONNX's operators that it was written in.
    """
    if opset not in _FLATTENING:
        return
    for node in graph.get_ordered_ops():
        if node.get_type_name() != "Softmax":
            continue
        rank = node.get_output_partial_shape(0).rank
        axis = node.get_attributes()["axis"]
        if rank.is_static and axis % rank.get_length() == rank.get_length() - 1:
            continue
        _flatten(node, axis)
    graph.validate_nodes_and_infer_types()


def _flatten(node: ov.Node, axis: int) -> None:
    data = node.input_value(0)
    shape = operators.shape_of(data)
    zero = operators.constant(np.array(0))
    end = operators.constant(np.array([axis]))
    one = operators.constant(np.array([1]))
    before = operators.slice(shape, operators.constant(np.array([0])), end, one)
    rows = operators.reduce_prod(before, zero, keep_dims=True)
    flat = operators.concat([rows, operators.constant(np.array([-1]))], 0)
    users = node.output(0).get_target_inputs()
    table = operators.reshape(data, flat, special_zero=False)
    whole = operators.reshape(operators.softmax(table, 1), shape, special_zero=False)
    for user in users:
        user.replace_source_output(whole.output(0))
