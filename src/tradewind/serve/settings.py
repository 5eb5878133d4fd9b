"""How a server listens, and how much it takes on."""

from dataclasses import dataclass
from typing import final

from tradewind.errors import SettingError
from tradewind.serve.batching.rules import Batching
from tradewind.serve.caching import Caching
from tradewind.serve.observing.settings import Observing
from tradewind.serve.security.settings import Security
from tradewind.serve.sequences.limits import Sequences

_UNTUNED = Batching()
_OPEN = Security()
_UNCACHED = Caching()
_REMEMBERED = Sequences()
_UNWATCHED = Observing()


@final
@dataclass(frozen=True)
class Settings:
    """How the server listens, and how much it takes on."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0 takes any that is free
    grpc_port: int | None = None  # likewise, for gRPC; none switches it off
    concurrency: int = 2  # batches computed at once, for each model
    max_queue: int = 256  # requests that wait, for each model
    max_queue_bytes: int = 256 * 2**20  # of their bodies
    batching: Batching = _UNTUNED  # which requests are computed together
    max_batch: int = 4096  # examples in one request
    max_body_bytes: int = 64 * 2**20
    max_held_bytes: int = 512 * 2**20  # bodies being read or answered, together
    max_connections: int = 16384  # more wait to be accepted
    header_timeout_s: float = 30.0  # for a whole header, also on a connection that is kept open
    request_timeout_s: float = 30.0  # until the answer, unless the request says less
    read_timeout_s: float = 60.0  # for the client to send its body
    drain_timeout_s: float = 30.0
    server_name: str = "tradewind"  # in GET /v2; some clients insist on triton
    caching: Caching = _UNCACHED  # answers kept for requests that come again
    sequences: Sequences = _REMEMBERED  # of models that have states
    observing: Observing = _UNWATCHED  # what is recorded besides counts
    security: Security = _OPEN  # keys, tokens and certificates
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None  # where alone the server can be managed; none is the same port

    def __post_init__(self) -> None:
        for name in ("concurrency", "max_batch", "max_body_bytes", "max_connections"):
            if getattr(self, name) < 1:
                raise SettingError(name, "1 or more", str(getattr(self, name)))
        for name in (
            "max_queue",
            "max_queue_bytes",
            "header_timeout_s",
            "request_timeout_s",
            "read_timeout_s",
            "drain_timeout_s",
        ):
            if not getattr(self, name) >= 0:  # which NaN is not either
                raise SettingError(name, "0 or more", str(getattr(self, name)))
        if self.max_held_bytes < self.max_body_bytes:
            raise SettingError(
                "max_held_bytes", f"at least {self.max_body_bytes}", str(self.max_held_bytes)
            )
