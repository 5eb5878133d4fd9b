"""ONNX graphs computed by PyTorch, with gradients; PyTorch is imported when it is first used."""

from tradewind.interpreter.expanding import missing_operators
from tradewind.interpreter.graph import TorchGraph
from tradewind.interpreter.table import TABLE

__all__ = ["TABLE", "TorchGraph", "missing_operators"]
