"""One model as every wire sees it: rules that requests must fit, and who answers them."""

import time
from collections import deque
from contextlib import AbstractContextManager

from tradewind.serve.messages import Answer, Request, Response
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
    """

    def __init__(
        self, model: ServedModel, rules: InputRules, answer: Answer, metrics: ModelMetrics
    ) -> None:
        self.model = model
        self.rules = rules
        self.metrics = metrics
        self.leases = 0
        self.recent: deque[dict[str, Array]] = deque(maxlen=0)  # inputs of small requests
        self._answer = answer
        self._lease = _Lease(self)
        batched = [spec.name for spec in model.signature.inputs if spec.has_free_batch]
        self._batched = batched[0] if batched else None

    def lease(self) -> AbstractContextManager[None]:
        """Keep the endpoint open, from reading a request to its last byte."""
        return self._lease

    async def answer(self, request: Request) -> Response:
        """Return what the model says.

        Raises:
            Refusal: the request was not admitted, or not in time.
            EngineError: the model broke.
        """
        if request.size_bytes <= _SMALL_BYTES:
            self.recent.append(request.inputs)
        entered_s = time.perf_counter()
        arrived_s = request.arrival.at_s
        account = request.arrival.account
        if account is not None:
            self._begin(account, request, entered_s)
        try:
            response = await self._answer(request)
        except Exception:
            self.metrics.unanswered.observe(time.perf_counter() - arrived_s)
            raise
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
            account.outputs = response.outputs
        return response

    def _begin(self, account: Account, request: Request, entered_s: float) -> None:
        account.model = self.model.name
        account.version = self.model.version
        account.request_id = request.id[:_LONGEST_ID]
        account.client = request.arrival.client or account.client
        account.received_bytes = request.size_bytes
        account.understood_s = entered_s
        account.inputs = request.inputs


class _Lease(AbstractContextManager[None]):
    """Counts itself; one object serves all requests, which is a microsecond less for each."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def __enter__(self) -> None:
        self._endpoint.leases += 1

    def __exit__(self, *_: object) -> None:
        self._endpoint.leases -= 1
