"""The one interface of every runtime."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from tradewind.model import Model
from tradewind.runners import Runner


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
            EngineError: the runtime cannot run this model; names the operator where it can.
        """

    @property
    @abstractmethod
    def label(self) -> str:
        """The engine with the settings that matter, short enough for a table."""
