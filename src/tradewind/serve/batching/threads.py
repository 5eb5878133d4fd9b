"""Threads that compute for the event loop."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple["asyncio.Future[Any]", Callable[[], Any]]
_Done = tuple["asyncio.Future[Any]", Any, BaseException | None]


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

    def close(self) -> None:
        """Let the threads end after the work that is queued."""
        for _ in range(self._count):
            self._jobs.put(None)

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            future, job = item
            if future.cancelled():
                continue
            try:
                self._report((future, job(), None))
            except BaseException as error:  # whoever awaits the job gets it
                self._report((future, None, error))

    def _report(self, done: _Done) -> None:
        self._done.append(done)
        if not self._is_woken:  # else a delivery is due that has not begun yet
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._is_woken = False
        while self._done:
            future, result, error = self._done.popleft()
            if future.cancelled():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)
