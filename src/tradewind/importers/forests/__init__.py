"""Ensembles of decision trees: read from files of their own format, written as ONNX."""

from tradewind.importers.forests.forest import Feature, Forest, Tree
from tradewind.importers.forests.importing import import_file, import_forest
from tradewind.importers.forests.writing import write

__all__ = ["Feature", "Forest", "Tree", "import_file", "import_forest", "write"]
