"""The seam between the wire and what computes: one request in, one response out.

Everything between the wire and the runner (admission, batching) is an `Answer` that holds the
next one.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct

from tradewind.serve.observing.account import Account
from tradewind.tensors import Array


class Wanted(Struct, frozen=True, gc=False):
    """One output that the client asked for."""

    name: str
    is_binary: bool
    classes: int = 0  # tell so many classes instead of the tensor; 0 for the tensor


class Arrival(Struct, frozen=True, gc=False):
    """When a request came in, with a way to learn that nobody waits for it any more."""

    at_s: float  # of time.perf_counter
    gone: Callable[[], Awaitable[None]]  # returns when the client has hung up
    client: str = ""  # who asks, for fairness and quotas: a key's name, or an address
    account: Account | None = None  # where somebody follows the request


class Request(Struct, frozen=True, gc=False):
    """One checked inference request.

    A struct of msgspec rather than a frozen dataclass: it is made for every request, and a
    dataclass of as many fields takes ten times as long. None of these can be part of a cycle,
    so the garbage collector need not look at them.
    """

    id: str
    inputs: dict[str, Array]  # fits the signature
    outputs: tuple[Wanted, ...]
    parameters: Mapping[str, Any]
    size_bytes: int  # of the body
    timeout_s: float | None  # what the client is ready to wait, when it said so
    arrival: Arrival
    priority: int = 0  # 1 is the most urgent; 0 is the protocol's "no wish"


class Response(Struct, frozen=True, gc=False):
    """What the model said, with where the time went."""

    outputs: dict[str, Array]
    queue_s: float
    compute_s: float
    examples: int = 0  # computed together, other requests' included; 0 when nobody counted
    is_cached: bool = False  # kept from an earlier request; nobody computed it now
    is_last: bool | None = None  # of several answers to one request; None for the only one


Answer = Callable[[Request], Awaitable[Response]]

Stream = Callable[[Request], AsyncGenerator[Response, None]]
"""Gives several answers to one request, each as soon as it is there; closing it ends the work."""
