"""Deciding who is computed now, who waits, and who is told to come back."""

import asyncio
import math
import time
from collections import deque

from tradewind.serve.messages import Answer, Request, Response
from tradewind.serve.refusals import Reason, Refusal

_RECENT = 0.1  # weight of the newest time in the running mean


class Admission:
    """A bounded number of requests computed at once, and a bounded queue in front of them.

    A request is refused at once when the queue is full, or when it would probably be too late
    for its deadline; it leaves the queue when the deadline passes or the client hangs up.

    Args:
        name: of the model, for messages.
        answer: who answers what is admitted.
        concurrency: requests that are answered at the same time.
        max_queue: requests that wait, at most.
        timeout_s: how long a request may wait that does not say so itself.
    """

    def __init__(
        self, name: str, answer: Answer, concurrency: int, max_queue: int, timeout_s: float
    ) -> None:
        self._name = name
        self._answer = answer
        self._concurrency = concurrency
        self._max_queue = max_queue
        self._timeout_s = timeout_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._running = 0
        self._mean_s = 0.0

    @property
    def running(self) -> int:
        """How many requests are being answered."""
        return self._running

    @property
    def waiting(self) -> int:
        """How many requests are queued."""
        return len(self._waiting)

    async def __call__(self, request: Request) -> Response:
        if self._running >= self._concurrency:
            await self._wait(request)  # whoever ends the wait hands over a slot
        else:
            self._running += 1
        try:
            response = await self._answer(request)
            self._mean_s += _RECENT * (response.compute_s - self._mean_s)
            return response
        finally:
            self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._running -= 1

    async def _wait(self, request: Request) -> None:
        timeout_s = self._timeout_s
        if request.timeout_s:  # 0 is the protocol's "no wish"
            timeout_s = min(timeout_s, request.timeout_s)
        left_s = request.arrival.at_s + timeout_s - time.perf_counter()
        self._refuse_early(left_s)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiter)
        alarm = loop.call_later(left_s, self._expire, waiter)
        gone = asyncio.ensure_future(request.arrival.gone())
        gone.add_done_callback(lambda _: self._leave(waiter))
        try:
            await waiter
        except asyncio.CancelledError:
            self._forget(waiter)
            raise
        finally:
            alarm.cancel()
            gone.cancel()

    def _refuse_early(self, left_s: float) -> None:
        queued = len(self._waiting)
        if queued >= self._max_queue:
            raise Refusal(
                Reason.QUEUE_FULL,
                f"model {self._name}",
                f"fewer than {self._max_queue} requests waiting",
                f"{queued}",
                "come back after the time in Retry-After, or start the server with a longer queue.",
                self._retry_after_s,
            )
        wait_s = (queued + 1) * self._mean_s / self._concurrency
        if wait_s >= left_s:
            raise self._too_late(f"a wait of about {wait_s:.3f} s")

    def _expire(self, waiter: "asyncio.Future[None]") -> None:
        if not waiter.done():
            self._waiting.remove(waiter)
            waiter.set_exception(self._too_late("a longer one"))

    def _leave(self, waiter: "asyncio.Future[None]") -> None:
        if not waiter.done():
            self._waiting.remove(waiter)
            waiter.set_exception(
                Refusal(Reason.CLIENT_GONE, "client", "someone who waits", "a closed connection")
            )

    def _forget(self, waiter: "asyncio.Future[None]") -> None:
        """Undo the wait of a cancelled task, which may have been given a slot already."""
        if waiter.cancelled():
            if waiter in self._waiting:
                self._waiting.remove(waiter)
        else:
            self._hand_over()

    def _too_late(self, got: str) -> Refusal:
        return Refusal(
            Reason.DEADLINE,
            f"model {self._name}",
            "a wait in the queue that ends before the deadline",
            got,
            "send less at a time, or allow more time with the parameter `timeout`.",
            self._retry_after_s,
        )

    @property
    def _retry_after_s(self) -> int:
        """When the queue of now will have been answered."""
        return max(1, math.ceil(len(self._waiting) * self._mean_s / self._concurrency))
