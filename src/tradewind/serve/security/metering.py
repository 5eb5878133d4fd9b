"""Counting examples against the limits of whoever sent them, whatever the protocol."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from tradewind.serve.messages import Answer, Request, Response, Stream
from tradewind.serve.refusals import Refusal
from tradewind.serve.security.limits import Allowances


class Metered:
    """Lets a request through when its client may still ask for so many examples.

    Args:
        answer: who answers what is let through.
        allowances: what is left, by the name of the client.
        streams: who gives several answers to what is let through, where somebody does.
    """

    def __init__(
        self, answer: Answer, allowances: Allowances, streams: Stream | None = None
    ) -> None:
        self._answer = answer
        self._allowances = allowances
        self._streams = streams

    async def __call__(self, request: Request) -> Response:
        allowance = self._allowances.known(request.arrival.client)
        if allowance is None:
            return await self._answer(request)
        count = _examples(request)
        allowance.take_examples(count)
        try:
            return await self._answer(request)
        except Refusal:
            allowance.give_back_examples(count)
            raise

    async def stream(self, request: Request) -> AsyncGenerator[Response, None]:
        """Yield the answers; what is refused before the first of them counts for nothing."""
        assert self._streams is not None
        allowance = self._allowances.known(request.arrival.client)
        count = 0 if allowance is None else _examples(request)
        if allowance is not None:
            allowance.take_examples(count)
        has_answered = False
        try:
            async with aclosing(self._streams(request)) as responses:
                async for response in responses:
                    has_answered = True
                    yield response
        except Refusal:
            if allowance is not None and not has_answered:
                allowance.give_back_examples(count)
            raise


def _examples(request: Request) -> int:
    """Return the longest first dimension; a model without one takes one example at a time."""
    return max((len(one) if one.ndim else 1 for one in request.inputs.values()), default=1)
