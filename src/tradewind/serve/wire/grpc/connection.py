"""One connection of HTTP/2: frames in, calls out, and the reverse."""

import asyncio
import time
from typing import cast

from tradewind.serve.wire.grpc import frames
from tradewind.serve.wire.grpc.calls import CONNECTION_WINDOW, MAX_CALLS, WINDOW, Calls
from tradewind.serve.wire.grpc.frames import Code, Fault, Kind, Setting
from tradewind.serve.wire.grpc.headers import MAX_LIST_BYTES
from tradewind.serve.wire.grpc.site import Site

_MAX_FRAME = 2**16  # what came of one is held until it is whole
_MAX_BLOCK_BYTES = 64 * 1024  # of headers
_MAX_ODD = 10_000  # frames that ask for nothing, within _ODD_S
_PER_MESSAGE = 8  # such frames that a client may send for each of its messages
_ODD_S = 10.0


class Nuisance:
    """Counts what keeps the server busy without asking it anything.

    Args:
        text: the reason for hanging up.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0
        self._since = time.perf_counter()

    def count(self) -> None:
        """Count one.

        Raises:
            Fault: they were too many in too short a time.
        """
        self._count += 1
        if self._count > _MAX_ODD:
            now_s = time.perf_counter()
            if now_s - self._since < _ODD_S:
                raise Fault(Code.ENHANCE_YOUR_CALM, self._text)
            self._count, self._since = 0, now_s

    def forgive(self) -> None:
        """Take back as many as belong to one message."""
        self._count = max(0, self._count - _PER_MESSAGE)


class Connection(asyncio.BufferedProtocol):
    """Reads frames; what they mean for a call is left to `Calls`.

    Args:
        site: what all connections share.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._calls = Calls(site)
        self._sending = self._calls.sending
        self._rest = b""  # of a frame that is not whole
        self._rest_since = 0.0
        self._has_preface = False
        self._block: tuple[int, int, bytearray] | None = None  # of headers that go on
        self._odd = Nuisance("too many frames that ask for nothing")
        self._resets = Nuisance("too many calls that are given up")
        self._is_over = False
        self._began_s = time.perf_counter()

    def expire(self, now_s: float, patience_s: float) -> None:
        """Give up on what takes too long to arrive."""
        if self._has_preface:
            self._calls.expire(now_s, patience_s)
        elif now_s - self._began_s > patience_s:
            self.end()
        if self._rest and now_s - self._rest_since > patience_s:
            self.end(Code.ENHANCE_YOUR_CALM, "the beginning of a frame")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            self._calls.peer = (
                f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
            )
        if not self._site.enter(self):
            self._transport.abort()
            return
        self._sending.open(self._transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._is_over = True
        self._site.leave(self)
        self._calls.abandon_all()

    def pause_writing(self) -> None:
        self._sending.is_paused = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._sending.is_paused = False
        self._transport.resume_reading()
        self._sending.pump_all()

    def retire(self) -> None:
        """Ask the other side to take its new calls elsewhere."""
        if self._has_preface and not self._is_over:
            self._sending.write(frames.goodbye(frames.MAX_WINDOW, Code.NO_ERROR))

    def end(self, code: Code = Code.NO_ERROR, text: str = "") -> None:
        """Close the connection, with the reason."""
        if not self._is_over:
            self._is_over = True
            self._sending.write(frames.goodbye(self._calls.last, code, text))
            self._sending.flush()
            self._transport.close()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._site.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.take(bytes(self._site.buffer[:nbytes]))

    def take(self, data: bytes) -> None:
        """Read the frames that have arrived."""
        if self._is_over:
            return
        if self._rest:
            data = self._rest + data
        position = 0
        try:
            if not self._has_preface:
                position = self._greet(data)
            end = len(data) - frames.HEAD.size
            while position <= end and self._has_preface:
                high, low, kind, flags, number = frames.HEAD.unpack_from(data, position)
                size = high << 16 | low
                _check_size(size)
                start = position + frames.HEAD.size
                if start + size > len(data):
                    break
                position = start + size
                self._take(kind, flags, number & frames.MAX_WINDOW, data[start:position])
        except Fault as fault:
            self.end(fault.code, fault.text)
            return
        if position or not self._rest:
            self._rest_since = time.perf_counter()
        self._rest = data[position:] if position else data

    def _greet(self, data: bytes) -> int:
        """Answer the beginning of a connection; return where the first frame begins."""
        size = len(frames.PREFACE)
        if data[:size] != frames.PREFACE[: len(data)]:
            self._is_over = True
            self._transport.write(
                b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 22\r\n\r\n"
                b"This port speaks gRPC\n"
            )
            self._transport.close()
            return 0
        if len(data) < size:
            return 0
        self._has_preface = True
        told = {
            Setting.MAX_CONCURRENT_STREAMS: MAX_CALLS,
            Setting.INITIAL_WINDOW_SIZE: WINDOW,
            Setting.MAX_FRAME_SIZE: _MAX_FRAME,
            Setting.MAX_HEADER_LIST_SIZE: MAX_LIST_BYTES,
        }
        update = frames.window_update(0, CONNECTION_WINDOW)
        self._sending.write(frames.settings(told) + update)
        return size

    def _take(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if self._block is not None and kind != Kind.CONTINUATION:
            raise Fault(Code.PROTOCOL_ERROR, "something between the parts of headers")
        if kind == Kind.DATA:
            if self._calls.take_data(flags, number, payload):
                self._odd.count()
            else:  # a client makes room and looks how far away we are for each of its messages
                self._odd.forgive()
        elif kind == Kind.HEADERS:
            block = payload
            if flags & (frames.PADDED | frames.PRIORITY):
                block = frames.payload_of(flags, payload)
            if flags & frames.END_HEADERS:
                self._calls.take_headers(number, bool(flags & frames.END_STREAM), block)
            else:
                self._block = (number, flags, bytearray(block))
        elif kind == Kind.CONTINUATION:
            self._take_continuation(flags, number, payload)
        elif kind == Kind.RST_STREAM:
            self._resets.count()
            self._calls.take_reset(number, payload)
        elif kind == Kind.WINDOW_UPDATE:
            self._odd.count()
            if len(payload) != 4:
                raise Fault(Code.FRAME_SIZE_ERROR, "WINDOW_UPDATE")
            self._sending.widen(number, frames.NUMBER.unpack(payload)[0] & frames.MAX_WINDOW)
        elif kind == Kind.SETTINGS:
            self._odd.count()
            self._take_settings(flags, number, payload)
        elif kind == Kind.PING:
            self._odd.count()
            if len(payload) != 8 or number:
                raise Fault(Code.FRAME_SIZE_ERROR, "PING")
            if not flags & frames.ACK:
                self._sending.write(frames.frame(Kind.PING, frames.ACK, 0, payload))
        elif kind == Kind.PUSH_PROMISE:
            raise Fault(Code.PROTOCOL_ERROR, "a promise from a client")

    def _take_settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise Fault(Code.PROTOCOL_ERROR, "settings of one stream")
        if flags & frames.ACK:
            return
        if len(payload) % frames.SETTING.size:
            raise Fault(Code.FRAME_SIZE_ERROR, "SETTINGS")
        for name, value in frames.SETTING.iter_unpack(payload):
            self._sending.set(name, value)
        self._sending.write(frames.frame(Kind.SETTINGS, frames.ACK, 0))

    def _take_continuation(self, flags: int, number: int, payload: bytes) -> None:
        if self._block is None or self._block[0] != number:
            raise Fault(Code.PROTOCOL_ERROR, "a continuation of nothing")
        self._odd.count()
        _, first_flags, block = self._block
        block += payload
        if len(block) > _MAX_BLOCK_BYTES:
            raise Fault(Code.ENHANCE_YOUR_CALM, f"headers of more than {_MAX_BLOCK_BYTES} bytes")
        if flags & frames.END_HEADERS:
            self._block = None
            self._calls.take_headers(number, bool(first_flags & frames.END_STREAM), bytes(block))


def _check_size(size: int) -> None:
    if size > _MAX_FRAME:
        raise Fault(Code.FRAME_SIZE_ERROR, f"a frame of {size} bytes")
