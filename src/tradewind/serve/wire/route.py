"""What a path can be: something to read, to do, or to ask a model."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, final

import msgspec

from tradewind.serve.endpoint import Endpoint


@final
@dataclass(frozen=True)
class Reply:
    """One complete response."""

    status: int
    content_type: str
    body: bytes


@final
@dataclass(frozen=True)
class Page:
    """A path that is read."""

    show: Callable[[], Reply]
    verbs = ("GET", "HEAD")


@final
@dataclass(frozen=True)
class ModelPage:
    """A path that is read about one model, which is loaded for it."""

    name: str
    version: str
    show: Callable[[Endpoint], Reply]
    verbs = ("GET", "HEAD")


@final
@dataclass(frozen=True)
class Action:
    """A path that does something with the body that is posted to it.

    Args:
        run: does it.
        manages: what it changes on the server, such as `load`; empty when it only answers.
    """

    run: Callable[[bytes], Awaitable[Reply]]
    manages: str = ""
    verbs = ("POST",)


@final
@dataclass(frozen=True)
class Inference:
    """A path that answers."""

    name: str
    version: str
    verbs = ("POST",)


Route = Page | ModelPage | Action | Inference


def reply_json(status: int, told: Any) -> Reply:
    """Return a reply that holds `told` as JSON."""
    return Reply(status, "application/json", msgspec.json.encode(told))
