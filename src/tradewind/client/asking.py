"""What is sent and what comes back, whatever carries it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from tradewind.tensors import Array

Scalar = str | int | float | bool
"""What the Open Inference Protocol allows as the value of a parameter."""


@final
@dataclass(frozen=True)
class Question:
    """One request to a model."""

    model: str
    inputs: Mapping[str, Array]
    version: str = ""  # the one that the server prefers
    outputs: Sequence[str] = ()  # all of them
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    id: str = ""


@final
@dataclass(frozen=True)
class Sent:
    """One message to a server."""

    path: str  # with the verb of HTTP in front; the full name of a method for gRPC
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Received:
    """What came back."""

    body: bytes
    headers: Mapping[str, str]  # names in lower case
    status: str = ""  # empty for success
    message: str = ""  # what the server said when it is none
    may_retry: bool = False  # whether it refused before it began


class Language(ABC):
    """How questions are put in one protocol."""

    @abstractmethod
    def infer(self, question: Question) -> Sent:
        """Return the message that asks a model."""

    @abstractmethod
    def stream(self, question: Question) -> Sent:
        """Return the message that asks a model for answers one by one."""

    @abstractmethod
    def read_answer(self, received: Received) -> dict[str, Array]:
        """Return the outputs by name."""

    @abstractmethod
    def is_ready(self, model: str, version: str) -> Sent:
        """Return the message that asks for readiness, of the server when `model` is empty."""

    @abstractmethod
    def read_ready(self, received: Received) -> bool:
        """Return whether it is ready."""

    @abstractmethod
    def metadata(self, model: str, version: str) -> Sent:
        """Return the message that asks for the inputs and outputs of a model."""

    @abstractmethod
    def read_metadata(self, received: Received) -> dict[str, Any]:
        """Return them as the REST half of the protocol writes them."""

    @abstractmethod
    def index(self) -> Sent:
        """Return the message that asks which models there are."""

    @abstractmethod
    def read_index(self, received: Received) -> list[dict[str, Any]]:
        """Return name, version, state and reason of each."""

    @abstractmethod
    def manage(self, model: str, action: str, parameters: Mapping[str, Scalar]) -> Sent:
        """Return the message that loads or unloads a model."""
