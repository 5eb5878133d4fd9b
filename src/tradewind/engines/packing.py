"""Weights that are kept in few bits and unpacked before they are used."""

import onnx_ir as ir

from tradewind.engines.untracked import ov
from tradewind.model import Model

_MOVES = {"Reorder", "Reshape", "Transpose"}
"""What may be done twice to the same constant."""


def has_packed_weights(model: Model) -> bool:
    """Say whether an operator computes in float with weights that are kept in integers.

    Where both of its inputs are dequantized, it computes with the integers themselves.
    """
    return any(
        _unpacks(node) and any(not _is_integer(user) for user in node.outputs[0].consumers())
        for node in model.graph.graph.all_nodes()
    )


def computes_weights(compiled: ov.CompiledModel) -> bool:
    """Say whether OpenVINO computes with constants before the first answer.

    It does so where it has decided by itself that a layer stays in float whose weights are kept in
    integers: where another layer in float reads the same values, for example.
    """
    known = set[str]()
    for step in compiled.get_runtime_model().get_ordered_ops():
        kind = step.get_rt_info()["layerType"].astype(str)
        read = [side.get_source_output().get_node().get_friendly_name() for side in step.inputs()]
        if kind == "Const" or (read and known.issuperset(read)):
            if kind not in {"Const", *_MOVES}:
                return True
            known.add(step.get_friendly_name())
    return False


def _unpacks(node: ir.Node) -> bool:
    packed = node.inputs[0] if node.op_type == "DequantizeLinear" else None
    return packed is not None and packed.const_value is not None and len(packed.shape or ()) > 1


def _is_integer(node: ir.Node) -> bool:
    """Say whether everything but the bias of an operator is dequantized."""
    makers = [value.producer() for value in node.inputs[:2] if value is not None]
    return len(makers) == 2 and all(
        maker is not None and maker.op_type == "DequantizeLinear" for maker in makers
    )
