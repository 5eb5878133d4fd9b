"""Reading the bodies of requests within limits."""

import time
import zlib

from tradewind.errors import RequestError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.visit import BodyTooLong, Visit

_WINDOW_BITS = {"gzip": 31, "deflate": 15}  # as zlib.decompressobj takes them
_GONE = Refusal(Reason.CLIENT_GONE, "client", "a whole body", "a closed connection")


class Bodies:
    """Holds the bodies that are being read or answered, up to a limit.

    Args:
        max_bytes: of one body.
        max_held_bytes: of all bodies together.
        timeout_s: how long a client may take to send one.
    """

    def __init__(self, max_bytes: int, max_held_bytes: int, timeout_s: float) -> None:
        self._max_bytes = max_bytes
        self._max_held_bytes = max_held_bytes
        self._timeout_s = timeout_s
        self._held_bytes = 0
        self._is_open = True
        self._reading: dict[Visit, float] = {}

    def reserve(self, visit: Visit) -> int:
        """Make room for the body that the headers announce; return how much was taken.

        A body of unknown length gets room for the longest. The caller gives the room back with
        `release`.

        Raises:
            Refusal: the body is too long, the room is used up, or the server is stopping.
        """
        self.check_open()
        announced = visit.length
        size_bytes = self._max_bytes if announced is None else announced
        if size_bytes > self._max_bytes:
            raise self._too_large(f"{size_bytes} bytes")
        return self.take(size_bytes)

    def check_open(self) -> None:
        """Raise when the server is stopping.

        Raises:
            Refusal: it is.
        """
        if not self._is_open:
            raise _draining()

    def take(self, size_bytes: int) -> int:
        """Make room for bytes that another protocol reads; return how many.

        Raises:
            Refusal: the room is used up.
        """
        if size_bytes + self._held_bytes > self._max_held_bytes:
            raise Refusal(
                Reason.BUSY_READING,
                "body",
                f"room within {self._max_held_bytes} bytes of bodies",
                f"{self._held_bytes} bytes of other requests",
                "come back after the time in Retry-After.",
                1,
            )
        self._held_bytes += size_bytes
        return size_bytes

    def release(self, size_bytes: int) -> None:
        """Give back the room that `reserve` or `take` made."""
        self._held_bytes -= size_bytes

    async def read(self, visit: Visit) -> bytes:
        """Return the whole body, unpacked.

        Raises:
            Refusal: it is longer than allowed, came too slowly or in an unknown encoding, or
                the client hung up.
            RequestError: it cannot be unpacked.
        """
        encoding = visit.headers.get("content-encoding")
        if encoding is not None and encoding not in ("identity", *_WINDOW_BITS):
            raise Refusal(
                Reason.UNSUPPORTED_ENCODING,
                "Content-Encoding",
                "gzip, deflate or nothing",
                encoding[:40],
            )
        body = visit.received()
        if body is None:
            body = await self._wait(visit)
        if encoding is None or encoding == "identity":
            return body
        return self._unpack(body, encoding)

    def expire(self, now_s: float) -> None:
        """Refuse the bodies that take too long."""
        for visit, started in list(self._reading.items()):
            if now_s - started > self._timeout_s:
                expected = f"all of it within {self._timeout_s:g} s"
                visit.stop_reading(Refusal(Reason.SLOW_BODY, "body", expected, "less"))

    def close(self) -> None:
        """Refuse every body that has not arrived yet, and those that come later."""
        self._is_open = False
        for visit in list(self._reading):
            visit.stop_reading(_draining())

    async def _wait(self, visit: Visit) -> bytes:
        self._reading[visit] = time.perf_counter()
        try:
            return await visit.read(self._max_bytes)
        except BodyTooLong:
            raise self._too_large("more") from None
        except ConnectionError as error:
            raise _GONE from error
        finally:
            del self._reading[visit]

    def _unpack(self, body: bytes, encoding: str) -> bytes:
        unpacker = zlib.decompressobj(_WINDOW_BITS[encoding])
        try:
            plain = unpacker.decompress(body, self._max_bytes + 1)
        except zlib.error as error:
            raise RequestError("body", f"{encoding} data", str(error)) from error
        if len(plain) > self._max_bytes:
            raise self._too_large("more after unpacking")
        if not unpacker.eof:
            raise RequestError("body", f"whole {encoding} data", "the beginning of it")
        return plain

    def _too_large(self, got: str) -> Refusal:
        return Refusal(
            Reason.BODY_TOO_LARGE,
            "body",
            f"at most {self._max_bytes} bytes",
            got,
            "send fewer examples at a time, or start the server with a higher limit.",
        )


def _draining() -> Refusal:
    """Return the refusal of a server that is about to stop."""
    return Refusal(
        Reason.DRAINING,
        "server",
        "a server that takes requests",
        "one that is stopping",
        "send the request to another server, or try again when this one is back.",
        1,
    )
