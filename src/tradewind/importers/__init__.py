"""Every format that trained models come in."""

from tradewind.importers.importer import Importer
from tradewind.importers.loading import IMPORTERS, load_model
from tradewind.importers.onnx import OnnxImporter

__all__ = ["IMPORTERS", "Importer", "OnnxImporter", "load_model"]
