"""Means over time that OpenVINO computes wrongly in int8, kept in floating point."""

from __future__ import annotations

import numpy as np

from tradewind.engines.untracked import opset13 as operators
from tradewind.engines.untracked import ov


def repair_reductions(graph: ov.Model) -> None:
    """Keep int8 away from reductions of [batch, time, channels] over time.

    The CPU plug-in (2026.4 at least) answers such a mean or sum for the first example of a
    batch only, and with zeros for the others. Int8 does not pass a maximum, so that behind one
    the reduction is done in floating point; rewriting it for four dimensions would be undone by
    the plug-in's own simplification.

    Args:
        graph: what was read, before it is compiled; changed in place.
    """
    nodes = graph.get_ordered_ops()
    if all(node.get_type_name() != "FakeQuantize" for node in nodes):
        return
    for node in nodes:
        if _is_over_time(node):
            lowest = operators.constant(np.array(np.finfo(np.float32).min, np.float32))
            shield = operators.maximum(node.input_value(0), lowest)
            node.input(0).replace_source_output(shield.output(0))
    graph.validate_nodes_and_infer_types()


def _is_over_time(node: ov.Node) -> bool:
    """Say whether axis 1 of three is reduced, and the batch is not."""
    if node.get_type_name() not in ("ReduceMean", "ReduceSum"):
        return False
    data, given = node.input_value(0), node.input_value(1).get_node()
    shape = data.get_partial_shape()
    if data.get_element_type() != ov.Type.f32 or given.get_type_name() != "Constant":
        return False
    if shape.rank.is_dynamic or len(shape) != 3:
        return False
    axes = {int(axis) % 3 for axis in given.data.ravel()}
    return 1 in axes and 0 not in axes
