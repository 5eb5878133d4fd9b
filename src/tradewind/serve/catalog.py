"""What the wires ask for models: by name and version, wherever they come from."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tradewind.serve.endpoint import Endpoint
from tradewind.serve.refusals import Reason, Refusal


class State(StrEnum):
    """Where a model stands, in the words of the protocol's repository extension."""

    UNKNOWN = "UNKNOWN"
    READY = "READY"
    UNAVAILABLE = "UNAVAILABLE"
    LOADING = "LOADING"
    UNLOADING = "UNLOADING"


class Listed(Struct, frozen=True):
    """One version of a model in the index."""

    name: str
    version: str
    state: State
    reason: str = ""


class Catalog(ABC):
    """The models that a server answers for. Only the event loop may touch it."""

    @abstractmethod
    def ready(self, name: str, version: str = "") -> Endpoint | None:
        """Return an endpoint that answers now, or None: the quick way, asked at each request.

        Args:
            name: of the model.
            version: a number or a label; empty for the one that the server prefers.
        """

    @abstractmethod
    async def endpoint(self, name: str, version: str = "") -> Endpoint:
        """Return an endpoint, loading the model when that is allowed.

        Raises:
            Refusal: there is no such model or version, or it cannot answer now.
        """

    @abstractmethod
    def index(self) -> tuple[Listed, ...]:
        """Return everything that could be asked for, ready or not."""

    @abstractmethod
    async def load(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Load a model, or load it again.

        Raises:
            Refusal: it is unknown, broken, or this catalog loads nothing.
        """

    @abstractmethod
    async def unload(self, name: str) -> None:
        """Stop answering for a model once its last request is answered.

        Raises:
            Refusal: it is unknown, or this catalog unloads nothing.
        """

    @abstractmethod
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return what is ready, for the metrics."""

    @abstractmethod
    async def close(self) -> None:
        """Free every model."""


def unknown_model(name: str, known: str) -> Refusal:
    """Return the refusal of a request for a model that nobody knows."""
    return Refusal(
        Reason.UNKNOWN_MODEL,
        f"Request for unknown model: '{name[:80]}'",
        f"one of {known}",
        f"'{name[:80]}'",
        "GET /v2/models lists the names.",
    )
