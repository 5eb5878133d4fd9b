"""Following requests from their arrival to their last byte, where somebody wants to know."""

import random
import re
import time
from collections.abc import Callable, Sequence

from tradewind.serve.observing.account import Account, Trace

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

_LONGEST_PATH = 1024

Observer = Callable[[Account], None]
"""Is shown every request at its end; runs on the event loop, so it must be quick."""


class Watch:
    """Opens an account for each request, and shows it to the observers when it is closed.

    Args:
        takers: are shown the tensors too.
        observers: are shown everything else.
        trace_rate: the share of requests that are traced, where nobody before has decided; None
            traces nothing.
    """

    def __init__(
        self,
        takers: Sequence[Observer],
        observers: Sequence[Observer],
        trace_rate: float | None = None,
    ) -> None:
        self._takers = takers
        self._observers = observers
        self._trace_rate = trace_rate

    def open(
        self, protocol: str, method: str, path: str, client: str, traceparent: str | None
    ) -> Account:
        """Begin to follow a request.

        Args:
            protocol: http or grpc.
            method: the verb of HTTP, or the method of a service.
            path: without its query.
            client: the address.
            traceparent: the header or the metadata of that name.
        """
        trace = None if self._trace_rate is None else self._trace(traceparent, self._trace_rate)
        at_s, mark_s = time.time(), time.perf_counter()
        return Account(protocol, method, path[:_LONGEST_PATH], client, at_s, mark_s, trace)

    def close(self, account: Account) -> None:
        """Show a request whose last byte was sent."""
        account.ended_s = time.perf_counter()
        for take in self._takers:
            take(account)
        account.inputs = account.outputs = None  # queues must not hold on to tensors
        for observe in self._observers:
            observe(account)

    def _trace(self, traceparent: str | None, rate: float) -> Trace:
        span_id = random.getrandbits(64) or 1
        found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        if found is not None and not traceparent.startswith("ff"):  # type: ignore[union-attr]
            trace_id, parent_id, flags = (int(part, 16) for part in found.groups())
            if trace_id and parent_id:
                return Trace(trace_id, span_id, parent_id, bool(flags & 1))
        return Trace(random.getrandbits(128) or 1, span_id, 0, random.random() < rate)
