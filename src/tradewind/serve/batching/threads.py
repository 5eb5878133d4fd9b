"""Threads that compute for the event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

Then = Callable[[Any, BaseException | None], None]
"""What is called on the event loop with a result or an error; it must not raise."""

_Receiver = asyncio.Future[Any] | Then
_Job = tuple[_Receiver, Callable[[], Any]]
_Done = tuple[_Receiver, Any, BaseException | None]


class Threads:
    """A fixed number of threads, and a way to wait for what they do.

    Leaner than `concurrent.futures`, whose hand-over costs as much as a small model: results
    that finish while the loop is busy share one wake-up. The threads are daemons, so that work
    which outlasts the drain does not keep the process alive.
    """

    def __init__(self, count: int, name: str) -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: deque[_Done] = deque()
        self._is_woken = False
        self._loop = asyncio.get_running_loop()
        self._count = count
        for index in range(count):
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True).start()

    def run(self, job: Callable[[], T]) -> "asyncio.Future[T]":
        """Compute `job()` on a thread; cancelling helps only before it has begun."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((future, job))
        return future

    def submit(self, job: Callable[[], Any], then: Then) -> None:
        """Compute `job()` on a thread, and call `then` on the loop: nobody can cancel it."""
        self._jobs.put((then, job))

    def close(self) -> None:
        """Let the threads end after the work that is queued."""
        for _ in range(self._count):
            self._jobs.put(None)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            receiver, job = item
            if isinstance(receiver, asyncio.Future) and receiver.cancelled():
                continue
            try:
                self._report((receiver, job(), None))
            except BaseException as error:  # whoever awaits the job gets it
                self._report((receiver, None, error))

    def _report(self, done: _Done) -> None:
        self._done.append(done)
        if not self._is_woken:  # else a delivery is due that has not begun yet
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False
        while self._done:
            receiver, result, error = self._done.popleft()
            if not isinstance(receiver, asyncio.Future):
                receiver(result, error)
            elif receiver.cancelled():
                continue
            elif error is not None:
                receiver.set_exception(error)
            else:
                receiver.set_result(result)
