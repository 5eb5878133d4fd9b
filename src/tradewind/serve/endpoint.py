"""One model as every wire sees it: rules that requests must fit, and who answers them."""

import time
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing

from tradewind.serve.messages import Answer, Request, Response, Stream
from tradewind.serve.observing import Account, ModelMetrics
from tradewind.serve.served import ServedModel
from tradewind.serve.shapes import InputRules
from tradewind.tensors import Array

_SMALL_BYTES = 1 << 16
_LONGEST_ID = 256  # in records; an id may be as long as the body


class Endpoint:
    """One version of a model that is ready to be asked, whatever the protocol.

    Only the event loop may touch it. Whoever is about to ask takes a lease at once, without
    waiting for anything since the endpoint was found; while there are leases it is not closed.

    Args:
        model: what is served.
        rules: what its requests must fit.
        answer: the first in the chain of those that answer.
        metrics: what is counted for it.
        stream: the first in the chain of those that give several answers, where the model can.
    """

    def __init__(
        self,
        model: ServedModel,
        rules: InputRules,
        answer: Answer,
        metrics: ModelMetrics,
        stream: Stream | None = None,
    ) -> None:
        self.model = model
        self.rules = rules
        self.metrics = metrics
        self.leases = 0
        self.sequence_idle_s = 0.0  # after which a sequence is forgotten, where it is remembered
        self.recent: deque[dict[str, Array]] = deque(maxlen=0)  # inputs of small requests
        self._answer = answer
        self._stream = stream
        self._lease = _Lease(self)
        batched = [spec.name for spec in model.signature.inputs if spec.has_free_batch]
        self._batched = batched[0] if batched else None

    def lease(self) -> AbstractContextManager[None]:
        """Keep the endpoint open, from reading a request to its last byte."""
        return self._lease

    @property
    def is_streaming(self) -> bool:
        """Whether there may be several answers to a request."""
        return self._stream is not None

    async def answer(self, request: Request) -> Response:
        """Return what the model says.

        Raises:
            Refusal: the request was not admitted, or not in time.
            EngineError: the model broke.
        """
        entered_s = self._enter(request)
        try:
            response = await self._answer(request)
        except Exception:
            self.metrics.unanswered.observe(time.perf_counter() - request.arrival.at_s)
            raise
        self._count(request, response, entered_s)
        return response

    async def stream(self, request: Request) -> AsyncGenerator[Response, None]:
        """Yield what the model says, as soon as it is there: one answer where it gives one.

        Raises:
            Refusal: the request was not admitted, or not in time.
            EngineError: the model broke.
        """
        if self._stream is None:
            yield await self.answer(request)
            return
        entered_s = self._enter(request)
        whole: Response | None = None
        try:
            async with aclosing(self._stream(request)) as responses:
                async for response in responses:
                    whole = response if whole is None else _together(whole, response)
                    yield response
        except BaseException:  # also when nobody wants to know the rest
            self.metrics.unanswered.observe(time.perf_counter() - request.arrival.at_s)
            raise
        assert whole is not None
        self._count(request, whole, entered_s)

    def _enter(self, request: Request) -> float:
        """Note that a request was understood; return when."""
        if request.size_bytes <= _SMALL_BYTES:
            self.recent.append(request.inputs)
        entered_s = time.perf_counter()
        if request.arrival.account is not None:
            self._begin(request.arrival.account, request, entered_s)
        return entered_s

    def _count(self, request: Request, response: Response, entered_s: float) -> None:
        """Note that a request was answered."""
        arrived_s = request.arrival.at_s
        account = request.arrival.account
        answered_s = time.perf_counter()
        examples = 1 if self._batched is None else len(request.inputs[self._batched])
        if response.is_cached:
            self.metrics.count_hit(answered_s - arrived_s)
        else:
            self.metrics.count_answer(
                response.queue_s,
                response.compute_s,
                answered_s - arrived_s,
                entered_s - arrived_s,
                examples,
                response.examples,
            )
        if account is not None:
            account.examples = examples
            account.together = response.examples or examples
            account.computing_s = arrived_s + response.queue_s
            account.computed_s = account.computing_s + response.compute_s
            account.answered_s = answered_s
            account.outputs = response.outputs if response.is_last is None else None

    def _begin(self, account: Account, request: Request, entered_s: float) -> None:
        account.model = self.model.name
        account.version = self.model.version
        account.request_id = request.id[:_LONGEST_ID]
        account.client = request.arrival.client or account.client
        account.received_bytes = request.size_bytes
        account.understood_s = entered_s
        account.inputs = request.inputs


def _together(one: Response, next_one: Response) -> Response:
    """Return what two answers to one request took; what they say is the later one's."""
    return Response(
        next_one.outputs,
        one.queue_s,
        one.compute_s + next_one.compute_s,
        one.examples + next_one.examples,
        is_last=next_one.is_last,
    )


class _Lease(AbstractContextManager[None]):
    """Counts itself; one object serves all requests, which is a microsecond less for each."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __enter__(self) -> None:
        self._endpoint.leases += 1

    def __exit__(self, *_: object) -> None:
        self._endpoint.leases -= 1
