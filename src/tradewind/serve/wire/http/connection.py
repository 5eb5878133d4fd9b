"""One connection of HTTP/1.1: one request after the other."""

import asyncio
import logging
import math
import time
from functools import partial
from typing import cast, final

import msgspec

from tradewind.serve.wire.beginning import begin
from tradewind.serve.wire.http.head import MAX_HEAD_BYTES, Malformed
from tradewind.serve.wire.http.outgoing import Outgoing
from tradewind.serve.wire.http.replies import CONTINUE
from tradewind.serve.wire.http.site import Site
from tradewind.serve.wire.http.turn import Turn
from tradewind.serve.wire.visit import Headers

_log = logging.getLogger("tradewind.serve")

_END = b"\r\n\r\n"
_JSON: Headers = (("content-type", "application/json"),)
_MAX_REST_BYTES = 1 << 16  # of requests that came before their turn
# in which what nobody wants to read is read: closing at once would destroy the response
_BODY_FAREWELL_S = 30.0
_NOISE_FAREWELL_S = 2.0


@final
class Connection(asyncio.BufferedProtocol):
    """Reads heads and bodies, and writes responses in the order of their requests.

    Args:
        site: what all connections share.
    """

    __slots__ = (
        "_client",
        "_is_deaf",
        "_is_ending",
        "_is_half_closed",
        "_is_held",
        "_out",
        "_rest",
        "_site",
        "_task",
        "_transport",
        "_turn",
        "deadline_s",
    )

    def __init__(self, site: Site) -> None:
        self._site = site
        self._client = ""
        self._turn: Turn | None = None
        self._task: asyncio.Task[None] | None = None
        self._rest = b""  # the beginning of a head, or requests before their turn
        self._is_held = False  # nothing is read
        self._is_deaf = False  # what comes is thrown away
        self._is_ending = False  # after this response
        self._is_half_closed = False
        self.deadline_s = math.inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._out = Outgoing(transport)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self._client = f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
        self._site.enter(self)
        self._rest_until(self._site.limits.head_s)

    def connection_lost(self, _: Exception | None) -> None:
        self._out.is_lost = True
        self._site.leave(self)
        if self._turn is not None:
            self._turn.leave()
        self._out.make_room()

    def eof_received(self) -> bool:
        self._is_half_closed = True
        if self._turn is None or self._is_deaf or self._turn.is_answered:
            return False
        self._turn.leave()
        # whoever only has nothing more to say gets an answer still
        return self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        self._out.is_choked = True
        self._rest_until(self._site.limits.stall_s)
        self._hold_or_go()

    def resume_writing(self) -> None:
        self._out.is_choked = False
        self._out.make_room()
        if self._turn is None:
            self._rest_until(self._site.limits.head_s)
        elif not self._turn.is_answered or self._turn.is_streaming:
            self.deadline_s = math.inf
        self._go_on()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._site.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_deaf:
            return
        data = bytes(self._site.buffer[:nbytes])
        if self._rest:
            data = self._rest + data
            self._rest = b""
        self._feed(data)

    def expire(self) -> None:
        """Give up on what takes too long."""
        if self._out.is_choked or self._is_ending or self._turn is not None:
            self._transport.abort()
        elif self._rest:
            self._refuse(408, "head: expected all of it in time, got the beginning.")
        else:
            self._transport.close()

    def retire(self) -> None:
        """Close the connection between two requests."""
        self._is_ending = True
        if self._turn is None and not self._is_deaf:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection now."""
        self._transport.abort()

    def ask_on(self, turn: Turn) -> None:
        if turn.is_waited_for:
            turn.is_waited_for = False
            self._out.write(CONTINUE)
        self._hold_or_go()

    def answer(self, turn: Turn, status: int, headers: Headers, body: bytes) -> None:
        if self._out.is_lost:
            return
        text = self._site.replies.head(status, headers, self._fate(turn), len(body))
        self._out.write(text, b"" if turn.method == "HEAD" else body)

    def open(self, turn: Turn, status: int, headers: Headers) -> None:
        if self._out.is_lost:
            return
        if turn.head.is_old:  # which knows no chunks: the end of the connection is that of the body
            self._is_ending = True
        else:
            headers = (*headers, ("transfer-encoding", "chunked"))
        self._out.write(self._site.replies.open_head(status, headers, self._fate(turn)))

    def push(self, turn: Turn, piece: bytes) -> asyncio.Future[None] | None:
        if turn.head.is_old:
            self._out.write(piece)
        else:
            self._out.write(b"%x\r\n" % len(piece), piece + b"\r\n")
        return self._out.room()

    def end(self, turn: Turn) -> None:
        if not turn.head.is_old:
            self._out.write(b"0\r\n\r\n")

    def _fate(self, turn: Turn) -> str:
        """Decide what becomes of the connection after a response; return what is told of it."""
        is_waiting = turn.is_waited_for and not turn.is_whole
        is_kept = turn.head.is_kept and not self._site.app.is_draining
        if not is_kept or is_waiting or turn.is_broken:
            self._is_ending = True
        return "close" if self._is_ending else "keep-alive" if turn.head.is_old else ""

    def _feed(self, data: bytes) -> None:
        """Take as many requests as can be answered at once; keep the rest."""
        self._out.is_collecting = True
        position, size = 0, len(data)
        try:
            while position < size and not self._out.is_lost:
                turn = self._turn
                if turn is None:
                    if self._is_ending or self._out.is_choked:
                        break
                    begin = position
                    position = self._begin(data, position)
                    if position == begin:
                        break
                elif turn.is_whole:
                    break
                else:
                    position = turn.feed(data, position)
                    self._end_when_over(turn)
        except Malformed as malformed:
            self._refuse(malformed.status, str(malformed))
        finally:
            self._out.is_collecting = False
            self._out.flush()
        self._keep(data, position)

    def _begin(self, data: bytes, position: int) -> int:
        """Begin the next request, if all of its head is there; return where it ends."""
        if data.startswith(b"\r\n", position):  # some clients send one after a body
            return position + 2
        end = data.find(_END, position) + len(_END)
        if end < len(_END):
            if len(data) - position > MAX_HEAD_BYTES:
                raise Malformed(431, f"head: expected at most {MAX_HEAD_BYTES} bytes, got more.")
            return position
        if end - position > MAX_HEAD_BYTES:
            raise Malformed(431, f"head: expected at most {MAX_HEAD_BYTES} bytes, got more.")
        head = self._site.heads.read(data[position:end])
        turn = self._turn = Turn(self, head, self._client)
        self.deadline_s = math.inf
        if not turn.is_whole and end < len(data):
            end = turn.feed(data, end)
        try:
            self._task = begin(self._site.app(turn), partial(self._finish, turn))
        except Exception:
            _log.exception("%s %s failed", turn.method, turn.path[:200])
        self._end_when_over(turn)
        return end

    def _finish(self, turn: Turn) -> None:
        """Go on after a request that took a task."""
        self._task = None
        self._end_when_over(turn)
        self._go_on()

    def _go_on(self) -> None:
        """Take the requests that wait for their turn."""
        if self._rest and self._turn is None and not self._out.is_lost:
            rest, self._rest = self._rest, b""
            self._feed(rest)
        self._hold_or_go()

    def _end_when_over(self, turn: Turn) -> None:
        """Make room for the next request when this one is answered and read to its end."""
        if self._task is not None or self._out.is_lost:
            return
        if not turn.is_answered:
            turn.respond(500, (), b"")
        if turn.is_broken:
            self._turn = None
            self._fall_deaf()
            return
        if not turn.is_whole:
            if self.deadline_s == math.inf:
                self._rest_until(_BODY_FAREWELL_S)
            return
        self._turn = None
        if self._is_ending or (self._is_half_closed and not self._rest):
            self._out.flush()
            self._rest_until(self._site.limits.stall_s)
            self._is_ending = True
            self._transport.close()
        elif not self._out.is_choked:
            self._rest_until(self._site.limits.head_s)

    def _keep(self, data: bytes, position: int) -> None:
        if self._is_deaf or self._out.is_lost:
            return
        is_new = self._turn is None and not self._rest and position < len(data)
        self._rest = data[position:]
        if is_new and position:
            self._rest_until(self._site.limits.head_s)
        self._hold_or_go()

    def _refuse(self, status: int, text: str) -> None:
        """Answer what is no request, and close."""
        self._site.app.unreadable()
        body = msgspec.json.encode({"error": text})
        self._out.write(self._site.replies.head(status, _JSON, "close", len(body)), body)
        self._fall_deaf()

    def _fall_deaf(self) -> None:
        self._is_deaf = True
        self._is_ending = True
        self._rest = b""
        self._rest_until(_NOISE_FAREWELL_S)

    def _rest_until(self, patience_s: float) -> None:
        self.deadline_s = time.perf_counter() + patience_s

    def _hold_or_go(self) -> None:
        """Read only as long as there is room."""
        turn = self._turn
        is_held = (
            self._out.is_choked
            or len(self._rest) > _MAX_REST_BYTES
            or (turn is not None and turn.is_full)
        )
        if is_held != self._is_held and not self._out.is_lost and not self._transport.is_closing():
            self._is_held = is_held
            if is_held:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()
