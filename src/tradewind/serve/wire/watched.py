"""An HTTP request that is followed from its arrival to its last byte."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any, final

from tradewind.serve.observing import Account, Watch
from tradewind.serve.refusals import Reason
from tradewind.serve.wire.rsgi import Headers, HttpProtocol, Scope

_REASONS = {400: Reason.INVALID.value, 500: "failed"}  # where no refusal says it


@final
class Watched:
    """A protocol that writes into an account what is sent through it.

    Args:
        protocol: of Granian.
        account: of this request.
    """

    def __init__(self, protocol: HttpProtocol, account: Account) -> None:
        self._protocol = protocol
        self.account = account

    @classmethod
    def begin(cls, watch: Watch, scope: Scope, protocol: HttpProtocol) -> "Watched":
        """Open the account of a request."""
        headers = scope.headers
        account = watch.open(
            "http", scope.method, scope.path, scope.client, headers.get("traceparent")
        )
        announced = headers.get("content-length")
        if announced and announced.isdigit():
            account.received_bytes = int(announced)
        return cls(protocol, account)

    def __call__(self) -> Awaitable[bytes]:
        return self._protocol()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._protocol.__aiter__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._protocol, name)

    def client_disconnect(self) -> Awaitable[None]:
        """Wait until the client has hung up."""
        return self._protocol.client_disconnect()

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Respond."""
        account = self.account
        if not account.status:
            account.status = status
            account.sent_bytes = len(body)
            account.reason = account.reason or _REASONS.get(status, "")
        if account.trace is not None:
            headers = [*headers, ("traceresponse", account.trace.header)]
        self._protocol.response_bytes(status, headers, body)
