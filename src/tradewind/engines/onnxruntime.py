"""ONNX Runtime on the CPU."""

from dataclasses import dataclass
from typing import ClassVar, Literal, final

from tradewind.engines.engine import Engine, check_datatypes
from tradewind.engines.untracked import ort
from tradewind.errors import EngineError, SettingError, UnsupportedModel
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Array, Datatype, Signature, Tensors

_OPTIMIZATION = {
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


@final
@dataclass(frozen=True)
class OnnxRuntime(Engine):
    """The CPU execution provider; its default settings are the field's usual baseline."""

    name: ClassVar[str] = "onnxruntime"

    threads: int = 0  # inside one operator; 0 lets the runtime take every core
    optimization: Literal["none", "basic", "extended", "all"] = "all"
    spin: bool = True  # threads wait for work busily: faster, but burns CPU time

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise SettingError("threads", "0 or more", str(self.threads))

    @classmethod
    def version(cls) -> str:
        return str(ort.__version__)

    @property
    def label(self) -> str:
        notes = [f"{self.threads} threads"] if self.threads else []
        notes += [] if self.optimization == "all" else [f"optimization {self.optimization}"]
        notes += [] if self.spin else ["no spinning"]
        return " ".join(["ONNX Runtime", *([f"({', '.join(notes)})"] if notes else [])])

    def compile(self, model: Model) -> Runner:
        check_datatypes(model, "ONNX Runtime", (Datatype.BF16,))
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.graph_optimization_level = _OPTIMIZATION[self.optimization]
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "1" if self.spin else "0"
        )
        options.log_severity_level = 4  # errors arrive as exceptions
        try:
            session = ort.InferenceSession(
                model.content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime raises a class of its own for every status
            raise UnsupportedModel(
                model.origin.source,
                "a model that ONNX Runtime can run",
                _reason(error),
            ) from error
        return _Session(session, model.signature)


@final
class _Session(Runner):
    """One inference session; ONNX Runtime lets threads share it."""

    def __init__(self, session: ort.InferenceSession, signature: Signature) -> None:
        self._session: ort.InferenceSession | None = session
        self._signature = signature
        self._outputs = [spec.name for spec in signature.outputs]

    @property
    def signature(self) -> Signature:
        return self._signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        session = self._session
        if session is None:
            raise EngineError("onnxruntime", "an open session", "one that was closed")
        try:
            answers = session.run(self._outputs, dict(inputs))
        except Exception as error:
            raise EngineError("onnxruntime", "an answer", _reason(error)) from error
        return dict(zip(self._outputs, answers, strict=True))

    def close(self) -> None:
        self._session = None


def _reason(error: Exception) -> str:
    """Return the first line of what the runtime said, without its own prefix."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text.removeprefix("[ONNXRuntimeError] : ")[:400]
