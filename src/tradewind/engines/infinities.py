"""The maximum of nothing but minus infinity, which OpenVINO takes for the lowest float."""

from __future__ import annotations

import numpy as np

from tradewind.engines.untracked import opset13 as operators
from tradewind.engines.untracked import ov

_TELLING = ("Equal", "NotEqual", "IsInf", "Result")
"""Where the difference between minus infinity and the lowest float shows; a Softmax that is
spelled out comes to the same with both."""


def repair_maxima(graph: ov.Model) -> None:
    """Let ReduceMax answer with minus infinity where nothing in its input is greater.

    Attention that is spelled out finds rows that are masked altogether in this way.

    Args:
        graph: what was read, before it is compiled; changed in place.
    """
    found = [node for node in graph.get_ordered_ops() if _is_telling(node)]
    for node in found:
        data, axes = node.input_value(0), node.input_value(1)
        kind = data.get_element_type().to_dtype()
        lowest = operators.constant(np.array(-np.inf, kind))
        is_greater = operators.greater(data, lowest)
        greater = operators.select(is_greater, _number(1, kind), _number(0, kind))
        users = node.output(0).get_target_inputs()
        keep = node.get_attributes()["keep_dims"]
        some = operators.greater(operators.reduce_max(greater, axes, keep), _number(0, kind))
        repaired = operators.select(some, node, lowest)
        for user in users:
            user.replace_source_output(repaired.output(0))
    if found:
        graph.validate_nodes_and_infer_types()


def _is_telling(node: ov.Node) -> bool:
    if node.get_type_name() != "ReduceMax" or not node.get_output_element_type(0).is_real():
        return False
    users = node.output(0).get_target_inputs()
    return any(user.get_node().get_type_name() in _TELLING for user in users)


def _number(value: float, kind: np.dtype[np.floating]) -> ov.Node:
    return operators.constant(np.array(value, kind))
