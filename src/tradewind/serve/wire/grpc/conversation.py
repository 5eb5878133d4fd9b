"""Many requests and their answers on one call of ModelStreamInfer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, final

from tradewind.protocol import protobuf
from tradewind.protocol.infer_messages import InferRequest
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.wire.grpc.call import Call, Parts
from tradewind.serve.wire.grpc.messages import Message
from tradewind.serve.wire.grpc.status import failure, status_of

_AT_ONCE = 16  # requests of one stream that are answered at the same time
_AHEAD = 4  # answers to one request that wait to be sent

Tell = Callable[[Parts], Awaitable[None]]
"""Takes every answer to a request but its last."""

_Answers = asyncio.Queue[Parts | None]


@final
class Conversation:
    """Answers the requests of a stream in their order, several of them at the same time.

    Requests of one sequence wait for each other here already: a short one could be understood
    before a long one that came first.

    Args:
        call: the stream.
        read: returns the request that a message holds.
        infer: returns the last answer to a request that came in a message of so many bytes.
    """

    def __init__(
        self,
        call: Call,
        read: Callable[[Call, Message], Awaitable[InferRequest]],
        infer: Callable[[Call, InferRequest, int, Tell], Awaitable[Parts]],
    ) -> None:
        self._call = call
        self._read = read
        self._infer = infer
        self._turns: asyncio.Queue[_Answers | None] = asyncio.Queue(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._newest: dict[tuple[str, Any], asyncio.Task[None]] = {}  # of each sequence

    async def run(self) -> None:
        """Answer until the client has nothing more to ask."""
        reading = asyncio.create_task(self._read_all())
        try:
            while (answers := await self._turns.get()) is not None:
                while (parts := await answers.get()) is not None:
                    await self._call.send(parts)
            await reading
        finally:
            reading.cancel()

    async def _read_all(self) -> None:
        while (message := await self._call.receive()) is not None:
            try:
                sent = await self._understood(message)
            except asyncio.CancelledError:
                self._call.line.release(message.held_bytes)
                raise
            answers: _Answers = asyncio.Queue(_AHEAD)
            self._begin(message, sent, answers)
            await self._turns.put(answers)
        await self._turns.put(None)

    async def _understood(self, message: Message) -> InferRequest | Exception:
        try:
            return await self._read(self._call, message)
        except Exception as error:
            return error

    def _begin(self, message: Message, sent: InferRequest | Exception, answers: _Answers) -> None:
        sequence = None if isinstance(sent, Exception) else sent.parameters.get("sequence_id")
        key = None if isinstance(sent, Exception) or not sequence else (sent.model, sequence)
        before = None if key is None else self._newest.get(key)
        # not cancelled with the call: what waits learns from `gone` that it is over
        task = asyncio.create_task(self._answer(message, sent, answers, before))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if key is not None:
            self._newest[key] = task
            task.add_done_callback(lambda _: self._forget(key, task))

    def _forget(self, key: tuple[str, Any], task: "asyncio.Task[None]") -> None:
        if self._newest.get(key) is task:
            del self._newest[key]

    async def _answer(
        self,
        message: Message,
        sent: InferRequest | Exception,
        answers: _Answers,
        before: "asyncio.Task[None] | None",
    ) -> None:
        """Offer every answer to one request, or why there is none."""
        self._call.line.begin()

        async def tell(parts: Parts) -> None:
            await self._offer(answers, _framed(parts))

        try:
            if before is not None:
                await asyncio.wait({before})
            last = await self._last(message, sent, tell)
        finally:
            self._call.line.release(message.held_bytes)
            self._call.line.done()
        with contextlib.suppress(Refusal):  # nobody reads it any more
            await self._offer(answers, last)
            await self._offer(answers, None)

    async def _last(self, message: Message, sent: InferRequest | Exception, tell: Tell) -> Parts:
        """Return the last ModelStreamInferResponse to a request, whatever happens."""
        if isinstance(sent, Exception):
            return self._failed(sent, "")
        try:
            return _framed(await self._infer(self._call, sent, len(message.content), tell))
        except Exception as error:
            return self._failed(error, sent.id)

    def _failed(self, error: Exception, request_id: str) -> Parts:
        told = status_of(error, str(failure(self._call.head.path)))
        text = protobuf.write_field(1, told.message.encode())
        about = protobuf.write_field(3, request_id.encode()) if request_id else b""
        return [text, protobuf.write_field(2, about) if about else b""]

    async def _offer(self, answers: _Answers, parts: Parts | None) -> None:
        """Let an answer be sent; return when there is room for the next.

        Raises:
            Refusal: the client has gone.
        """
        if self._call.is_closed:
            raise _client_gone()
        if not answers.full():
            answers.put_nowait(parts)
            return
        gone = asyncio.ensure_future(self._call.gone())
        putting = asyncio.ensure_future(answers.put(parts))
        await asyncio.wait({gone, putting}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not putting.done():
            putting.cancel()
            raise _client_gone()


def _framed(parts: Parts) -> Parts:
    return [b"\x12" + protobuf.write_varint(sum(map(len, parts))), *parts]


def _client_gone() -> Refusal:
    return Refusal(Reason.CLIENT_GONE, "client", "someone who waits", "a closed connection")
