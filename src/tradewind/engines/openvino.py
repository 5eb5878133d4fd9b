"""OpenVINO on the CPU."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import ClassVar, Literal, final

import numpy as np

from tradewind.engines.engine import Engine, check_datatypes, threads_note
from tradewind.engines.flattening import flatten_softmax
from tradewind.engines.foreign import hint_about_foreign
from tradewind.engines.infinities import repair_maxima
from tradewind.engines.known_wrong import refuse_known_wrong, refuse_newer_attributes
from tradewind.engines.openvino_steps import Merged, executed, merged
from tradewind.engines.openvino_wrong import NEWEST_OPSET, OPENVINO_WRONG
from tradewind.engines.packing import computes_weights, has_packed_weights
from tradewind.engines.profiling import Step, quickest
from tradewind.engines.reductions import repair_reductions
from tradewind.engines.ties import keep_order_of_ties
from tradewind.engines.untracked import ov
from tradewind.errors import EngineError, SettingError, UnsupportedModel
from tradewind.limits import limited_cores
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec, names


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
        return importlib.metadata.version("openvino")

    @classmethod
    def precisions(cls) -> tuple[Literal["f32", "bf16", "f16"], ...]:
        """The kinds of arithmetic that this machine's CPU computes in itself."""
        able = core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        has_bf16, has_f16 = "BF16" in able, "FP16" in able
        return ("f32", *(("bf16",) if has_bf16 else ()), *(("f16",) if has_f16 else ()))

    @property
    def label(self) -> str:
        notes: list[str] = [] if self.precision == "f32" else [self.precision]
        notes += [threads_note(self.threads)] if self.threads else []
        notes += [f"{self.streams} streams"] if self.streams > 1 else []
        sizes = "+".join(map(str, self.batch_sizes))
        notes += [f"batch {sizes}"] if sizes else []
        return " ".join(["OpenVINO", *([f"({', '.join(notes)})"] if notes else [])])

    def compile(self, model: Model) -> Runner:
        check_datatypes(model, "OpenVINO", (Datatype.BYTES, Datatype.BF16))
        refuse_known_wrong(model, "OpenVINO", OPENVINO_WRONG)
        refuse_newer_attributes(model, "OpenVINO", NEWEST_OPSET)
        compiled = _Compiled(self, model)
        compiled.prepare(None)  # an unsupported operator shows here, not at the first request
        return compiled

    def profile(self, model: Model, batches: Sequence[Tensors]) -> list[Step]:
        compiled = _Compiled(self, model, {"PERF_COUNT": True})
        try:
            return quickest([compiled.steps(batch) for batch in batches])
        finally:
            compiled.close()

    @property
    def properties(self) -> dict[str, str | int]:
        """The settings as the runtime names them."""
        chosen: dict[str, str | int] = {
            "PERFORMANCE_HINT": "LATENCY" if self.streams == 1 else "THROUGHPUT",
            "NUM_STREAMS": self.streams,
            "INFERENCE_PRECISION_HINT": self.precision,
        }
        if threads := self.threads or limited_cores():
            chosen["INFERENCE_NUM_THREADS"] = threads
        return chosen


@functools.cache
def core() -> ov.Core:
    """Return the one core of this process.

    Each new one installs a signal stack of its own on CPUs that may have AMX; when one of several
    is gone, the next signal, such as that of Ctrl-C, finds its stack unmapped.
    """
    return ov.Core()


class _Requests:
    """The idle inference requests of one compiled graph."""

    def __init__(self, compiled: ov.CompiledModel) -> None:
        self._compiled = compiled
        # an input that nothing depends on is dropped from the graph, which moves the others
        self.positions: dict[str, int] = {
            name: index for index, port in enumerate(compiled.inputs) for name in port.get_names()
        }
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

    def __init__(
        self, engine: OpenVINO, model: Model, also: Mapping[str, bool] | None = None
    ) -> None:
        self._engine = engine
        self._properties = {
            **engine.properties,
            **(also or {}),
            **(_ONE_STREAM if has_packed_weights(model) else {}),
        }
        self._model = model
        self._by_size: dict[int | None, _Requests] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._merged: Merged = {}

    @property
    def signature(self) -> Signature:
        return self._model.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        if self._is_closed:
            raise EngineError("openvino", "an open runner", "one that was closed")
        requests = self.prepare(self._size(inputs))
        used = [spec for spec in self.signature.inputs if spec.name in requests.positions]
        try:
            tensors = {requests.positions[spec.name]: _tensor(spec, inputs) for spec in used}
            with requests.one() as request:
                # what a request holds is set anew every time: it shares the callers' memory
                for index, tensor in tensors.items():
                    request.set_input_tensor(index, tensor)
                request.infer()
                return {
                    spec.name: _answer(spec, request.get_output_tensor(index).data)
                    for index, spec in enumerate(self.signature.outputs)
                }
        except (RuntimeError, TypeError, ValueError) as error:  # all three come from its binding
            raise EngineError("openvino", "an answer", _reason(error)) from error

    def steps(self, inputs: Tensors) -> list[Step]:
        """Answer, and return what that consisted of; the graph was compiled with counters."""
        self(inputs)
        with self.prepare(self._size(inputs)).one() as request:  # the one that has just answered
            self._merged = self._merged or merged(request.get_compiled_model())
            return executed(request, self._merged)

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
        self._is_closed = True
        self._by_size.clear()

    def _size(self, inputs: Tensors) -> int | None:
        if not self._engine.batch_sizes or not self.signature.has_free_batch:
            return None
        size = len(inputs[self.signature.inputs[0].name])
        return size if size in self._engine.batch_sizes else None

    def _name_inputs(self, graph: ov.Model) -> None:
        """Give the inputs their own names, in place of those of what only hands them on.

        Raises:
            UnsupportedModel: which input is which cannot be told.
        """
        specs = self._used_inputs()
        lost = [p for p in graph.inputs if not any(s.name in p.get_names() for s in specs)]
        known = {name for port in graph.inputs for name in port.get_names()}
        left = [spec for spec in specs if spec.name not in known]
        if len(left) > len(lost):  # some of them have no influence, and were dropped
            ranks = {port.get_partial_shape().rank.get_length() for port in lost}
            left = [spec for spec in left if len(spec.shape) in ranks]
        if len(left) != len(lost):
            where = self._model.origin.source
            raise UnsupportedModel(where, f"the inputs {names(specs)}", ", ".join(sorted(known)))
        for spec, port in zip(left, lost, strict=True):  # both in the order of the file
            port.get_tensor().set_names({spec.name})

    def _used_inputs(self) -> tuple[TensorSpec, ...]:
        """Return the inputs that something depends on; the runtime drops the others."""
        used = {
            value.name
            for value in self._model.graph.graph.inputs
            if value.uses() or value.is_graph_output()
        }
        return tuple(spec for spec in self.signature.inputs if spec.name in used)

    def _compile(self, size: int | None) -> ov.CompiledModel:
        try:
            graph = core().read_model(self._model.content)
            self._name_inputs(graph)
            repair_reductions(graph)
            flatten_softmax(graph, self._model.graph.opset_imports.get("", 0))
            repair_maxima(graph)
            keep_order_of_ties(graph)
            if size is not None:
                graph.reshape(
                    {
                        port: ov.PartialShape([size, *list(port.get_partial_shape())[1:]])
                        for port in graph.inputs
                    }
                )
            compiled = core().compile_model(graph, "CPU", self._properties)
            if self._properties["NUM_STREAMS"] == 1 or not computes_weights(compiled):
                return compiled
            self._properties |= _ONE_STREAM
            return core().compile_model(graph, "CPU", self._properties)
        except RuntimeError as error:
            raise UnsupportedModel(
                self._model.origin.source,
                "a model that OpenVINO can run",
                _reason(error),
                hint_about_foreign(self._model, self._engine.name),
            ) from error


def _tensor(spec: TensorSpec, inputs: Tensors) -> ov.Tensor:
    """Return what was given for one input, in memory that the runtime can read.

    Raises:
        EngineError: an integer needs more than 32 bits; the CPU plug-in would drop the others.
            Or a number is larger than float32 holds, in which it computes.
    """
    array = np.asarray(inputs[spec.name], order="C")
    if spec.datatype is Datatype.FP64 and (np.abs(array) > _FLOAT32_MAX).any():
        got = "a larger one, or infinity"
        raise EngineError(f"openvino: {spec.name}", "numbers that float32 can hold", got)
    if spec.datatype in (Datatype.INT64, Datatype.UINT64) and array.size:
        low, high = int(array.min()), int(array.max())
        if low < _INT32.min or high > _INT32.max:
            got = str(low if low < _INT32.min else high)
            raise EngineError(f"openvino: {spec.name}", "integers of 32 bits at most", got)
    # sharing needs memory that may be written, which a view of a request's bytes is not
    return ov.Tensor(array, shared_memory=array.flags.writeable)


def _answer(spec: TensorSpec, array: Array) -> Array:
    """Return a copy of one output.

    Raises:
        EngineError: its shape is another than the model's signature says, or it is doubles that
            were infinite before the plug-in turned them into the largest float32.
    """
    if not spec.fits(array.shape):
        got = f"shape {list(array.shape)}"
        raise EngineError(f"openvino: {spec.name}", f"shape {list(spec.shape)}", got)
    if spec.datatype is Datatype.FP64 and (np.abs(array) == _FLOAT32_MAX).any():
        raise EngineError(f"openvino: {spec.name}", "numbers that float32 can hold", "infinity")
    return array.copy()


_ONE_STREAM = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
"""Several streams unpack weights at the same time into the same memory; answers are then garbage,
once in twenty compilations or nearly always."""

_INT32 = np.iinfo(np.int32)
_FLOAT32_MAX = float(np.finfo(np.float32).max)


def _reason(error: Exception) -> str:
    """Return the line of OpenVINO's message that says what is wrong."""
    lines = [line.strip(" -") for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(_EMPTY_PHRASES)]
    return (telling or lines or [type(error).__name__])[-1 if telling else 0][:400]


_EMPTY_PHRASES = (
    "Exception from", "Check ", "FrontEnd API failed", "Model wasn't", "Summary:", "To facilitate",
)  # fmt: skip
