"""OpenVINO on the CPU."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ClassVar, Literal, final

import numpy as np
import openvino as ov

from tradewind.engines.engine import Engine
from tradewind.errors import EngineError, SettingError
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Datatype, Signature, Tensors


@final
@dataclass(frozen=True)
class OpenVINO(Engine):
    """The CPU plug-in of OpenVINO.

    A graph whose batch size is known compiles to faster code than one whose batch size is
    free, so the sizes in `batch_sizes` are compiled on their own the first time they are asked
    for; every other size is answered by the graph as it stands.
    """

    name: ClassVar[str] = "openvino"

    precision: Literal["f32", "bf16", "f16"] = "f32"  # of the arithmetic, not of the weights
    threads: int = 0  # over all streams; 0 lets the runtime take every core
    streams: int = 1  # requests computed side by side
    batch_sizes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise SettingError("threads", "0 or more", str(self.threads))
        if self.streams < 1:
            raise SettingError("streams", "1 or more", str(self.streams))
        if any(size < 1 for size in self.batch_sizes):
            raise SettingError("batch_sizes", "sizes of 1 or more", str(self.batch_sizes))

    @classmethod
    def version(cls) -> str:
        return str(ov.__version__).split("-")[0]

    @classmethod
    def precisions(cls) -> tuple[Literal["f32", "bf16", "f16"], ...]:
        """The kinds of arithmetic that this machine's CPU computes in itself."""
        able = ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        has_bf16, has_f16 = "BF16" in able, "FP16" in able
        return ("f32", *(("bf16",) if has_bf16 else ()), *(("f16",) if has_f16 else ()))

    @property
    def label(self) -> str:
        notes: list[str] = [] if self.precision == "f32" else [self.precision]
        notes += [f"{self.threads} threads"] if self.threads else []
        notes += [f"{self.streams} streams"] if self.streams > 1 else []
        return " ".join(["OpenVINO", *([f"({', '.join(notes)})"] if notes else [])])

    def compile(self, model: Model) -> Runner:
        if any(spec.datatype is Datatype.BYTES for spec in model.signature.inputs):
            raise EngineError(model.origin.source, "a model that OpenVINO can run", "string inputs")
        compiled = _Compiled(self, model)
        compiled.prepare(None)  # an unsupported operator shows here, not at the first request
        return compiled

    @property
    def properties(self) -> dict[str, str | int]:
        """The settings as the runtime names them."""
        chosen: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY" if self.streams == 1 else "THROUGHPUT",
            "NUM_STREAMS": self.streams,
            "INFERENCE_PRECISION_HINT": self.precision,
        }
        if self.threads:
            chosen["INFERENCE_NUM_THREADS"] = self.threads
        return chosen


class _Requests:
    """The idle inference requests of one compiled graph."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        self._idle: SimpleQueue[ov.InferRequest] = SimpleQueue()

    @contextlib.contextmanager
    def one(self) -> Iterator[ov.InferRequest]:
        """Lend a request to one thread; a new one is made when none is idle."""
        request = self._compiled.create_infer_request() if self._idle.empty() else self._take()
        try:
            yield request
        finally:
            self._idle.put(request)

    def _take(self) -> ov.InferRequest:
        try:
            return self._idle.get_nowait()
        except Exception:  # another thread was quicker between the two calls
            return self._compiled.create_infer_request()


@final
class _Compiled(Runner):
    """One model compiled for the batch sizes that were asked for."""

    def __init__(self, engine: OpenVINO, model: Model) -> None:
        self._engine = engine
        self._model = model
        self._by_size: dict[int | None, _Requests] = {}
        self._lock = threading.Lock()
        self._core = ov.Core()

    @property
    def signature(self) -> Signature:
        return self._model.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        requests = self.prepare(self._size(inputs))
        # a shared tensor needs memory in order; what a request holds is set anew every time
        tensors = {
            spec.name: ov.Tensor(np.ascontiguousarray(inputs[spec.name]), shared_memory=True)
            for spec in self.signature.inputs
        }
        try:
            with requests.one() as request:
                for index, spec in enumerate(self.signature.inputs):
                    request.set_input_tensor(index, tensors[spec.name])
                request.infer()
                return {
                    spec.name: request.get_output_tensor(index).data.copy()
                    for index, spec in enumerate(self.signature.outputs)
                }
        except RuntimeError as error:
            raise EngineError("openvino", "an answer", _reason(error)) from error

    def prepare(self, size: int | None) -> _Requests:
        """Compile for one batch size (None: any), unless that was done before."""
        found = self._by_size.get(size)
        if found is not None:
            return found
        with self._lock:
            if size not in self._by_size:
                self._by_size[size] = _Requests(self._compile(size))
            return self._by_size[size]

    def close(self) -> None:
        self._by_size.clear()

    def _size(self, inputs: Tensors) -> int | None:
        if not self._engine.batch_sizes or not self.signature.has_free_batch:
            return None
        size = len(inputs[self.signature.inputs[0].name])
        return size if size in self._engine.batch_sizes else None

    def _compile(self, size: int | None) -> ov.CompiledModel:
        try:
            graph = self._core.read_model(self._model.content)
            if size is not None:
                graph.reshape(
                    {
                        port: ov.PartialShape([size, *list(port.get_partial_shape())[1:]])
                        for port in graph.inputs
                    }
                )
            return self._core.compile_model(graph, "CPU", self._engine.properties)
        except RuntimeError as error:
            raise EngineError(
                self._model.origin.source,
                "a model that OpenVINO can run",
                _reason(error),
            ) from error


def _reason(error: Exception) -> str:
    """Return the line of OpenVINO's message that says what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check "))]
    return (telling or lines or [type(error).__name__])[-1 if telling else 0][:400]
