"""What a client may have to handle."""

from tradewind.errors import TradewindError


class Refused(TradewindError):
    """A server gave another answer than the one that was asked for.

    Args:
        where: the server, or what was asked of it.
        status: of HTTP as a number, or the name of gRPC's.
        message: what the server said.
        retry_after_s: when it wants to be asked again; None when it did not say.
    """

    def __init__(
        self, where: str, status: str, message: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(where, "an answer", f"{status}: {message}")
        self.status = status
        self.message = message
        self.retry_after_s = retry_after_s


class Unanswered(TradewindError):
    """No server answered in time: none listens there, or the connection broke."""
