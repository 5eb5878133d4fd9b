"""Writing records on a thread, so that no answer waits for a disk or a network."""

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar, final

_log = logging.getLogger("tradewind.serve")

_PAUSE_S = 0.2

T = TypeVar("T")


class Sink(ABC, Generic[T]):
    """Where records of one kind go. Only the thread of its recorder may touch it."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What the records are called in metrics and in the log."""

    @abstractmethod
    def write(self, records: Sequence[T]) -> int:
        """Write some records, or keep them to be written; return how many were lost.

        Called several times a second, with nothing when nothing came.

        Raises:
            OSError: all of `records` are lost.
        """

    def close(self) -> int:
        """Finish what was begun; return how many records were lost."""
        return 0


@final
class Recorder(Generic[T]):
    """A bounded queue in front of a sink.

    The thread looks for records a few times a second instead of being woken for each: waking
    takes longer than a small model. What does not fit is dropped and counted.

    Args:
        sink: where the records go.
        max_records: that wait, at most.
        max_bytes: that wait, at most, as `put` is told.
    """

    def __init__(self, sink: Sink[T], max_records: int, max_bytes: int = 1 << 60) -> None:
        self._sink = sink
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiting: deque[tuple[T, int]] = deque()
        self._put_bytes = 0
        self._taken_bytes = 0
        self._refused = 0  # counted by the event loop
        self._lost = 0  # counted by the thread
        self._is_failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name=f"tradewind-{sink.kind}", daemon=True
        )
        self._thread.start()

    @property
    def kind(self) -> str:
        """What the records are called in metrics and in the log."""
        return self._sink.kind

    @property
    def dropped(self) -> int:
        """How many records were not written."""
        return self._refused + self._lost

    def put(self, record: T, size_bytes: int = 0) -> None:
        """Queue one record."""
        held_bytes = self._put_bytes - self._taken_bytes
        if len(self._waiting) >= self._max_records or held_bytes + size_bytes > self._max_bytes:
            self._refused += 1
            return
        self._put_bytes += size_bytes
        self._waiting.append((record, size_bytes))

    def drop(self) -> None:
        """Count one record that was not even queued."""
        self._refused += 1

    def close(self, timeout_s: float) -> None:
        """Write what is queued and end, unless that takes too long."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.wait(_PAUSE_S)
            self._attempt()
        try:
            self._lost += self._sink.close()
        except OSError as error:
            self._complain(error)

    def _attempt(self) -> None:
        taken = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            self._lost += self._sink.write([record for record, _ in taken])
            self._is_failing = False
        except OSError as error:
            self._lost += len(taken)
            self._complain(error)
        except Exception:  # a record that breaks its sink must not end the others
            self._lost += len(taken)
            _log.exception("%s: %d records were lost", self.kind, len(taken))
        self._taken_bytes += sum(size for _, size in taken)

    def _complain(self, error: OSError) -> None:
        """Say once that writing fails, until it has worked again."""
        if not self._is_failing:
            self._is_failing = True
            _log.error("%s cannot be written, the server goes on: %s", self.kind, error)
