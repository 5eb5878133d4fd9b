"""The order of equal values in TopK, which OpenVINO leaves to chance."""

from __future__ import annotations

from tradewind.engines.untracked import ov

_VERSION_WITH_ORDER = "opset11"


def keep_order_of_ties(graph: ov.Model) -> None:
    """Let TopK name the earlier of two equal values first, as ONNX demands.

    Args:
        graph: what was read, before it is compiled; changed in place.
    """
    is_changed = False
    for node in graph.get_ordered_ops():
        kind = node.get_type_info()
        if kind.name != "TopK" or kind.version_id != _VERSION_WITH_ORDER:
            continue
        chosen = node.get_attributes()
        ordered = ov.opset11.topk(
            node.input_value(0),
            node.input_value(1),
            chosen["axis"],
            chosen["mode"],
            "value",
            chosen["index_element_type"],
            stable=True,
        )
        for position in range(2):
            node.output(position).replace(ordered.output(position))
        is_changed = True
    if is_changed:
        graph.validate_nodes_and_infer_types()
