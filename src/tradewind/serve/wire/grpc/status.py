"""How a call of gRPC ends, in the codes that its clients know."""

from enum import IntEnum
from urllib.parse import quote

from tradewind.errors import RequestError, TradewindError
from tradewind.serve.refusals import Reason, Refusal

_MAX_MESSAGE = 1000  # characters; clients refuse trailers of more than 8 KiB


class Code(IntEnum):
    """The codes of gRPC that this server uses."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


CODES: dict[Reason, Code] = {
    Reason.INVALID: Code.INVALID_ARGUMENT,
    Reason.UNAUTHENTICATED: Code.UNAUTHENTICATED,
    Reason.FORBIDDEN: Code.PERMISSION_DENIED,
    Reason.UNKNOWN_MODEL: Code.NOT_FOUND,
    Reason.NOT_FOUND: Code.UNIMPLEMENTED,  # of paths: no such method
    Reason.WRONG_VERB: Code.UNIMPLEMENTED,
    Reason.SLOW_BODY: Code.DEADLINE_EXCEEDED,
    Reason.BODY_TOO_LARGE: Code.RESOURCE_EXHAUSTED,
    Reason.UNSUPPORTED_ENCODING: Code.UNIMPLEMENTED,
    Reason.BUSY_READING: Code.RESOURCE_EXHAUSTED,
    # clients of gRPC try UNAVAILABLE again by themselves, and not the others
    Reason.QUEUE_FULL: Code.UNAVAILABLE,
    Reason.RATE_LIMITED: Code.RESOURCE_EXHAUSTED,
    Reason.DEADLINE: Code.DEADLINE_EXCEEDED,
    Reason.DRAINING: Code.UNAVAILABLE,
    Reason.CLIENT_GONE: Code.CANCELLED,
    Reason.NOT_MANAGED: Code.UNIMPLEMENTED,
    Reason.UNSUPPORTED: Code.UNIMPLEMENTED,
    Reason.UNKNOWN_SEQUENCE: Code.NOT_FOUND,
    Reason.TOO_MANY_SEQUENCES: Code.RESOURCE_EXHAUSTED,
}


class Status(Exception):
    """The end of a call that is not a success.

    Args:
        code: what clients branch on.
        message: what people read.
        retry_after_s: when to try again; 0 where that would not help.
    """

    def __init__(self, code: Code, message: str, retry_after_s: int = 0) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """What is sent at the end of the call."""
        told = [
            ("grpc-status", str(int(self.code))),
            (
                "grpc-message",
                quote(self.message[:_MAX_MESSAGE], safe=" !#$&'()*+,/:;=?@[]~\"<>^`{|}"),
            ),
        ]
        if self.retry_after_s:
            told.append(("retry-after", str(self.retry_after_s)))
        return told


def status_of(error: Exception, broken: str) -> Status:
    """Return what a client is told about an error.

    Args:
        error: what was raised.
        broken: told instead of its text when nobody raised it on purpose.
    """
    if isinstance(error, Status):
        return error
    if isinstance(error, Refusal):
        code = CODES.get(error.reason, _by_http(error.status))
        return Status(code, str(error), error.retry_after_s)
    if isinstance(error, RequestError):
        return Status(Code.INVALID_ARGUMENT, str(error))
    return Status(Code.INTERNAL, broken)


def failure(name: str) -> TradewindError:
    """Return what is told of a model that broke; the log says more."""
    return TradewindError(
        name, "an answer", "a failure inside the server", "the log of the server says more."
    )


def _by_http(status: int) -> Code:
    if status in (429, 503):
        return Code.UNAVAILABLE
    return Code.INVALID_ARGUMENT if 400 <= status < 500 else Code.UNIMPLEMENTED
