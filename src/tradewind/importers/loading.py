"""The way from a file name or an object to a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tradewind.errors import ModelError
from tradewind.importers.catboost import CatboostImporter
from tradewind.importers.freeing import freed
from tradewind.importers.huggingface import HuggingFaceImporter
from tradewind.importers.importer import Importer
from tradewind.importers.jax import JaxImporter
from tradewind.importers.keras import KerasImporter
from tradewind.importers.lightgbm import LightgbmImporter
from tradewind.importers.lookalikes import lookalike
from tradewind.importers.named_code import names_factory
from tradewind.importers.onnx import OnnxImporter
from tradewind.importers.openvino import OpenVinoImporter
from tradewind.importers.paddle import PaddleImporter
from tradewind.importers.pickles import PickleImporter
from tradewind.importers.pytorch import TorchImporter
from tradewind.importers.sklearn import SklearnImporter
from tradewind.importers.tensorflow import TensorflowImporter
from tradewind.importers.tflite import TfliteImporter
from tradewind.importers.xgboost import XgboostImporter
from tradewind.model import Model
from tradewind.tensors import Datatype

IMPORTERS: tuple[Importer, ...] = (
    XgboostImporter(),
    LightgbmImporter(),
    CatboostImporter(),
    SklearnImporter(),
    TfliteImporter(),
    KerasImporter(),
    TensorflowImporter(),
    JaxImporter(),
    TorchImporter(),
    HuggingFaceImporter(),
    OpenVinoImporter(),
    PaddleImporter(),
    OnnxImporter(),
)
"""Every importer, asked in this order; ONNX, which no magic number tells, comes last."""

TRUSTING: tuple[Importer, ...] = (
    JaxImporter(trusts_pickle=True),
    TorchImporter(trusts_pickle=True),
    HuggingFaceImporter(trusts_pickle=True),
    PickleImporter(),
)
"""Importers that unpickle, asked before the others and only where the caller trusts the file."""


def load_model(
    source: object,
    *,
    columns: Mapping[str, Datatype] | None = None,
    weights: str | Path | None = None,
    inputs: Any = None,
    signature: str | None = None,
    trust_pickle: bool = False,
) -> Model:
    """Import a trained model; the content decides its format.

    Args:
        source: a file or folder by name, `package.module:function` that builds a PyTorch module
            or is a function of JAX, or a model in memory (`onnx.ModelProto`, fitted scikit-learn
            estimator, `torch.nn.Module`, `JaxFunction` …).
        columns: the columns of a scikit-learn estimator, as `SklearnImporter` takes them.
        weights: the file of weights for a module that a function builds, or for a function of JAX.
        inputs: what a PyTorch module or a function of JAX takes, as `TorchImporter` and
            `JaxImporter` take it.
        signature: which one of a SavedModel, as `TensorflowImporter` takes it.
        trust_pickle: unpickle the file, in a child process without network; whoever made it can
            run what they like in there.

    Raises:
        ModelError: there is no such file, or it cannot be imported.
    """
    known = Path(source) if isinstance(source, str) else source
    if isinstance(known, Path) and not names_factory(known):
        _check_file(known)
    importers = (*(TRUSTING if trust_pickle else ()), *IMPORTERS)
    if columns is not None:
        importers = (SklearnImporter(columns),)
    if weights is not None or inputs is not None:
        file = None if weights is None else Path(weights)
        importers = (
            JaxImporter(file, inputs, trust_pickle),
            TorchImporter(file, inputs, trust_pickle),
        )
    if signature is not None:
        importers = (TensorflowImporter(signature),)
    for importer in importers:
        if isinstance(known, Path) and isinstance(importer, OnnxImporter):
            _check_kind(known)
        if importer.matches(known):
            return freed(importer.load(known))
    name = known.name if isinstance(known, Path) else type(known).__name__
    if signature is not None:
        hint = "leave the signature out."
        raise ModelError(name, "a SavedModel for a signature", "another format", hint)
    if columns is not None:
        hint = "leave the columns out."
        raise ModelError(name, "a scikit-learn estimator for columns", "another format", hint)
    if weights is not None or inputs is not None:
        hint = "leave weights and inputs out."
        raise ModelError(
            name,
            "a PyTorch module or function of JAX for weights or inputs",
            "another format",
            hint,
        )
    hint = "export the model to ONNX."
    raise ModelError(name, "a model in a format that Tradewind reads", "another format", hint)


def is_model(path: Path) -> bool:
    """Say whether an importer takes the file or folder at `path`; it may still be damaged."""
    return any(importer.matches(path) for importer in (*TRUSTING, *IMPORTERS))


def _check_file(path: Path) -> None:
    try:
        if not path.exists():
            raise ModelError(str(path), "a model file", "nothing under that name")
        if not path.is_dir() and not path.is_file():
            raise ModelError(str(path), "a model file", "a device or pipe")
        if not path.stat().st_size:
            hint = "the disk was full, or a download never began."
            raise ModelError(str(path), "a model file", "an empty file", hint)
        if path.is_file():
            with path.open("rb"):
                pass
    except (OSError, ValueError) as error:  # no permission, or a name that no file can have
        raise ModelError(str(path), "a readable file", str(error)) from error


def _check_kind(path: Path) -> None:
    """Raise when a file that no other importer took is known not to be ONNX."""
    kind = lookalike(path)
    if kind is not None:
        raise ModelError(str(path), "a model that can be imported", kind.name, kind.hint)
