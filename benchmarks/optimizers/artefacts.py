"""Files that optimizers made, run as their makers recommend."""

import queue
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

import numpy as np

from tradewind.engines.openvino import core as the_core
from tradewind.engines.untracked import ort, ov
from tradewind.limits import available_cores
from tradewind.runners import Runner
from tradewind.tensors import Array, Signature, Tensors

Runtime = Literal["onnxruntime", "openvino"]
SIZES = (1, 8, 32, 64)
"""Batch sizes that are tried, where a graph takes more than one."""


@final
@dataclass(frozen=True)
class Setting:
    """How a file is run.

    Args:
        runtime: what runs it.
        batch_size: for which it is prepared.
        callers: threads that ask at the same time.
        threads: inside one answer; 0 lets the runtime take every core.
        hint: what OpenVINO is told to aim at.
    """

    runtime: Runtime
    batch_size: int
    callers: int = 1
    threads: int = 0
    hint: Literal["LATENCY", "THROUGHPUT"] = "LATENCY"

    @property
    def label(self) -> str:
        """The settings that matter, in a few words."""
        callers = f", {self.callers} callers" if self.callers > 1 else ""
        if self.runtime == "openvino":
            one = ", 1 thread" if self.threads == 1 else ""
            return f"batch {self.batch_size}, hint {self.hint.lower()}{one}{callers}"
        threads = "1 thread" if self.threads == 1 else "all threads"
        return f"batch {self.batch_size}, {threads}{callers}"


def settings(runtime: Runtime, size: int, *, is_throughput: bool) -> tuple[Setting, ...]:
    """Return the settings to choose from at a batch size, the likeliest first.

    Args:
        runtime: what runs the file.
        size: of the batch.
        is_throughput: whether several callers may ask at once.
    """
    cores = available_cores()
    plain = Setting(runtime, size)
    alone = Setting(runtime, size, threads=1)
    if cores == 1:
        return (plain,)
    if not is_throughput:
        return (plain, alone)
    if runtime == "openvino":
        return (Setting(runtime, size, cores, hint="THROUGHPUT"), plain)
    return (Setting(runtime, size, cores, threads=1), plain, alone)


def opened(file: Path, signature: Signature, setting: Setting) -> Runner:
    """Return what answers for a file."""
    if setting.runtime == "openvino":
        return _OpenVino(file, signature, setting)
    return _OnnxRuntime(file, signature, setting)


@final
class _OnnxRuntime(Runner):
    """A session of ONNX Runtime as its documentation opens one."""

    def __init__(self, file: Path, signature: Signature, setting: Setting) -> None:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = setting.threads
        self._session: Any = ort.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._signature = signature
        self._names = [spec.name for spec in signature.outputs]
        self._used = {value.name for value in self._session.get_inputs()}

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        given = {name: array for name, array in inputs.items() if name in self._used}
        return dict(zip(self._names, self._session.run(None, given), strict=True))

    def close(self) -> None:
        self._session = None


@final
class _OpenVino(Runner):
    """A graph compiled by OpenVINO for one batch size, with a request for every caller."""

    def __init__(self, file: Path, signature: Signature, setting: Setting) -> None:
        core = the_core()
        graph = core.read_model(str(file))
        if signature.has_free_batch:
            graph.reshape(
                {
                    port: ov.PartialShape([setting.batch_size, *list(port.get_partial_shape())[1:]])
                    for port in graph.inputs
                }
            )
        told: dict[str, str | int] = {"PERFORMANCE_HINT": setting.hint}
        if setting.threads:
            told["INFERENCE_NUM_THREADS"] = setting.threads
        compiled = core.compile_model(graph, "CPU", told)
        self._signature = signature
        self._idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(setting.callers):
            self._idle.put(compiled.create_infer_request())
        self._places = _places(compiled, signature)

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        request = self._idle.get()
        try:
            for name, place in self._places.items():
                array = np.ascontiguousarray(inputs[name])
                request.set_input_tensor(place, ov.Tensor(array, shared_memory=True))
            request.infer()
            return {
                spec.name: request.get_output_tensor(place).data.copy()
                for place, spec in enumerate(self._signature.outputs)
            }
        finally:
            self._idle.put(request)

    def close(self) -> None:
        self._idle = queue.SimpleQueue()


def _places(compiled: Any, signature: Signature) -> dict[str, int]:
    """Return where each input goes; a converted graph may have names of its own."""
    known = {name: place for place, port in enumerate(compiled.inputs) for name in port.names}
    wanted = [spec.name for spec in signature.inputs]
    if all(name in known for name in wanted):
        return {name: known[name] for name in wanted}
    return {name: place for place, name in enumerate(wanted)}
