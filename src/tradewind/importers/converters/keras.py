"""Keras models of both generations, by way of TensorFlow."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import tensorflow as tf
import tf_keras

from .keras_files import looked_at
from .tf_functions import Arrays, Function, convert_function

_EXPORT = "where it was trained, write `model.export('folder')` and give that folder."


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[Arrays, list[str]], Arrays]]:
    """Write the graph; return nothing more, with the answers of Keras."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    path = Path(request["path"])
    file = looked_at(path)
    model = _loaded(path, tf_keras if file.is_legacy else keras)
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False) and hasattr(layer, "cell"):
            hint = "build it again with `stateful=False`, and hand the state over as an input."
            raise ValueError("layers without a memory of their own", layer.name, hint)
    return {}, convert_function(_function(model), target)


def _loaded(path: Path, library: Any) -> Any:
    try:
        return library.models.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError, ImportError, AttributeError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [""]
        raise ValueError("a model that Keras can load", lines[0][:300], _EXPORT) from error


def _function(model: Any) -> Function:
    inputs = getattr(model, "inputs", None)
    if not inputs:
        hint = "call it on an example before you save it, or begin it with `keras.Input`."
        raise ValueError("a model with known inputs", "one that was never called", hint)
    names = _unique([_plain(value.name) for value in inputs])
    specs = {
        name: tf.TensorSpec(value.shape, value.dtype)
        for name, value in zip(names, inputs, strict=True)
    }
    structure = _structure(model, "inputs")

    def call(*arguments: Any) -> list[Any]:
        found = model(tf.nest.pack_sequence_as(structure, list(arguments)), training=False)
        return list(tf.nest.flatten(found))

    return Function(call, specs, _unique(_output_names(model)))


def _structure(model: Any, kind: str) -> Any:
    """Return inputs or outputs as the model was built with: one, a list or a dictionary."""
    for holder in (getattr(model, "_functional", None), model):  # Keras 3 wraps sequences of layers
        for name in (f"_{kind}_struct", f"_nested_{kind}"):
            found = getattr(holder, name, None)
            if found is not None:
                return found
    values = getattr(model, kind)
    return values if len(values) > 1 else values[0]


def _output_names(model: Any) -> list[str]:
    structure = _structure(model, "outputs")
    if isinstance(structure, dict):
        return sorted(structure)
    holder = getattr(model, "_functional", None) or model
    names = list(getattr(holder, "output_names", []))
    count = len(model.outputs)
    if len(names) != count:
        names = [f"output_{i}" for i in range(count)] if count > 1 else ["output"]
    return [_plain(name) for name in names]


def _plain(name: str) -> str:
    return name.partition(":")[0]


def _unique(names: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name}_{len(found)}")
    return tuple(found)
