"""Reading the bodies of requests within limits."""

import asyncio
import time
import zlib

from tradewind.errors import RequestError
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.rsgi import HttpProtocol, Scope

_WINDOW_BITS = {"gzip": 31, "deflate": 15}  # as zlib.decompressobj takes them
_DISCARD_BYTES = 1 << 28
_DISCARD_S = 5.0
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
        self._reading: dict[asyncio.Task[None], float] = {}
        self._overdue: dict[asyncio.Task[None], Refusal] = {}

    def reserve(self, scope: Scope) -> int:
        """Make room for the body that the headers announce; return how much was taken.

        A body of unknown length gets room for the longest. The caller gives the room back with
        `release`.

        Raises:
            Refusal: the body is too long, the room is used up, or the server is stopping.
        """
        self.check_open()
        announced = scope.headers.get("content-length")
        size_bytes = int(announced) if announced and announced.isdigit() else self._max_bytes
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

    async def read(self, scope: Scope, protocol: HttpProtocol) -> bytes:
        """Return the whole body, unpacked.

        Raises:
            Refusal: it is longer than allowed, came too slowly or in an unknown encoding, or
                the client hung up.
            RequestError: it cannot be unpacked.
        """
        headers = scope.headers
        encoding = headers.get("content-encoding")
        if encoding is not None and encoding not in ("identity", *_WINDOW_BITS):
            raise Refusal(
                Reason.UNSUPPORTED_ENCODING,
                "Content-Encoding",
                "gzip, deflate or nothing",
                encoding[:40],
            )
        task = asyncio.current_task()
        assert task is not None
        self._reading[task] = time.perf_counter()
        try:
            if headers.get("content-length") is None:
                body = await self._read_pieces(protocol)
            else:
                body = await protocol()
        except asyncio.CancelledError:
            raise self._overdue.pop(task, _GONE) from None
        except RuntimeError as error:  # Granian's error for a connection that broke
            raise _GONE from error
        finally:
            del self._reading[task]
        if encoding is None or encoding == "identity":
            return body
        return self._unpack(body, encoding)

    async def discard(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Read what was refused without keeping it.

        A client that still sends when the connection closes would not see the response.
        """
        if scope.headers.get("content-length", "0") == "0" and not scope.headers.get(
            "transfer-encoding"
        ):
            return
        left_bytes = _DISCARD_BYTES
        try:
            async with asyncio.timeout(_DISCARD_S):
                async for piece in protocol:
                    left_bytes -= len(piece)
                    if left_bytes < 0 or not piece:
                        return
        except (TimeoutError, RuntimeError):
            return

    def expire(self, now_s: float) -> None:
        """Refuse the bodies that take too long."""
        for task, started in list(self._reading.items()):
            if now_s - started > self._timeout_s:
                self._stop(
                    task,
                    Refusal(
                        Reason.SLOW_BODY,
                        "body",
                        f"all of it within {self._timeout_s:g} s",
                        "less",
                    ),
                )

    def close(self) -> None:
        """Refuse every body that has not arrived yet, and those that come later."""
        self._is_open = False
        for task in list(self._reading):
            self._stop(task, _draining())

    def _stop(self, task: "asyncio.Task[None]", refusal: Refusal) -> None:
        self._overdue[task] = refusal
        task.cancel()

    async def _read_pieces(self, protocol: HttpProtocol) -> bytes:
        pieces: list[bytes] = []
        size_bytes = 0
        async for piece in protocol:
            size_bytes += len(piece)
            if size_bytes > self._max_bytes:
                raise self._too_large("more")
            pieces.append(piece)
        return b"".join(pieces)

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
