"""ONNX graphs computed by PyTorch, with gradients; PyTorch is imported when it is first used."""

from tradewind.interpreter.graph import TorchGraph
from tradewind.interpreter.table import TABLE, missing_operators

__all__ = ["TABLE", "TorchGraph", "missing_operators"]
