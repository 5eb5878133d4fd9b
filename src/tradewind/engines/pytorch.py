"""PyTorch on the CPU or on a GPU, by way of the interpreter."""

import importlib.metadata
import importlib.util
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from tradewind.engines.engine import Engine, check_datatypes
from tradewind.engines.foreign import hint_about_foreign
from tradewind.errors import EngineError, TradewindError, UnsupportedModel
from tradewind.interpreter import TorchGraph
from tradewind.interpreter.datatypes import from_array, to_array
from tradewind.interpreter.pytorch import Tensor, torch
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Datatype, Signature, Tensors


@final
@dataclass(frozen=True)
class PyTorch(Engine):
    """A graph as PyTorch functions, on a GPU where there is one.

    Compiled, the operators are recorded once for each set of input shapes, without the
    arithmetic of sizes between them. On a GPU code is then generated for them and replayed as
    CUDA graphs, which takes a minute for each set; the project's own tests reach the CPU only.
    """

    name: ClassVar[str] = "pytorch"

    device: Literal["auto", "cpu"] = "auto"  # auto: a GPU where there is one
    precision: Literal["f32", "bf16"] = "f32"  # of products; the rest stays as it is
    is_compiled: bool = False

    @classmethod
    def is_installed(cls) -> bool:
        """Whether the extra `train` is there."""
        return importlib.util.find_spec("torch") is not None

    @classmethod
    def version(cls) -> str:
        return importlib.metadata.version("torch")

    @property
    def label(self) -> str:
        notes: list[str] = [] if self.device == "auto" else [self.device]
        notes += [] if self.precision == "f32" else [self.precision]
        notes += ["compiled"] if self.is_compiled else []
        return " ".join(["PyTorch", *([f"({', '.join(notes)})"] if notes else [])])

    def compile(self, model: Model) -> Runner:
        check_datatypes(model, "PyTorch", (Datatype.BYTES, Datatype.BF16))
        device = "cuda" if self.device == "auto" and torch.cuda.is_available() else "cpu"
        try:
            graph = TorchGraph(model, device=device)
        except UnsupportedModel as error:
            hint = error.hint or hint_about_foreign(model, self.name)
            raise UnsupportedModel(error.where, error.expected, error.got, hint) from error
        return _Computed(self, graph, model.signature, device)


@final
class _Computed(Runner):
    """One graph; any number of threads may compute it at once, unless it is compiled."""

    def __init__(
        self, engine: PyTorch, graph: TorchGraph, signature: Signature, device: str
    ) -> None:
        self._engine = engine
        self._graph: TorchGraph | None = graph
        self._signature = signature
        self._device = device
        self._recorded: dict[tuple[tuple[int, ...], ...], Callable[..., tuple[Tensor, ...]]] = {}
        self._lock = threading.Lock()
        for parameter in graph.parameters.values():
            parameter.requires_grad_(requires_grad=False)

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        graph = self._graph
        if graph is None:
            raise EngineError("pytorch", "an open runner", "one that was closed")
        given = []
        for spec in self._signature.inputs:
            array = np.asarray(inputs[spec.name])
            if array.dtype != spec.datatype.numpy:
                raise EngineError(f"pytorch: {spec.name}", f"{spec}", f"{array.dtype}")
            given.append(from_array(array).to(self._device))
        with torch.no_grad(), self._precision():
            if not self._engine.is_compiled:
                return self._arrays(self._answers(graph, *given))
            with self._lock:  # recording changes PyTorch's own state, a replay overwrites the last
                return self._arrays(self._replay(graph, given))

    def close(self) -> None:
        self._graph = None
        self._recorded.clear()

    def _precision(self) -> Any:
        is_lower = self._engine.precision == "bf16"
        return torch.autocast(self._device, torch.bfloat16, enabled=is_lower)

    def _answers(self, graph: TorchGraph, *given: Tensor) -> tuple[Tensor, ...]:
        names = [spec.name for spec in self._signature.inputs]
        answers = graph(dict(zip(names, given, strict=True)))
        return tuple(answers[spec.name] for spec in self._signature.outputs)

    def _arrays(self, answers: tuple[Tensor, ...]) -> dict[str, Array]:
        """Return answers in memory that is the caller's, in the types that are declared."""
        return {
            spec.name: np.array(to_array(tensor), spec.datatype.numpy)
            for spec, tensor in zip(self._signature.outputs, answers, strict=True)
        }

    def _replay(self, graph: TorchGraph, given: list[Tensor]) -> tuple[Tensor, ...]:
        key = tuple(tuple(tensor.shape) for tensor in given)
        found = self._recorded.get(key)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch's own, about its own parts
                if found is None:
                    found = self._recorded[key] = self._record(graph, given)
                return found(*given)
        except TradewindError:
            raise
        except Exception as error:  # whatever code generation raises
            reason = (
                f"{error}".strip().splitlines()[0] if f"{error}".strip() else type(error).__name__
            )
            raise EngineError("pytorch", "a graph that can be compiled", reason[:400]) from error

    def _record(self, graph: TorchGraph, given: list[Tensor]) -> Callable[..., tuple[Tensor, ...]]:
        """Return the graph as a function for inputs of these shapes.

        The interpreter computes sizes as it goes; what is recorded is what it did with tensors.
        """
        from torch.fx.experimental.proxy_tensor import make_fx

        recorded = make_fx(lambda *tensors: self._answers(graph, *tensors))(*given)
        mode = "reduce-overhead" if self._device != "cpu" else "default"
        found: Callable[..., tuple[Tensor, ...]] = torch.compile(recorded, dynamic=False, mode=mode)
        return found
