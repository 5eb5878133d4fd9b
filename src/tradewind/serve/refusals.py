"""The ways in which the server says no."""

from enum import StrEnum

from tradewind.errors import TradewindError


class Reason(StrEnum):
    """Why a request was not answered; the label of a metric."""

    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    UNKNOWN_MODEL = "unknown_model"
    NOT_FOUND = "not_found"
    WRONG_VERB = "wrong_verb"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_ENCODING = "unsupported_encoding"
    SLOW_BODY = "slow_body"
    BUSY_READING = "busy_reading"
    RATE_LIMITED = "rate_limited"
    QUEUE_FULL = "queue_full"
    DEADLINE = "deadline"
    DRAINING = "draining"
    CLIENT_GONE = "client_gone"
    NOT_MANAGED = "not_managed"
    NOT_LOADED = "not_loaded"
    LOADING = "loading"
    LOAD_FAILED = "load_failed"
    NO_ROOM = "no_room"
    UNSUPPORTED = "unsupported"
    UNKNOWN_SEQUENCE = "unknown_sequence"
    TOO_MANY_SEQUENCES = "too_many_sequences"


STATUS: dict[Reason, int] = {
    Reason.INVALID: 400,
    Reason.UNAUTHENTICATED: 401,
    Reason.FORBIDDEN: 403,
    Reason.UNKNOWN_MODEL: 404,
    Reason.NOT_FOUND: 404,
    Reason.NOT_LOADED: 404,
    Reason.UNKNOWN_SEQUENCE: 404,
    Reason.WRONG_VERB: 405,
    Reason.SLOW_BODY: 408,
    Reason.BODY_TOO_LARGE: 413,
    Reason.UNSUPPORTED_ENCODING: 415,
    # 429 says "come back"; many load balancers take a 503 for a broken server and eject it
    Reason.QUEUE_FULL: 429,
    Reason.RATE_LIMITED: 429,
    Reason.BUSY_READING: 429,
    Reason.TOO_MANY_SEQUENCES: 429,
    Reason.CLIENT_GONE: 499,  # nobody reads it; nginx made the number customary
    Reason.DEADLINE: 503,
    Reason.DRAINING: 503,
    Reason.LOADING: 503,
    Reason.LOAD_FAILED: 503,
    Reason.NO_ROOM: 503,
    Reason.NOT_MANAGED: 501,
    Reason.UNSUPPORTED: 501,
}


class Refusal(TradewindError):
    """A request that is not answered although nothing broke.

    Args:
        reason: why; decides the HTTP status.
        where: what the message is about.
        expected: what would have been answered.
        got: what came instead.
        hint: what to do about it.
        retry_after_s: when to try again; 0 where that would not help.
    """

    def __init__(
        self,
        reason: Reason,
        where: str,
        expected: str,
        got: str,
        hint: str = "",
        retry_after_s: int = 0,
    ) -> None:
        super().__init__(where, expected, got, hint)
        self.reason = reason
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.reason]
