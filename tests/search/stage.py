"""A search set up by hand: examples that know their number, engines that err where told."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from tradewind.budget import Budget
from tradewind.data import ArrayDataset, split
from tradewind.engines import Engine, OnnxRuntime
from tradewind.evidence import Paired, PairedCounts
from tradewind.measure import Hardware, parse_metric, this_machine
from tradewind.model import Model, Origin
from tradewind.passes import Change, Needs, Observed, Pass
from tradewind.runners import Runner
from tradewind.search.candidates import Graph
from tradewind.search.job import Job
from tradewind.search.plans import Plan
from tradewind.search.settings import Deadline, SearchSettings
from tradewind.search.trials import Load, Trial
from tradewind.tensors import Array, Signature, Tensors


@dataclass
class Clock:
    """A clock that goes forward when it is told to, or by a step whenever it is read."""

    now: float = 0.0
    step: float = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@dataclass(frozen=True)
class Lossy(Pass):
    """A pass that changes answers, for graphs of which only that matters."""

    name: ClassVar[str] = "lossy"
    is_lossless: ClassVar[bool] = False

    title: str = "int8"

    def needs(self, model: Model) -> Needs:
        return Needs()

    def apply(self, model: Model, seen: Observed) -> Change:
        return Change(model, self.title)

    @property
    def label(self) -> str:
        return self.title


@final
@dataclass(frozen=True)
class Erring(Engine):
    """Answers as the model does, except for the examples of certain numbers."""

    name: ClassVar[str] = "erring"

    wrong: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def version(cls) -> str:
        return "1"

    @property
    def label(self) -> str:
        return "Erring"

    def compile(self, model: Model) -> Runner:
        return _Erring(OnnxRuntime().compile(model), self.wrong)


@final
class _Erring(Runner):
    def __init__(self, inner: Runner, wrong: frozenset[int]) -> None:
        self._inner = inner
        self._wrong = list(wrong)

    @property
    def signature(self) -> Signature:
        return self._inner.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        found = self._inner(inputs)["logits"].copy()
        errs = np.isin(inputs["x"][:, 1].astype(np.int64), self._wrong)
        found[errs] = -found[errs]
        return {"logits": found}

    def close(self) -> None:
        self._inner.close()


def two_classes() -> Model:
    """Return x [N, 2] -> logits [N, 2], which say 0 where the first number is positive."""
    weight = np.array([[1, -1], [0, 0]], np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["logits"])],
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Model.from_proto(proto, Origin("onnx", "two.onnx"))


def numbered(count: int, *, labelled: bool = True, wrong: Iterable[int] = ()) -> ArrayDataset:
    """Return examples that carry their number; the model is wrong on those in `wrong`."""
    sign = np.where(np.arange(count) % 2, -1.0, 1.0)
    x = np.stack([sign, np.arange(count)], axis=1).astype(np.float32)
    label = (sign < 0).astype(np.int64)
    label[list(wrong)] ^= 1
    return ArrayDataset({"x": x}, label if labelled else None)


def job(
    dataset: ArrayDataset | None = None,
    budget: Budget | None = None,
    clock: Clock | None = None,
    *,
    time_s: float = 1000.0,
    seed: int = 0,
) -> Job:
    """Return a job on the model above."""
    dataset, budget = dataset or numbered(4000), budget or Budget()
    model = two_classes()
    return Job(
        model,
        dataset,
        split(dataset, seed),
        budget,
        parse_metric(budget.metric, model),
        SearchSettings(time_s, seed=seed),
        this_machine(),
        Deadline(0.0, time_s, clock or Clock()),
    )


def trial(
    name: str,
    latency_s: float = 0.5,
    *,
    wrong: Iterable[int] = (),
    select: Paired | None = None,
    is_exact: bool = False,
) -> Trial:
    """Return a variant as screening leaves it; the baseline takes 1 second."""
    steps = () if is_exact else (Lossy(name),)
    engine = OnnxRuntime() if is_exact and not wrong else Erring(frozenset(wrong))
    return Trial(
        Plan.alone(Graph(steps, two_classes(), name), engine),
        Load(32, 1),
        latency_s,
        latency_s,
        latency_s,
        name=name,
        select=select or PairedCounts(1000, 0, 0),
    )


def baseline() -> Trial:
    """Return the original as screening leaves it."""
    found = trial("original", 1.0, is_exact=True)
    found.is_baseline = True
    return found


def machine(*isa: str, cores: int = 2) -> Hardware:
    """Return this machine with another instruction set."""
    return replace(this_machine(), isa=isa, cores=cores)
