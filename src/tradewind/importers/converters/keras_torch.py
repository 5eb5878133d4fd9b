"""Keras models by way of PyTorch, which Keras 3 computes with as well as with TensorFlow.

The notes hold `elsewhere`, which says why another way may manage what this one does not: as
[expected, got, hint], or None where the graph is written. Cells that remember are written out here,
frame after frame; TensorFlow's way keeps them whole.
"""

import os
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import onnx
import torch

from .channels import fold_channels
from .keras_files import looked_at
from .keras_models import CannotLoad, inputs_of, loaded, output_names, structure_of
from .torch_export import Answer, Arrays, Source, export

FREE = 5
"""The size of a dimension that may vary, besides the number of examples, where it is traced."""


def convert(request: dict[str, Any], target: Path) -> tuple[dict[str, Any], Answer]:
    """Write the graph; return the notes, with the answers of Keras.

    Args:
        request: `path`; `is_fixed`, whether the number of examples may not vary; `is_only`,
            whether there is no other way, so that files of Keras 2 are read too.
        target: the file to write.
    """
    torch.set_num_threads(1)
    path = Path(request["path"])
    if looked_at(path).is_legacy and not request["is_only"]:
        return {"elsewhere": ["a file of Keras 3", "one of Keras 2", ""]}, _nothing
    try:
        model = loaded(path, keras)
    except CannotLoad as error:
        return {"elsewhere": list(error.args)}, _nothing
    if any(hasattr(layer, "cell") for layer in model._flatten_layers()) and not request["is_only"]:
        return {"elsewhere": ["a graph of few operators", "one for every frame", ""]}, _nothing
    source, is_fixed = _source(model)
    try:
        notes, answer = export(source, target, is_fixed=is_fixed or request["is_fixed"])
    except ValueError as error:
        if len(error.args) != 3:
            raise
        return {"elsewhere": list(error.args)}, _nothing
    proto = onnx.load(target)
    fold_channels(proto.graph)
    onnx.save(proto, target)
    why = "" if is_fixed else notes["fixed"]  # what the file says itself needs no telling
    return {"elsewhere": None, "fixed": why}, answer


def _nothing(inputs: Arrays, inside: list[str]) -> Arrays:
    raise AssertionError


def _source(model: Any) -> tuple[Source, bool]:
    """Return what to export, with whether the file fixes the number of examples."""
    inputs = inputs_of(model)
    example, free = {}, {}
    for name, value in inputs.items():
        kind = keras.backend.standardize_dtype(value.dtype)
        if kind == "string":
            hint = "leave the preprocessing of texts out of the saved model."
            raise ValueError("inputs of numbers", f"texts at {name!r}", hint)
        sizes = [FREE if size is None else size for size in value.shape]
        if value.shape and value.shape[0] is None:
            sizes[0] = 2
        random = torch.randn(sizes) if "float" in kind else torch.zeros(sizes)
        example[name] = random.to(getattr(torch, kind))
        free[name] = {
            axis: f"{name}_{axis}" for axis, size in enumerate(value.shape) if axis and size is None
        }
    module = _Named(model, structure_of(model, "inputs"), output_names(model))
    is_fixed = any(not value.shape or value.shape[0] is not None for value in inputs.values())
    return Source(module, example, module, free, batch="N"), is_fixed


class _Named(torch.nn.Module):  # type: ignore[misc]
    """A model that takes its inputs one after the other and returns its outputs by name.

    Args:
        inner: the model, which is a module of PyTorch here.
        structure: in which it takes its inputs.
        names: of its outputs.
    """

    def __init__(self, inner: Any, structure: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.inner = inner
        self._structure = structure
        self._names = names

    def forward(self, *values: Any) -> dict[str, Any]:
        given = keras.tree.pack_sequence_as(self._structure, list(values))
        found = keras.tree.flatten(self.inner(given, training=False))
        return dict(zip(self._names, found, strict=True))
