"""An HTTP request that is followed from its arrival to its last byte."""

from typing import final

from tradewind.serve.observing import Account, Watch
from tradewind.serve.refusals import Reason
from tradewind.serve.wire.visit import Headers, Visit

_REASONS = {400: Reason.INVALID.value, 500: "failed"}  # where no refusal says it


@final
class Watched:
    """A visit that writes into an account what is sent through it.

    Args:
        visit: from the connection.
        account: of this request.
    """

    def __init__(self, visit: Visit, account: Account) -> None:
        self._visit = visit
        self.account = account
        self.method = visit.method
        self.path = visit.path
        self.headers = visit.headers
        self.client = visit.client
        self.length = visit.length
        self.received = visit.received
        self.read = visit.read
        self.stop_reading = visit.stop_reading
        self.gone = visit.gone
        self.end = visit.end

    @classmethod
    def follow(cls, watch: Watch, visit: Visit) -> "Watched":
        """Open the account of a request."""
        account = watch.open(
            "http", visit.method, visit.path, visit.client, visit.headers.get("traceparent")
        )
        account.received_bytes = visit.length or 0
        return cls(visit, account)

    @property
    def is_gone(self) -> bool:
        """Whether the client has hung up."""
        return self._visit.is_gone

    def begin(self, status: int, headers: Headers) -> None:
        """Begin a response whose body comes in pieces."""
        self._visit.begin(status, self._noted(status, headers))

    async def send(self, piece: bytes) -> None:
        """Send a piece."""
        self.account.sent_bytes += len(piece)
        await self._visit.send(piece)

    def respond(self, status: int, headers: Headers, body: bytes) -> None:
        """Respond."""
        if not self.account.status:
            self.account.sent_bytes = len(body)
        self._visit.respond(status, self._noted(status, headers), body)

    def _noted(self, status: int, headers: Headers) -> Headers:
        account = self.account
        account.reason = account.reason or _REASONS.get(status, "")
        if not account.status:
            account.status = status
        if account.trace is not None:
            headers = (*headers, ("traceresponse", account.trace.header))
        return headers
