"""The one interface of every runtime."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tradewind.engines.profiling import Step
from tradewind.errors import UnsupportedModel
from tradewind.model import Model
from tradewind.runners import Runner
from tradewind.tensors import Datatype, Tensors


@dataclass(frozen=True)
class Engine(ABC):
    """One existing runtime with its settings; children are final, frozen dataclasses.

    The fields of a child are its settings. Two engines that compare equal behave equally.
    """

    name: ClassVar[str]

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """The version of the runtime that is installed."""

    @abstractmethod
    def compile(self, model: Model) -> Runner:
        """Prepare the model for answering on this machine.

        Raises:
            UnsupportedModel: the runtime cannot run this model; names the operator where it can.
            ModelError: the model is no ONNX graph.
        """

    def profile(self, model: Model, batches: Sequence[Tensors]) -> list[Step]:
        """Return what an answer consists of, with the least time of each step over `batches`.

        Nothing where the runtime does not say; measuring makes answers a little slower.

        Raises:
            EngineError: the runtime cannot run this model.
        """
        return []

    @property
    @abstractmethod
    def label(self) -> str:
        """The engine with every setting that is not the default; no two settings share one."""


def threads_note(threads: int) -> str:
    """Return a number of threads as labels have it, such as `1 thread`."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def check_datatypes(model: Model, runtime: str, unsupported: tuple[Datatype, ...]) -> None:
    """Raise if a tensor goes in or out whose element type the runtime cannot hand over.

    Args:
        model: what is about to be compiled.
        runtime: its name in the message.
        unsupported: element types that its Python binding does not know.

    Raises:
        UnsupportedModel: names the tensor.
    """
    for spec in (*model.signature.inputs, *model.signature.outputs):
        if spec.datatype in unsupported:
            raise UnsupportedModel(
                f"{model.origin.source}: {spec.name}",
                f"a tensor that {runtime} can exchange",
                spec.datatype.value,
                "cast it inside the model, or choose another engine.",
            )
