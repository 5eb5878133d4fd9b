"""What a path can be: something to read, to do, or to ask a model."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, final

import msgspec

from tradewind.serve.endpoint import Endpoint
from tradewind.serve.security.principals import Right


@final
@dataclass(frozen=True)
class Reply:
    """One complete response."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


@final
@dataclass(frozen=True)
class Page:
    """A path that is read.

    Args:
        show: returns what there is to read.
        right: what it takes to see it; None where everybody may.
        name: of the model that it is about, if it is about one.
    """

    show: Callable[[], Reply]
    right: Right | None = Right.READ
    name: str = ""
    verbs = ("GET", "HEAD")


@final
@dataclass(frozen=True)
class ModelPage:
    """A path that is read about one model, which is loaded for it."""

    name: str
    version: str
    show: Callable[[Endpoint], Reply]
    verbs = ("GET", "HEAD")
    right = Right.READ


@final
@dataclass(frozen=True)
class Action:
    """A path that does something with the body that is posted to it.

    Args:
        run: does it.
        right: what it takes to do it.
        name: of the model that it is about, if it is about one.
    """

    run: Callable[[bytes], Awaitable[Reply]]
    right: Right = Right.READ
    name: str = ""
    verbs = ("POST",)


@final
@dataclass(frozen=True)
class Inference:
    """A path that answers."""

    name: str
    version: str
    is_streaming: bool = False  # answers may come one by one
    verbs = ("POST",)
    right = Right.INFER


Route = Page | ModelPage | Action | Inference


def reply_json(status: int, told: Any) -> Reply:
    """Return a reply that holds `told` as JSON."""
    return Reply(status, "application/json", msgspec.json.encode(told))
