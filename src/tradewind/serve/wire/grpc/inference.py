"""ModelInfer and ModelStreamInfer."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from weakref import WeakKeyDictionary

from tradewind.errors import RequestError
from tradewind.protocol import protobuf
from tradewind.protocol.infer_messages import InferRequest, read_request
from tradewind.serve.batching import Threads
from tradewind.serve.catalog import Catalog
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival
from tradewind.serve.observing import Account, ServerMetrics, Watch
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Gate, Right
from tradewind.serve.wire.grpc.call import Call, Parts
from tradewind.serve.wire.grpc.codec import Codec
from tradewind.serve.wire.grpc.messages import Message, unpack
from tradewind.serve.wire.grpc.status import Code, Status, failure, status_of

_log = logging.getLogger("tradewind.serve")

_AT_ONCE = 16  # requests of one stream that are answered at the same time


class Inference:
    """Asks models for clients of gRPC.

    Args:
        catalog: where the models are.
        gate: says who may ask.
        metrics: counts what is refused without belonging to a model.
        check_open: raises when the server is stopping.
        max_bytes: of one message, after unpacking.
        translators: threads for messages that take long to read.
        watch: follows every request, where somebody wants to know.
    """

    def __init__(
        self,
        catalog: Catalog,
        gate: Gate,
        metrics: ServerMetrics,
        check_open: Callable[[], None],
        max_bytes: int,
        translators: Threads,
        watch: Watch | None = None,
    ) -> None:
        self._catalog = catalog
        self._gate = gate
        self._metrics = metrics
        self._check_open = check_open
        self._max_bytes = max_bytes
        self._translators = translators
        self._watch = watch
        self._codecs: WeakKeyDictionary[Endpoint, Codec] = WeakKeyDictionary()

    async def infer(self, call: Call, message: Message) -> Parts:
        """Answer one request.

        Raises:
            Status: there is no answer.
        """
        sent = await self._read(call, message)
        return await self._infer(call, sent, len(message.content), call.at_s, call.head.timeout_s)

    async def stream(self, call: Call) -> None:
        """Answer the requests of a stream in their order, several of them at the same time."""
        answers: asyncio.Queue[asyncio.Task[Parts] | None] = asyncio.Queue(_AT_ONCE)
        reading = asyncio.create_task(self._read_stream(call, answers))
        try:
            while (answer := await answers.get()) is not None:
                await call.send(await answer)
            await reading
        finally:
            reading.cancel()

    async def _read_stream(
        self, call: Call, answers: "asyncio.Queue[asyncio.Task[Parts] | None]"
    ) -> None:
        while (message := await call.receive()) is not None:
            # not cancelled with the call: what waits learns from `gone` that it is over
            await answers.put(asyncio.create_task(self._stream_one(call, message)))
        await answers.put(None)

    async def _stream_one(self, call: Call, message: Message) -> Parts:
        """Return a ModelStreamInferResponse, whatever happens."""
        call.line.begin()
        request_id = ""
        try:
            sent = await self._read(call, message)
            request_id = sent.id
            now_s = time.perf_counter()
            parts = await self._infer(call, sent, len(message.content), now_s, call.left_s)
            size = sum(map(len, parts))
            return [b"\x12" + protobuf.write_varint(size), *parts]
        except Exception as error:
            told = status_of(error, str(failure(call.head.path)))
            text = protobuf.write_field(1, told.message.encode())
            about = protobuf.write_field(3, request_id.encode()) if request_id else b""
            return [text, protobuf.write_field(2, about) if about else b""]
        finally:
            call.line.release(message.held_bytes)
            call.line.done()

    async def _read(self, call: Call, message: Message) -> InferRequest:
        content = message.content
        try:
            if message.is_packed:
                content = await self._translators.run(
                    partial(unpack, message, call.head.encoding, self._max_bytes)
                )
            return read_request(content)
        except (RequestError, Status):
            self._metrics.refused_elsewhere[Reason.INVALID] += 1
            raise
        except Refusal as refusal:
            self._metrics.refused_elsewhere[refusal.reason] += 1
            raise

    def _infer(
        self,
        call: Call,
        sent: InferRequest,
        size_bytes: int,
        at_s: float,
        timeout_s: float | None,
    ) -> Awaitable[Parts]:
        if self._watch is None:
            return self._admit(call, sent, size_bytes, at_s, timeout_s)
        return self._follow(self._watch, call, sent, size_bytes, at_s, timeout_s)

    async def _follow(
        self,
        watch: Watch,
        call: Call,
        sent: InferRequest,
        size_bytes: int,
        at_s: float,
        timeout_s: float | None,
    ) -> Parts:
        """Answer a request whose account is kept."""
        path = call.head.path
        traceparent = call.head.metadata.get("traceparent")
        account = watch.open("grpc", path.rpartition("/")[2], path, call.peer, traceparent)
        account.received_bytes = size_bytes
        try:
            parts = await self._admit(call, sent, size_bytes, at_s, timeout_s, account)
        except Exception as error:
            code = status_of(error, "").code
            account.status = code.name
            account.reason = _reason(error, code)
            raise
        else:
            account.status = Code.OK.name
            account.sent_bytes = sum(map(len, parts))
            return parts
        finally:
            watch.close(account)

    async def _admit(
        self,
        call: Call,
        sent: InferRequest,
        size_bytes: int,
        at_s: float,
        timeout_s: float | None,
        account: Account | None = None,
    ) -> Parts:
        try:
            self._check_open()
            head = call.head
            client = self._gate.check(head.metadata, Right.INFER, sent.model, call.peer)
            endpoint = self._catalog.ready(sent.model, sent.version)
            if endpoint is None:
                endpoint = await self._catalog.endpoint(sent.model, sent.version)
        except Refusal as refusal:
            self._metrics.refused_elsewhere[refusal.reason] += 1
            raise
        with endpoint.lease():
            arrival = Arrival(at_s, call.gone, client.name, account)
            return await self._ask(endpoint, sent, size_bytes, timeout_s, arrival)

    async def _ask(
        self,
        endpoint: Endpoint,
        sent: InferRequest,
        size_bytes: int,
        timeout_s: float | None,
        arrival: Arrival,
    ) -> Parts:
        metrics = endpoint.metrics
        codec = self._codecs.get(endpoint)
        if codec is None:
            codec = self._codecs[endpoint] = Codec(endpoint)
        try:
            began_s = time.perf_counter()
            if codec.takes_long(sent):
                decode = partial(codec.decode, sent, size_bytes, timeout_s, arrival)
                request = await self._translators.run(decode)
            else:
                request = codec.decode(sent, size_bytes, timeout_s, arrival)
            understood_s = time.perf_counter()
            response = await endpoint.answer(request)
            answered_s = time.perf_counter()
            parts = codec.encode(request, response)
            encode_s = time.perf_counter() - answered_s
            metrics.count_translation(understood_s - began_s, encode_s)
        except Refusal as refusal:
            metrics.refused[refusal.reason] += 1
            raise
        except (RequestError, Status):
            metrics.refused[Reason.INVALID] += 1
            raise
        except Exception as error:
            metrics.failed += 1
            _log.exception("model %s failed on a request", endpoint.model.name)
            told = str(failure(f"model {endpoint.model.name}"))
            raise Status(Code.INTERNAL, told) from error
        return parts


def _reason(error: Exception, code: Code) -> str:
    """Return why a request was not answered, as the metrics call it."""
    if isinstance(error, Refusal):
        return error.reason
    return Reason.INVALID.value if code is Code.INVALID_ARGUMENT else "failed"
