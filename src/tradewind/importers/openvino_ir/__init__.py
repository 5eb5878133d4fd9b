"""OpenVINO's graphs rewritten as ONNX."""

from tradewind.importers.openvino_ir.converting import OPERATORS, to_onnx
from tradewind.importers.openvino_ir.importing import import_graph

__all__ = ["OPERATORS", "import_graph", "to_onnx"]
