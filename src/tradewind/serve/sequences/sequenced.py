"""Answering the requests of a sequence in their order, each from where the last one ended."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import final

from msgspec import structs

from tradewind.serve.messages import Answer, Request, Response
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.sequences.limits import Sequences
from tradewind.serve.sequences.live import Live, Table
from tradewind.serve.sequences.recurrence import Recurrence
from tradewind.serve.sequences.wish import Wish
from tradewind.tensors import Array


@final
class Sequenced:
    """Keeps the states of a recurrent model between the requests of each sequence.

    What a step needs goes through admission as a request of its own, so that steps of different
    sequences are computed together. The states move on when a whole request was answered: one
    that is refused, or on which the model breaks, leaves its sequence where it was.

    Args:
        answer: who is asked, with the states among the inputs and outputs.
        recurrence: which tensors are states.
        limits: how many sequences, and for how long.
        name: of the model, for messages.
        timeout_s: how long a request may take that does not say so itself.
        is_apart: whether a client cannot reach the sequences of others.
        clock: returns seconds, for what is idle.
    """

    def __init__(
        self,
        answer: Answer,
        recurrence: Recurrence,
        limits: Sequences,
        name: str,
        timeout_s: float,
        *,
        is_apart: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answer = answer
        self._recurrence = recurrence
        self._name = name
        self._timeout_s = timeout_s
        self._is_apart = is_apart
        self._table = Table(name, limits, clock)
        self.waiting = 0
        """How many requests wait for an earlier one of their sequence."""

    @property
    def live(self) -> int:
        """How many sequences are remembered."""
        return len(self._table)

    @property
    def live_bytes(self) -> int:
        """What they take."""
        return self.live * self._recurrence.state_bytes

    async def __call__(self, request: Request) -> Response:
        wish = Wish.read(request.parameters)
        steps = self._recurrence.steps(request.inputs)
        async with self._turn(wish, request) as live:
            state, responses = self._begun(live, wish), list[Response]()
            for step in steps:
                response, state = await self._step(request, step, state)
                responses.append(response)
                if len(steps) > 1:
                    await asyncio.sleep(0)  # quick steps are computed here, and others wait
            live.state = None if wish.is_end else state
        return self._joined(responses)

    async def stream(self, request: Request) -> AsyncGenerator[Response, None]:
        """Yield the answer to each step as soon as it is computed.

        The states move on with every answer; the deadline holds for each of them. Closing the
        stream leaves the sequence where the last answer was given.
        """
        wish = Wish.read(request.parameters)
        steps = self._recurrence.steps(request.inputs)
        async with self._turn(wish, request) as live:
            state = self._begun(live, wish)
            if not steps:
                live.state = None if wish.is_end else state
                yield self._joined([])
            for number, step in enumerate(steps, 1):
                response, state = await self._step(request, step, state)
                is_last = number == len(steps)
                live.state = None if wish.is_end and is_last else state
                yield response if len(steps) == 1 else structs.replace(response, is_last=is_last)
                await asyncio.sleep(0)  # quick steps are computed here, and others wait
                arrival = structs.replace(request.arrival, at_s=time.perf_counter())
                request = structs.replace(request, arrival=arrival)

    def close(self) -> None:
        """Forget every sequence."""
        self._table.close()

    async def _step(
        self, request: Request, step: dict[str, Array], state: dict[str, Array]
    ) -> tuple[Response, dict[str, Array]]:
        response = await self._answer(structs.replace(request, inputs={**step, **state}))
        told, state = self._recurrence.split(response.outputs)
        return structs.replace(response, outputs=told), state

    def _begun(self, live: Live, wish: Wish) -> dict[str, Array]:
        state = self._recurrence.start if wish.is_start else live.state
        if state is None:  # the request that began it was refused, or one before this ended it
            raise self._table.unknown(str(wish))
        return state

    @asynccontextmanager
    async def _turn(self, wish: Wish, request: Request) -> AsyncIterator[Live]:
        """Yield the sequence of a request when all earlier ones of it are answered."""
        key = (request.arrival.client if self._is_apart else "", wish.id)
        with self._table.use(key, str(wish), is_start=wish.is_start) as live:
            if live.users > 1:
                await self._wait(live, request)
            else:
                await live.turn.acquire()
            try:
                yield live
            finally:
                live.turn.release()

    async def _wait(self, live: Live, request: Request) -> None:
        limit_s = min(self._timeout_s, request.timeout_s or math.inf)
        left_s = limit_s - (time.perf_counter() - request.arrival.at_s)
        turn = asyncio.ensure_future(live.turn.acquire())
        gone = asyncio.ensure_future(request.arrival.gone())
        self.waiting += 1
        try:
            await asyncio.wait(
                {turn, gone}, timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            if turn.done():
                live.turn.release()
            turn.cancel()
            raise
        finally:
            self.waiting -= 1
            gone.cancel()
        if not turn.done():
            turn.cancel()
            raise self._given_up(is_gone=gone.done() and not gone.cancelled())

    def _given_up(self, *, is_gone: bool) -> Refusal:
        if is_gone:
            got = "a closed connection"
            return Refusal(Reason.CLIENT_GONE, "client", "someone who waits", got)
        return Refusal(
            Reason.DEADLINE,
            f"model {self._name}",
            "a wait that ends before the deadline",
            "earlier requests of the same sequence that are not answered yet",
            "allow more time with the parameter `timeout`.",
            1,
        )

    def _joined(self, responses: list[Response]) -> Response:
        if len(responses) == 1:
            return responses[0]
        return Response(
            self._recurrence.join([one.outputs for one in responses]),
            responses[0].queue_s if responses else 0.0,
            sum(one.compute_s for one in responses),
            sum(one.examples for one in responses),
        )
