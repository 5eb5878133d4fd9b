"""Who asks, and what they may do."""

import math
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Protocol

from msgspec import Struct

from tradewind.serve.security.limits import Limits


class Right(StrEnum):
    """What a scope of a key or token allows."""

    INFER = "infer"  # asking models
    READ = "read"  # metadata and metrics
    MANAGE = "manage"  # loading, unloading and what else changes the server


class Credentials(Protocol):
    """The headers or metadata of a request, by names in lower case."""

    def get(self, key: str, /) -> str | None:
        """Return the value of one header."""


class Principal(Struct, frozen=True, gc=False):
    """Somebody whose key or token was found good, or a peer's address where none is needed."""

    name: str
    rights: frozenset[Right] = frozenset(Right)
    models: tuple[str, ...] = ("*",)  # patterns of the shell
    limits: Limits | None = None
    until_s: float = math.inf  # of time.time

    def covers(self, model: str) -> bool:
        """Say whether this model is among those that may be touched."""
        if not model or "*" in self.models:
            return True
        return any(fnmatchcase(model, pattern) for pattern in self.models)
