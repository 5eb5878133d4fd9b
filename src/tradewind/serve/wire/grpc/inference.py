"""ModelInfer and ModelStreamInfer."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from weakref import WeakKeyDictionary

from tradewind.errors import RequestError
from tradewind.protocol.infer_messages import InferRequest, read_request
from tradewind.serve.batching import Threads
from tradewind.serve.catalog import Catalog
from tradewind.serve.endpoint import Endpoint
from tradewind.serve.messages import Arrival, Request
from tradewind.serve.observing import Account, ServerMetrics, Watch
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.security import Gate, Right
from tradewind.serve.wire.grpc.call import Call, Parts
from tradewind.serve.wire.grpc.codec import Codec
from tradewind.serve.wire.grpc.conversation import Conversation, Tell
from tradewind.serve.wire.grpc.messages import Message, unpack
from tradewind.serve.wire.grpc.status import Code, Status, failure, status_of

_log = logging.getLogger("tradewind.serve")


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
        await Conversation(call, self._read, self._infer_streamed).run()

    def _infer_streamed(
        self, call: Call, sent: InferRequest, size_bytes: int, tell: Tell
    ) -> Awaitable[Parts]:
        return self._infer(call, sent, size_bytes, time.perf_counter(), call.left_s, tell)

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
        tell: Tell | None = None,
    ) -> Awaitable[Parts]:
        if self._watch is None:
            return self._admit(call, sent, size_bytes, at_s, timeout_s, tell)
        return self._follow(self._watch, call, sent, size_bytes, at_s, timeout_s, tell)

    async def _follow(
        self,
        watch: Watch,
        call: Call,
        sent: InferRequest,
        size_bytes: int,
        at_s: float,
        timeout_s: float | None,
        tell: Tell | None,
    ) -> Parts:
        """Answer a request whose account is kept."""
        path = call.head.path
        traceparent = call.head.metadata.get("traceparent")
        account = watch.open("grpc", path.rpartition("/")[2], path, call.peer, traceparent)
        account.received_bytes = size_bytes
        try:
            parts = await self._admit(call, sent, size_bytes, at_s, timeout_s, tell, account)
        except Exception as error:
            code = status_of(error, "").code
            account.status = code.name
            account.reason = _reason(error, code)
            raise
        else:
            account.status = Code.OK.name
            account.sent_bytes += sum(map(len, parts))
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
        tell: Tell | None,
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
            return await self._ask(endpoint, sent, size_bytes, timeout_s, arrival, tell)

    async def _ask(
        self,
        endpoint: Endpoint,
        sent: InferRequest,
        size_bytes: int,
        timeout_s: float | None,
        arrival: Arrival,
        tell: Tell | None,
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
            if tell is not None and endpoint.is_streaming:
                parts, encode_s = await _tell_all(endpoint, codec, request, tell)
            else:
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


async def _tell_all(
    endpoint: Endpoint, codec: Codec, request: Request, tell: Tell
) -> tuple[Parts, float]:
    """Tell every answer but the last as soon as it is there; return that, and what writing took."""
    parts: Parts = ()
    encode_s = 0.0
    account = request.arrival.account
    async with aclosing(endpoint.stream(request)) as responses:
        async for response in responses:
            answered_s = time.perf_counter()
            parts = codec.encode(request, response)
            encode_s += time.perf_counter() - answered_s
            if response.is_last is False:
                if account is not None:
                    account.sent_bytes += sum(map(len, parts))
                await tell(parts)
    return parts, encode_s


def _reason(error: Exception, code: Code) -> str:
    """Return why a request was not answered, as the metrics call it."""
    if isinstance(error, Refusal):
        return error.reason
    return Reason.INVALID.value if code is Code.INVALID_ARGUMENT else "failed"
