"""Deciding who is computed now, who waits, and who is told to come back."""

import asyncio
import math
import time
from collections.abc import Sequence
from typing import final

from tradewind.serve.admission.line import Line
from tradewind.serve.admission.schedule import Run, Schedule
from tradewind.serve.admission.ticket import DEFAULT_LEVEL, Ticket
from tradewind.serve.batching import BatchingRules, Compute
from tradewind.serve.batching.compute import Result
from tradewind.serve.batching.costs import Costs, ladder
from tradewind.serve.messages import Request, Response
from tradewind.serve.refusals import Reason, Refusal


@final
class _Waiter(Ticket):
    """A ticket with the request that it stands for."""

    __slots__ = ("future", "is_waiting", "request")

    def __init__(self, request: Request, compute: Compute, deadline_s: float) -> None:
        super().__init__(
            compute.company.key(request.inputs),
            compute.company.rows(request.inputs),
            request.size_bytes,
            request.arrival.client,
            request.priority or DEFAULT_LEVEL,
            deadline_s,
        )
        self.request = request
        self.is_waiting = False
        self.future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()


@final
class Admission:
    """A bounded number of batches computed at once, and a bounded line in front of them.

    A request is refused at once when the line is full, or when it would probably be answered too
    late; it leaves the line when its time is over or the client hangs up.

    Args:
        name: of the model, for messages.
        compute: answers what is admitted.
        concurrency: batches that are computed at the same time.
        max_queue: requests that wait, at most.
        timeout_s: how long a request may take that does not say so itself.
        rules: how requests may be grouped.
        max_queue_bytes: of all bodies that wait, at most.
    """

    def __init__(
        self,
        name: str,
        compute: Compute,
        concurrency: int,
        max_queue: int,
        timeout_s: float,
        rules: BatchingRules,
        max_queue_bytes: int,
    ) -> None:
        self._name = name
        self._compute = compute
        self._max_queue = max_queue
        self._timeout_s = timeout_s
        self._target_s = rules.target_s
        self._running = 0
        self._again: asyncio.TimerHandle | None = None  # while a free slot waits for company
        self._schedule = Schedule(
            concurrency,
            Line[_Waiter](max_queue, max_queue_bytes),
            Costs(ladder(rules.max_batch)),
            rules,
            lambda: compute.company.is_possible,
        )

    @property
    def running(self) -> int:
        """How many requests are being computed."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests are queued."""
        return len(self._schedule.line)

    async def __call__(self, request: Request) -> Response:
        if self._schedule.is_free:
            response = self._compute.at_once(request)
            if response is not None:
                return response
        waiter = _Waiter(request, self._compute, self._deadline_s(request))
        now_s = time.perf_counter()
        if self._schedule.arrive(waiter, now_s):
            self._start((waiter,), now_s)
            return await waiter.future
        return await self._wait(waiter)

    async def _wait(self, waiter: _Waiter) -> Response:
        self._queue(waiter, time.perf_counter())
        # a free slot may wait for company: for this, or, where this is the first, for the next
        self._fill(time.perf_counter())
        loop = asyncio.get_running_loop()
        left_s = waiter.deadline_s - time.perf_counter()
        alarm = loop.call_later(left_s, self._leave, waiter, self._too_late("a longer one"))
        gone = asyncio.ensure_future(waiter.request.arrival.gone())
        gone.add_done_callback(lambda _: self._leave(waiter, _client_gone()))
        try:
            return await waiter.future
        except asyncio.CancelledError:
            if waiter.is_waiting:
                waiter.is_waiting = False
                self._schedule.withdraw(waiter)
            raise
        finally:
            alarm.cancel()
            gone.cancel()

    def _queue(self, waiter: _Waiter, now_s: float) -> None:
        verdict = self._schedule.offer(waiter, now_s)
        if verdict.refused == "late":
            raise self._too_late(f"one of about {verdict.wait_s:.3f} s")
        if verdict.refused == "full":
            raise self._full("")
        waiter.is_waiting = True
        if verdict.displaced is not None:
            self._refuse(verdict.displaced, self._full(" that are more urgent, or of others"))

    def _start(self, batch: tuple[_Waiter, ...], now_s: float) -> None:
        waited = tuple(waiter for waiter in batch if waiter.is_waiting)
        for waiter in waited:
            waiter.is_waiting = False
        rows = sum(waiter.rows for waiter in batch)
        run = self._schedule.begin(batch[0].key, rows, now_s, waited)
        self._running += len(batch)
        requests = [waiter.request for waiter in batch]
        self._compute.start(requests, lambda results: self._finish(run, batch, results))

    def _finish(
        self, run: Run[_Waiter], batch: Sequence[_Waiter], results: Sequence[Result]
    ) -> None:
        now_s = time.perf_counter()
        self._running -= len(batch)
        is_answered = all(isinstance(result, Response) for result in results)
        self._schedule.end(run, now_s, is_answered=is_answered)
        self._fill(now_s)  # first, so that the slot is empty for as short as possible
        for waiter, result in zip(batch, results, strict=True):
            if waiter.future.done():  # cancelled
                continue
            if isinstance(result, Response):
                waiter.future.set_result(result)
            else:
                waiter.future.set_exception(result)

    def _fill(self, now_s: float) -> None:
        """Hand the free slots to those whose turn it is."""
        while True:
            turn = self._schedule.next(now_s)
            for waiter in turn.late:
                self._refuse(waiter, self._too_late("a longer one"))
            if not turn.batch:
                self._fill_again(turn.pause_s)
                return
            self._start(turn.batch, now_s)

    def _fill_again(self, pause_s: float) -> None:
        """Come back to a free slot after a while; 0 when there is no need."""
        if self._again is not None:
            self._again.cancel()
            self._again = None
        if pause_s:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(pause_s, lambda: self._fill(time.perf_counter()))

    def _leave(self, waiter: _Waiter, refusal: Refusal) -> None:
        if waiter.is_waiting:
            self._schedule.withdraw(waiter)
            self._refuse(waiter, refusal)

    def _refuse(self, waiter: _Waiter, refusal: Refusal) -> None:
        """End the wait of one that has left the line."""
        waiter.is_waiting = False
        if not waiter.future.done():
            waiter.future.set_exception(refusal)

    def _deadline_s(self, request: Request) -> float:
        wanted_s = request.timeout_s or self._target_s  # 0 is the protocol's "no wish"
        timeout_s = min(self._timeout_s, wanted_s) if wanted_s else self._timeout_s
        return request.arrival.at_s + timeout_s

    def _full(self, of_whom: str) -> Refusal:
        return Refusal(
            Reason.QUEUE_FULL,
            f"model {self._name}",
            f"fewer than {self._max_queue} requests waiting",
            f"{self.waiting}{of_whom}",
            "come back after the time in Retry-After, or start the server with a longer queue.",
            self._retry_after_s,
        )

    def _too_late(self, got: str) -> Refusal:
        return Refusal(
            Reason.DEADLINE,
            f"model {self._name}",
            "a wait that ends before the deadline",
            got,
            "send less at a time, or allow more time with the parameter `timeout`.",
            self._retry_after_s,
        )

    @property
    def _retry_after_s(self) -> int:
        """When the queue of now will have been answered."""
        return max(1, math.ceil(self._schedule.drained_s(time.perf_counter())))


def _client_gone() -> Refusal:
    return Refusal(Reason.CLIENT_GONE, "client", "someone who waits", "a closed connection")
