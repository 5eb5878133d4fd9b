"""The models that every server answers for, each with one request."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import onnx
import onnxruntime as ort
from benchmarks.serving.text_model import SENTENCE, VOCABULARY, text_model

from tradewind.errors import SettingError
from tradewind.tensors import Array

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
"""Where the trained models lie unless it is said otherwise."""

_FLOOR_S = 0.010  # below this, the target would measure the scheduler of the system
_TIMES = 5.0  # the bare latency that a client puts up with


@final
@dataclass(frozen=True)
class Workload:
    """One model with one request of one example."""

    name: str
    file: Path
    input_name: str
    output_name: str
    example: Array  # batch 1

    @cached_property
    def answer(self) -> Array:
        """What the model answers, straight from ONNX Runtime."""
        session = bare_session(self.file)
        return np.asarray(session.run([self.output_name], {self.input_name: self.example})[0])

    @cached_property
    def bare_s(self) -> float:
        """The median latency of this request in ONNX Runtime on one thread."""
        session = bare_session(self.file)
        found: list[float] = []
        until = time.perf_counter() + 0.5
        while len(found) < 20 or time.perf_counter() < until:
            begin = time.perf_counter()
            session.run([self.output_name], {self.input_name: self.example})
            found.append(time.perf_counter() - begin)
        return statistics.median(found)

    @property
    def target_s(self) -> float:
        """The latency that counts as in time: 5 times the bare one, at least 10 ms."""
        return max(_FLOOR_S, _TIMES * self.bare_s)


def bare_session(file: Path, threads: int = 1) -> ort.InferenceSession:
    """Open a model in ONNX Runtime as the peers do."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def workload(name: str, folder: Path, data: Path = DATA) -> Workload:
    """Make one of `WORKLOADS`.

    Args:
        name: of the model.
        folder: where its file is written.
        data: the folder with trained models.

    Raises:
        SettingError: there is no such model, or its file is missing.
    """
    if name not in WORKLOADS:
        raise SettingError("--models", f"one of {', '.join(WORKLOADS)}", name)
    return WORKLOADS[name](folder, data)


def _tiny(folder: Path, _data: Path) -> Workload:
    """4 x 4 matrix product: what remains is the cost of serving."""
    file = folder / "tiny.onnx"
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "tiny",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 4])],
        [onnx.numpy_helper.from_array((10 * np.eye(4)).astype(np.float32), "w")],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), file)
    example = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    return Workload("tiny", file, "x", "y", example)


def _resnet20(folder: Path, data: Path) -> Workload:
    """ResNet-20 for CIFAR-10, trained."""
    source = data / "cifar10_resnets" / "resnet20.onnx"
    if not source.is_file():
        raise SettingError("--data", "a folder with cifar10_resnets/resnet20.onnx", str(data))
    file = folder / "resnet20.onnx"
    file.write_bytes(source.read_bytes())
    example = np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)
    return Workload("resnet20", file, "input", "logits", example)


def _text(folder: Path, _data: Path) -> Workload:
    """An encoder of four layers with random weights, for sentences of 64 tokens."""
    file = folder / "text.onnx"
    onnx.save(text_model(), file)
    tokens = np.random.default_rng(0).integers(VOCABULARY, size=(1, SENTENCE), dtype=np.int64)
    return Workload("text", file, "tokens", "logits", tokens)


WORKLOADS: dict[str, Callable[[Path, Path], Workload]] = {
    "tiny": _tiny,
    "resnet20": _resnet20,
    "text": _text,
}
"""How each model is made."""
