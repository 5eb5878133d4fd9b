"""What goes out of one connection, as fast as the other side takes it."""

import asyncio
import struct
from collections.abc import Callable, Mapping

from tradewind.serve.wire.grpc import frames
from tradewind.serve.wire.grpc.call import Call, Parts
from tradewind.serve.wire.grpc.frames import Code, Fault, Kind, Setting
from tradewind.serve.wire.grpc.status import Status

_OK_BLOCK = b"\x88" + frames.literal("content-type", "application/grpc")
_OK_TRAILERS = frames.literal("grpc-status", "0")
_ACCEPTED = frames.literal("grpc-accept-encoding", "identity,deflate,gzip")
_DATA_HEAD = struct.Struct(">BHBBIBI")  # with the prefix of a message
_PREFIX_BYTES = 5
_MAX_FRAME_LIMIT = 2**24 - 1


class Sending:
    """Writes frames, within the windows of HTTP/2.

    Args:
        calls: those that are open, by number.
        finish: called when the last byte of a call is out.
    """

    def __init__(self, calls: Mapping[int, Call], finish: Callable[[Call], None]) -> None:
        self._calls = calls
        self._finish = finish
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._out: list[bytes] = []
        self._window = 65_535
        self._max_frame = 16_384
        self._blocked: dict[int, Call] = {}
        self.initial_window = 65_535
        self.is_paused = False

    def open(self, transport: asyncio.Transport) -> None:
        """Begin to write to a transport."""
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write frames: at once for a single call, with others of this moment for several."""
        if self._out:
            self._out.append(data)
        elif len(self._calls) > 1:
            self._out.append(data)
            self._loop.call_soon(self.flush)
        elif self._transport is not None:
            self._transport.write(data)

    def flush(self) -> None:
        """Write what was collected."""
        if self._out and self._transport is not None:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out.clear()
            self._transport.write(data)

    def set(self, name: int, value: int) -> None:
        """Take over a setting of the other side.

        Raises:
            Fault: it may not be so.
        """
        if name == Setting.MAX_FRAME_SIZE:
            if not 16_384 <= value <= _MAX_FRAME_LIMIT:
                raise Fault(Code.PROTOCOL_ERROR, f"frames of {value} bytes")
            self._max_frame = value
        elif name == Setting.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                raise Fault(Code.FLOW_CONTROL_ERROR, f"a window of {value} bytes")
            more = value - self.initial_window
            self.initial_window = value
            for call in self._calls.values():
                call.window += more
            if more > 0:
                self.pump_all()

    def widen(self, number: int, more: int) -> None:
        """Take note that the other side has more room.

        Raises:
            Fault: nothing was added, or the window is wider than it can be.
        """
        if more == 0:
            raise Fault(Code.PROTOCOL_ERROR, "a window that grows by nothing")
        if number == 0:
            self._window += more
            if self._window > frames.MAX_WINDOW:
                raise Fault(Code.FLOW_CONTROL_ERROR, "a window of 2 GiB")
            self.pump_all()
            return
        call = self._calls.get(number)
        if call is None:
            return
        call.window += more
        if call.window > frames.MAX_WINDOW:
            raise Fault(Code.FLOW_CONTROL_ERROR, "a window of 2 GiB")
        if number in self._blocked:
            self._pump(call)

    def finish_with(self, call: Call, parts: Parts) -> None:
        """Send the only message of a call with its status."""
        size = sum(map(len, parts))
        framed = size + _PREFIX_BYTES
        number = call.number
        if framed > min(self._window, call.window, self._max_frame) or self.is_paused:
            self.put(call, parts)
            self.end(call, _OK_TRAILERS)
            return
        self._window -= framed
        pack = frames.HEAD.pack
        begin = pack(0, len(_OK_BLOCK), Kind.HEADERS, frames.END_HEADERS, number)
        data = _DATA_HEAD.pack(framed >> 16, framed & 0xFFFF, Kind.DATA, 0, number, 0, size)
        flags = frames.END_HEADERS | frames.END_STREAM
        end = pack(0, len(_OK_TRAILERS), Kind.HEADERS, flags, number)
        self.write(b"".join((begin, _OK_BLOCK, data, *parts, end, _OK_TRAILERS)))
        self._close(call)

    def put(self, call: Call, parts: Parts) -> None:
        """Send a message, or as much of it as there is room for now."""
        self._begin(call)
        size = sum(map(len, parts))
        call.waiting.append(memoryview(b"\0" + frames.NUMBER.pack(size)))
        call.waiting.extend(memoryview(part) for part in parts if len(part))
        self._pump(call)

    def end(self, call: Call, trailers: bytes = _OK_TRAILERS) -> None:
        """Send the status of a call after what waits."""
        self._begin(call)
        call.with_status = trailers
        if not call.waiting:
            self._end_now(call)

    def refuse(self, call: Call, status: Status) -> None:
        """End a call with an error; what waits is not sent."""
        call.waiting.clear()
        block = b"".join(frames.literal(*pair) for pair in status.trailers)
        if not call.has_headers:
            block = _OK_BLOCK + _ACCEPTED + block
            call.has_headers = True
        call.with_status = block
        self._end_now(call)

    def refuse_http(self, call: Call) -> None:
        """Answer what is HTTP/2, but not gRPC."""
        call.has_headers = True
        call.with_status = frames.literal(":status", "415")
        self._end_now(call)

    def pump_all(self) -> None:
        """Send what waits in every call."""
        for call in list(self._blocked.values()):
            self._pump(call)

    def forget(self, call: Call) -> None:
        """Drop a call that ended otherwise."""
        self._blocked.pop(call.number, None)

    def _begin(self, call: Call) -> None:
        if not call.has_headers:
            call.has_headers = True
            self.write(frames.frame(Kind.HEADERS, frames.END_HEADERS, call.number, _OK_BLOCK))

    def _pump(self, call: Call) -> None:
        while call.waiting and not self.is_paused:
            part = call.waiting[0]
            room = min(self._window, call.window, self._max_frame)
            if room <= 0:
                break
            self._window -= min(room, len(part))
            call.window -= min(room, len(part))
            self.write(frames.frame(Kind.DATA, 0, call.number, bytes(part[:room])))
            if len(part) > room:
                call.waiting[0] = part[room:]
            else:
                call.waiting.popleft()
        if call.waiting:
            self._blocked[call.number] = call
            return
        self._blocked.pop(call.number, None)
        if call.with_status is not None:
            self._end_now(call)
        else:
            call.wake()

    def _end_now(self, call: Call) -> None:
        assert call.with_status is not None
        flags = frames.END_HEADERS | frames.END_STREAM
        self.write(frames.frame(Kind.HEADERS, flags, call.number, call.with_status))
        self._close(call)

    def _close(self, call: Call) -> None:
        self._blocked.pop(call.number, None)
        if not call.is_half_closed:  # nobody will read what still comes
            self.write(frames.reset(call.number, Code.NO_ERROR))
        self._finish(call)
