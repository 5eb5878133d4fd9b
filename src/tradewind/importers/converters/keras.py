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
from .keras_models import inputs_of, loaded, output_names, structure_of
from .tf_functions import Arrays, Function, convert_function


def convert(
    request: dict[str, Any], target: Path
) -> tuple[dict[str, Any], Callable[[Arrays, list[str]], Arrays]]:
    """Write the graph; return nothing more, with the answers of Keras."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    path = Path(request["path"])
    file = looked_at(path)
    model = loaded(path, tf_keras if file.is_legacy else keras)
    return {}, convert_function(_function(model), target)


def _function(model: Any) -> Function:
    specs = {
        name: tf.TensorSpec(value.shape, value.dtype) for name, value in inputs_of(model).items()
    }
    structure = structure_of(model, "inputs")

    def call(*arguments: Any) -> list[Any]:
        found = model(tf.nest.pack_sequence_as(structure, list(arguments)), training=False)
        return list(tf.nest.flatten(found))

    return Function(call, specs, output_names(model))
