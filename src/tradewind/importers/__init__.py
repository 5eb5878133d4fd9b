"""Every format that trained models come in."""

from tradewind.importers.environments import ENVIRONMENTS, environment, install
from tradewind.importers.huggingface import HuggingFaceImporter
from tradewind.importers.importer import Importer
from tradewind.importers.jax import JaxFunction
from tradewind.importers.loading import IMPORTERS, TRUSTING, is_model, load_model
from tradewind.importers.metadata import notes_of
from tradewind.importers.named_code import names_factory
from tradewind.importers.onnx import OnnxImporter
from tradewind.importers.pytorch import TorchImporter
from tradewind.importers.sklearn import SklearnImporter
from tradewind.importers.tensorflow import TensorflowImporter

__all__ = [
    "ENVIRONMENTS",
    "IMPORTERS",
    "TRUSTING",
    "HuggingFaceImporter",
    "Importer",
    "JaxFunction",
    "OnnxImporter",
    "SklearnImporter",
    "TensorflowImporter",
    "TorchImporter",
    "environment",
    "install",
    "is_model",
    "load_model",
    "names_factory",
    "notes_of",
]
