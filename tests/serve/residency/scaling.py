"""Tiny ONNX models that multiply by a number, in files and directories."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tradewind.engines import OnnxRuntime
from tradewind.errors import ModelError
from tradewind.model import Model, Origin
from tradewind.serve import ServedModel
from tradewind.serve.residency import Compile


def write(path: Path, factor: float, ballast_bytes: int = 0) -> Path:
    """Write y = factor * x, float32[N], all at once; with weights that do nothing else."""
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["x", "zero"], ["first"]),
            helper.make_node("Cast", ["first"], ["index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["ballast", "index"], ["nothing"]),
            helper.make_node("Mul", ["x", "factor"], ["product"]),
            helper.make_node("Add", ["product", "nothing"], ["y"]),
        ]
        if ballast_bytes
        else [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "scaling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])],
        [
            numpy_helper.from_array(np.array([factor], np.float32), "factor"),
            numpy_helper.from_array(np.array([0], np.float32), "zero"),
            numpy_helper.from_array(
                np.arange(max(1, ballast_bytes // 4), dtype=np.float32), "ballast"
            ),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.part")
    onnx.save(proto, half)
    half.replace(path)
    return path


def opener(path: Path, name: str, version: str) -> Compile:
    """Open a file as `tradewind serve` does."""
    try:
        model = Model(path.read_bytes(), Origin("onnx", path.name))
    except OSError as error:
        raise ModelError(str(path), "a file", str(error)) from error
    return partial(_compile, model, name, version)


def _compile(model: Model, name: str, version: str) -> ServedModel:
    runner = OnnxRuntime(threads=1).compile(model)
    return ServedModel(name, runner, "onnx_onnxruntime", version, digest=model.digest)


def link_many(folder: Path, source: Path, count: int) -> None:
    """Fill a folder with links to one file, which take no room."""
    for number in range(count):
        os.link(source, folder / f"m{number:04d}.onnx")
