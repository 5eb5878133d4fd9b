"""Counting examples against the limits of whoever sent them, whatever the protocol."""

from tradewind.serve.messages import Answer, Request, Response
from tradewind.serve.refusals import Refusal
from tradewind.serve.security.limits import Allowances


class Metered:
    """Lets a request through when its client may still ask for so many examples.

    Args:
        answer: who answers what is let through.
        allowances: what is left, by the name of the client.
    """

    def __init__(self, answer: Answer, allowances: Allowances) -> None:
        self._answer = answer
        self._allowances = allowances

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


def _examples(request: Request) -> int:
    """Return the longest first dimension; a model without one takes one example at a time."""
    return max((len(one) if one.ndim else 1 for one in request.inputs.values()), default=1)
