"""One request as an operator sees it, written while it is answered."""

from collections.abc import Mapping
from typing import final

from msgspec import Struct

from tradewind.tensors import Array


@final
class Trace(Struct, frozen=True, gc=False):
    """Where a request stands in a distributed trace, as W3C Trace Context has it."""

    trace_id: int
    span_id: int  # of the request here
    parent_id: int  # 0 when the trace begins here
    is_sampled: bool

    @property
    def header(self) -> str:
        """The value of `traceparent` or `traceresponse`."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.is_sampled:02x}"


@final
class Account(Struct, gc=False):
    """What happened to one request; times are those of time.perf_counter, 0 for never."""

    protocol: str  # http or grpc
    method: str
    path: str
    client: str  # the name of a key, or an address
    started_s: float  # since 1970
    arrived_s: float
    trace: Trace | None = None
    model: str = ""
    version: str = ""
    request_id: str = ""
    status: int | str = 0
    reason: str = ""  # of the refusal
    received_bytes: int = 0
    sent_bytes: int = 0
    examples: int = 0
    together: int = 0  # examples computed at once, other requests' included
    understood_s: float = 0.0
    computing_s: float = 0.0
    computed_s: float = 0.0
    answered_s: float = 0.0
    ended_s: float = 0.0
    inputs: Mapping[str, Array] | None = None
    outputs: Mapping[str, Array] | None = None

    def milliseconds(self) -> dict[str, float]:
        """Return where the time went, as far as the request came."""
        parts = (*self.parts(), ("total", self.arrived_s, self.ended_s))
        return {name: round((end - begin) * 1e3, 3) for name, begin, end in parts}

    def parts(self) -> list[tuple[str, float, float]]:
        """Return each part that the request came to, with its beginning and its end."""
        marks = (
            ("read", self.arrived_s, self.understood_s),
            ("queue", self.understood_s, self.computing_s),
            ("compute", self.computing_s, self.computed_s),
            ("encode", self.answered_s, self.ended_s),
        )
        return [part for part in marks if part[1] and part[2]]
