"""The calls of one connection: begun, fed, answered, given up."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from tradewind.errors import TradewindError
from tradewind.serve.wire.grpc import frames
from tradewind.serve.wire.grpc.call import Call, Method, Parts
from tradewind.serve.wire.grpc.frames import Code, Fault
from tradewind.serve.wire.grpc.headers import Head, Heads
from tradewind.serve.wire.grpc.messages import Incoming, Message
from tradewind.serve.wire.grpc.sending import Sending
from tradewind.serve.wire.grpc.site import Site
from tradewind.serve.wire.grpc.status import Code as StatusCode
from tradewind.serve.wire.grpc.status import Status, failure, status_of

_log = logging.getLogger("tradewind.serve")

MAX_CALLS = 1024
WINDOW = 2**20  # bytes of one call that are on their way, at most
CONNECTION_WINDOW = 2**30  # what is held is limited for all connections together

_MAX_UNREAD = 8  # messages of one call
_UNKNOWN = Method()


class Calls:
    """What is asked on one connection.

    Args:
        site: what all connections share.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._loop = asyncio.get_running_loop()
        self._heads = Heads()
        self._calls: dict[int, Call] = {}
        self._received = 0  # bytes of all calls since the last update of the window
        self.sending = Sending(self._calls, self._finish)
        self.last = 0  # number of the newest call
        self.peer = ""
        self.release = site.release
        self.begin, self.done = site.begin, site.done

    def put(self, call: Call, parts: Parts) -> None:
        """Send a message, or keep it until the other side has room."""
        self.sending.put(call, parts)

    def read_on(self, call: Call) -> None:
        """Let the other side send more, unless enough waits to be read."""
        if call.is_half_closed or len(call.messages) > _MAX_UNREAD:
            return
        if call.uncredited > WINDOW // 2:
            self.sending.write(frames.window_update(call.number, call.uncredited))
            call.uncredited = 0

    def take_headers(self, number: int, is_end: bool, block: bytes) -> None:
        """Begin a call, or end what is sent to one.

        Raises:
            Fault: the headers mean nothing.
        """
        head = self._heads.decode(block)
        if number <= self.last:
            call = self._calls.get(number)
            if call is not None:  # trailers, which say in gRPC only that this is the end
                self._end_input(call)
            return
        if not number & 1:
            raise Fault(Code.PROTOCOL_ERROR, "a stream with an even number")
        self.last = number
        if len(self._calls) >= MAX_CALLS or self._site.is_full:
            self.sending.write(frames.reset(number, Code.REFUSED_STREAM))
            return
        call = self._begin(number, head)
        if is_end and not call.is_closed:
            self._end_input(call)

    def take_data(self, flags: int, number: int, payload: bytes) -> bool:
        """Feed a call; return whether that was of no use to anybody.

        Raises:
            Fault: there never was such a call, or it sends more than it may.
        """
        size = len(payload)
        self._received += size
        if self._received > CONNECTION_WINDOW // 2:
            self.sending.write(frames.window_update(0, self._received))
            self._received = 0
        call = self._calls.get(number)
        if call is None or call.is_half_closed:
            if number > self.last:
                raise Fault(Code.PROTOCOL_ERROR, "data of a stream that never was")
            return True
        call.uncredited += size
        if call.uncredited > WINDOW:
            raise Fault(Code.FLOW_CONTROL_ERROR, "more than the window of a stream")
        if flags & frames.PADDED:
            payload = frames.payload_of(frames.PADDED, payload)
        try:
            call.incoming.feed(payload, call.messages)
        except TradewindError as error:
            self._refuse(call, status_of(error, ""))
            return False
        except Status as status:
            self._refuse(call, status)
            return False
        if flags & frames.END_STREAM:
            self._end_input(call)
        else:
            if call.method.converse is not None and call.messages:
                call.wake()
            self.read_on(call)
        return not size

    def take_reset(self, number: int, payload: bytes) -> None:
        """Give up a call that its client gave up.

        Raises:
            Fault: there never was such a call.
        """
        call = self._calls.get(number)
        if call is not None:
            self._abandon(call)
        elif number > self.last or len(payload) != 4:
            raise Fault(Code.PROTOCOL_ERROR, "the end of a stream that never was")

    def expire(self, now_s: float, patience_s: float) -> None:
        """Refuse the calls whose only message takes too long to arrive."""
        for call in list(self._calls.values()):
            if call.method.answer is None or call.is_half_closed:
                continue
            if now_s - call.at_s > patience_s:
                told = f"message: expected all of it within {patience_s:g} s, got less."
                self._refuse(call, Status(StatusCode.DEADLINE_EXCEEDED, told))

    def abandon_all(self) -> None:
        """Give up everything: the connection is lost."""
        for call in list(self._calls.values()):
            self._abandon(call)

    def _begin(self, number: int, head: Head) -> Call:
        method = self._site.methods.get(head.path, _UNKNOWN)
        incoming = Incoming(self._site.max_bytes, self._site.hold)
        call = Call(number, method, head, self, incoming, self.sending.initial_window)
        self._calls[number] = call
        self._site.open_calls += 1
        if not head.is_grpc:
            self.sending.refuse_http(call)
        elif method is _UNKNOWN:
            told = f"{head.path[:200]}: expected a method of this server, got another."
            self._refuse(call, Status(StatusCode.UNIMPLEMENTED, told))
        else:
            if head.timeout_s is not None:
                call.alarm = self._loop.call_later(head.timeout_s, self._expire, call)
            if method.converse is not None:
                call.task = self._loop.create_task(self._converse(call, method.converse))
        return call

    def _end_input(self, call: Call) -> None:
        call.is_half_closed = True
        if not call.incoming.is_between:
            self._refuse(call, Status(StatusCode.INTERNAL, "the beginning of a message"))
        elif call.method.answer is None:
            call.wake()
        elif len(call.messages) != 1:
            told = f"{call.head.path}: expected one message, got {len(call.messages)}."
            self._refuse(call, Status(StatusCode.UNIMPLEMENTED, told))
        else:
            call.task = self._loop.create_task(self._answer(call, call.messages.popleft()))

    async def _answer(self, call: Call, message: Message) -> None:
        self._site.begin()
        try:
            assert call.method.answer is not None
            parts = await call.method.answer(call, message)
            if not call.is_closed:
                self.sending.finish_with(call, parts)
        except Exception as error:
            self._fail(call, error)
        finally:
            self._site.release(message.held_bytes)
            self._site.done()

    async def _converse(self, call: Call, converse: Callable[[Call], Awaitable[None]]) -> None:
        try:
            await converse(call)
            if not call.is_closed:
                self.sending.end(call)
        except Exception as error:
            self._fail(call, error)

    def _fail(self, call: Call, error: Exception) -> None:
        status = status_of(error, str(failure(call.head.path)))
        if status.code is StatusCode.INTERNAL and not isinstance(error, Status):
            _log.error("%s failed", call.head.path, exc_info=error)
        self._refuse(call, status)

    def _refuse(self, call: Call, status: Status) -> None:
        if not call.is_closed:
            self.sending.refuse(call, status)

    def _expire(self, call: Call) -> None:
        told = (
            f"{call.head.path}: expected an answer within {call.head.timeout_s:g} s, got none yet."
        )
        self._refuse(call, Status(StatusCode.DEADLINE_EXCEEDED, told))

    def _abandon(self, call: Call) -> None:
        """Give up a call that nobody waits for; what computes for it learns so by `gone`."""
        self.sending.forget(call)
        self._finish(call)

    def _finish(self, call: Call) -> None:
        if self._calls.pop(call.number, None) is not None:
            self._site.open_calls -= 1
        call.close()
        if call.method.converse is not None and call.task is not None:
            call.task.cancel()
