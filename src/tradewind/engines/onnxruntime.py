"""ONNX Runtime on the CPU."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, final

from tradewind.engines.engine import Engine, check_datatypes, threads_note
from tradewind.engines.foreign import hint_about_foreign
from tradewind.engines.known_wrong import refuse_known_wrong
from tradewind.engines.onnxruntime_wrong import ONNX_RUNTIME_WRONG
from tradewind.engines.profiling import Step, quickest
from tradewind.engines.stamps import newer_operators, restamp
from tradewind.engines.untracked import ort
from tradewind.engines.wide_weights import has_wide_weights
from tradewind.errors import EngineError, SettingError, UnsupportedModel
from tradewind.limits import limited_cores
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.temporary import temporary_folder
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
        notes = [threads_note(self.threads)] if self.threads else []
        notes += [] if self.optimization == "all" else [f"optimization {self.optimization}"]
        notes += [] if self.spin else ["no spinning"]
        return " ".join(["ONNX Runtime", *([f"({', '.join(notes)})"] if notes else [])])

    def compile(self, model: Model) -> Runner:
        check_datatypes(model, "ONNX Runtime", (Datatype.BF16,))
        refuse_known_wrong(model, "ONNX Runtime", ONNX_RUNTIME_WRONG)
        return _Session(self._session(model, self._options(model)), model.signature)

    def profile(self, model: Model, batches: Sequence[Tensors]) -> list[Step]:
        with temporary_folder() as folder:
            options = self._options(model)
            options.enable_profiling = True
            options.profile_file_prefix = f"{folder}/profile"
            session = self._session(model, options)
            try:
                for batch in batches:
                    session.run(None, dict(batch))
            except Exception as error:
                raise EngineError("onnxruntime", "an answer", _reason(error)) from error
            events = json.loads(Path(session.end_profiling()).read_bytes())
        return quickest(_answers(events))

    def _options(self, model: Model) -> ort.SessionOptions:
        options = ort.SessionOptions()
        # left alone it starts a thread for every core of the machine, and ties them to these
        options.intra_op_num_threads = self.threads or limited_cores()
        options.graph_optimization_level = _OPTIMIZATION[self.optimization]
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "1" if self.spin else "0"
        )
        if has_wide_weights(model):  # has no effect where the processor has dot products
            options.add_session_config_entry("session.x64quantprecision", "1")
        options.log_severity_level = 4  # errors arrive as exceptions
        return options

    def _session(self, model: Model, options: ort.SessionOptions) -> ort.InferenceSession:
        try:
            session = _open(model, options)
        except UnsupportedModel:
            raise
        except Exception as error:  # the runtime raises a class of its own for every status
            hint = hint_about_foreign(model, self.name)
            raise UnsupportedModel(model.origin.source, _EXPECTED, _reason(error), hint) from error
        # it keeps the file to begin again with other providers: a second copy of every weight
        session._model_bytes = None
        return session


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


def _open(model: Model, options: ort.SessionOptions) -> ort.InferenceSession:
    """Return a session, under an older stamp of the same graph where the given one is too new."""
    try:
        return ort.InferenceSession(model.content, options, providers=_PROVIDERS)
    except Exception as error:
        if not any(phrase in str(error) for phrase in _TOO_NEW):
            raise
        proto = model.to_proto()
        newer = newer_operators(proto, _NEWEST_OPSET)
        if newer:
            got = f"{', '.join(newer)}, newer than opset {_NEWEST_OPSET}"
            raise UnsupportedModel(model.origin.source, _EXPECTED, got) from error
        older = restamp(proto, _NEWEST_OPSET, _NEWEST_IR)
    return ort.InferenceSession(older.SerializeToString(), options, providers=_PROVIDERS)


def _answers(events: list[dict[str, Any]]) -> Iterator[list[Step]]:
    """Yield the steps of each answer; the profile is a list of events, in the order they ended."""
    steps: list[Step] = []
    for event in events:
        name = str(event["name"])
        if event["cat"] == "Node" and name.endswith(_STEP):
            kind = str(event["args"]["op_name"])
            steps.append(Step((name.removesuffix(_STEP),), kind, event["dur"] / 1e6))
        elif name == "model_run":
            yield steps
            steps = []


_STEP = "_kernel_time"
_EXPECTED = "a model that ONNX Runtime can run"
_PROVIDERS = ["CPUExecutionProvider"]
_TOO_NEW = ("Unsupported model IR version", "is under development")
_NEWEST_OPSET, _NEWEST_IR = 26, 13  # of ONNX Runtime 1.31, as it says when it is given more


def _reason(error: Exception) -> str:
    """Return the first line of what the runtime said, without prefixes and places in its code."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    text = text.removeprefix("[ONNXRuntimeError] : ")
    return _STATUS.sub("", _PLACE.sub("", text))[:400]


_STATUS = re.compile(r"^\d+ : [A-Z_]+ : ")
_PLACE = re.compile(r"/onnxruntime_src/\S+ [^(]*\(.*?\)(?: const)? (?=\S)")
