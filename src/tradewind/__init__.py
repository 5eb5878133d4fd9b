"""Run a trained model as cheaply as its owner's promise allows, with the evidence.

>>> import tradewind
>>> model = tradewind.load_model("model.onnx")
>>> dataset = tradewind.open_dataset("test.npz", model.signature)
>>> outcome = tradewind.optimize(model, dataset, tradewind.Budget(max_drop=0.01))

Names are loaded when they are first used, so that importing costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.budget import Budget
    from tradewind.bundle import Bundle, open_bundle, write_bundle
    from tradewind.client import AsyncClient, Client
    from tradewind.data import ArrayDataset, Dataset, Preprocessing, open_dataset
    from tradewind.engines import OnnxRuntime, OpenVINO
    from tradewind.errors import TradewindError
    from tradewind.evidence import Certificate
    from tradewind.importers import load_model
    from tradewind.model import Model
    from tradewind.report import page
    from tradewind.search import Outcome, SearchSettings, optimize, pack

__version__ = "0.1.0"

_HOMES = {
    "ArrayDataset": "data",
    "AsyncClient": "client",
    "Budget": "budget",
    "Bundle": "bundle",
    "Certificate": "evidence",
    "Client": "client",
    "Dataset": "data",
    "Model": "model",
    "OnnxRuntime": "engines",
    "OpenVINO": "engines",
    "Outcome": "search",
    "Preprocessing": "data",
    "SearchSettings": "search",
    "TradewindError": "errors",
    "load_model": "importers",
    "open_bundle": "bundle",
    "open_dataset": "data",
    "optimize": "search",
    "pack": "search",
    "page": "report",
    "write_bundle": "bundle",
}

__all__ = [
    "ArrayDataset",
    "AsyncClient",
    "Budget",
    "Bundle",
    "Certificate",
    "Client",
    "Dataset",
    "Model",
    "OnnxRuntime",
    "OpenVINO",
    "Outcome",
    "Preprocessing",
    "SearchSettings",
    "TradewindError",
    "load_model",
    "open_bundle",
    "open_dataset",
    "optimize",
    "pack",
    "page",
    "write_bundle",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tradewind' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tradewind.{_HOMES[name]}"), name)
