"""Small models with data that they answer rightly, and bundles made of them by hand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tradewind.budget import Budget
from tradewind.bundle import (
    SCHEMA,
    Manifest,
    Source,
    SplitSizes,
    VariantRecord,
    settings_of,
    write_bundle,
)
from tradewind.data import Preprocessing
from tradewind.engines import OnnxRuntime
from tradewind.importers import load_model
from tradewind.measure import this_machine
from tradewind.tensors import Array

FEATURES, CLASSES = 8, 3


@dataclass(frozen=True)
class Sample:
    """A model file beside a data file."""

    model: Path
    data: Path

    @property
    def folder(self) -> Path:
        return self.model.parent


def dense(
    random: np.random.Generator,
    *,
    batch: int | str = "N",
    layers: int = 1,
    output: str = "logits",
    opset: int = 17,
) -> onnx.ModelProto:
    """Return x [batch, 8] -> scores [batch, 3], through layers of 8 in between."""
    sizes = [FEATURES] * layers + [CLASSES]
    names = ["x", *[f"h{index}" for index in range(1, layers)], output]
    nodes, weights = [], []
    for index in range(layers):
        weight = random.standard_normal((sizes[index], sizes[index + 1])).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{index}"))
        nodes.append(helper.make_node("MatMul", [names[index], f"w{index}"], [names[index + 1]]))
    return _model(nodes, weights, (batch, FEATURES), (batch, CLASSES), "x", output, opset)


def convolution(random: np.random.Generator, *, side: int = 8) -> onnx.ModelProto:
    """Return image [N, 3, side, side] -> scores [N, 3]."""
    kernel = (random.standard_normal((CLASSES, 3, 3, 3)) / 5).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("ReduceMean", ["r"], ["scores"], axes=[2, 3], keepdims=0),
    ]
    weights = [numpy_helper.from_array(kernel, "k")]
    return _model(nodes, weights, ("N", 3, side, side), ("N", CLASSES), "image", "scores", 17)


def _model(
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    takes: tuple[int | str, ...],
    gives: tuple[int | str, ...],
    first: str,
    last: str,
    opset: int,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "sample",
        [helper.make_tensor_value_info(first, TensorProto.FLOAT, takes)],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, gives)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def scores(model: Path, inputs: dict[str, Array]) -> Array:
    """Return the first output, straight from ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs)[0])


def features(random: np.random.Generator, count: int) -> Array:
    """Return float32[count, 8]."""
    return random.standard_normal((count, FEATURES)).astype(np.float32)


def write_sample(folder: Path, random: np.random.Generator, count: int = 400) -> Sample:
    """Write a model with examples that it always answers rightly."""
    sample = Sample(folder / "model.onnx", folder / "data.npz")
    onnx.save(dense(random), sample.model)
    x = features(random, count)
    np.savez(sample.data, x=x, label=scores(sample.model, {"x": x}).argmax(axis=1))
    return sample


def write_by_hand(folder: Path, model: Path, preprocessing: Preprocessing | None = None) -> Path:
    """Write a bundle that holds the original alone, as a search without success would."""
    loaded = load_model(model)
    record = VariantRecord(
        variant="original",
        engine="onnxruntime",
        settings=settings_of(OnnxRuntime()),
        passes=(),
        description="as it was given",
        model="models/original.onnx",
        model_digest=loaded.digest,
        size_bytes=len(loaded.content),
    )
    manifest = Manifest(
        schema=SCHEMA,
        tradewind="0.1.0",
        created="2026-01-01T00:00:00+00:00",
        command="tradewind optimize model.onnx --data data.npz",
        source=Source("model.onnx", "onnx", loaded.digest, "data.npz", "0" * 64, 400),
        budget=Budget(),
        hardware=this_machine(),
        splits=SplitSizes(40, 120, 240, "0" * 64, 0),
        baseline=record,
        chosen=record,
        reason="made by hand",
        variants=(record,),
        refused=(),
        preprocessing=preprocessing,
        is_complete=True,
        elapsed_s=1.0,
    )
    target = folder / "model.tw"
    write_bundle(target, manifest, {"models/original.onnx": loaded}, "<!doctype html>")
    return target


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file in a folder by its name, with its bytes; folders end in a slash."""
    return {
        str(path.relative_to(folder)) + ("/" if path.is_dir() else ""): (
            b"" if path.is_dir() else path.read_bytes()
        )
        for path in sorted(folder.rglob("*"))
    }
