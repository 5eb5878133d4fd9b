"""Weights that are kept in few bits and unpacked before they are used."""

import onnx_ir as ir

from tradewind.model import Model


def has_packed_weights(model: Model) -> bool:
    """Say whether an operator computes in float with weights that are kept in integers.

    Where both of its inputs are dequantized, it computes with the integers themselves.
    """
    return any(
        _unpacks(node) and any(not _is_integer(user) for user in node.outputs[0].consumers())
        for node in model.graph.graph.all_nodes()
    )


def _unpacks(node: ir.Node) -> bool:
    packed = node.inputs[0] if node.op_type == "DequantizeLinear" else None
    return packed is not None and packed.const_value is not None and len(packed.shape or ()) > 1


def _is_integer(node: ir.Node) -> bool:
    """Say whether everything but the bias of an operator is dequantized."""
    makers = [value.producer() for value in node.inputs[:2] if value is not None]
    return len(makers) == 2 and all(
        maker is not None and maker.op_type == "DequantizeLinear" for maker in makers
    )
