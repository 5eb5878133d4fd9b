import logging
import threading
from collections.abc import Sequence
from typing import final

import pytest

from tradewind.serve.observing.recorder import Recorder, Sink


@final
class Held(Sink[int]):
    """Writes into a list when it is let, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.written: list[int] = []
        self.is_closed = False
        self.may_write = threading.Event()

    @property
    def kind(self) -> str:
        return "number"

    def write(self, records: Sequence[int]) -> int:
        assert self.may_write.wait(60)
        if records and self.error is not None:
            raise self.error
        self.written += records
        return 0

    def close(self) -> int:
        self.is_closed = True
        return 3


def test_what_is_queued_is_written_before_the_end() -> None:
    sink = Held()
    sink.may_write.set()
    recorder = Recorder(sink, 1000)
    for number in range(500):
        recorder.put(number)
    recorder.close(60)
    assert sink.written == list(range(500))
    assert sink.is_closed
    assert recorder.dropped == 3  # that could not be finished, as the sink says


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    sink = Held()
    recorder = Recorder(sink, 1000, max_bytes=100)
    recorder.put(1, 60)
    recorder.put(2, 60)
    recorder.put(3, 40)
    recorder.put(4, 1)
    assert recorder.dropped == 2
    sink.may_write.set()
    recorder.close(60)
    assert sink.written == [1, 3]


def test_no_more_records_wait_than_may() -> None:
    sink = Held()
    recorder = Recorder(sink, 10)
    for number in range(1000):
        recorder.put(number)
    # the thread may have taken a queue of them before it had to wait
    assert 980 <= recorder.dropped <= 990
    sink.may_write.set()
    recorder.close(60)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("a bug")])
def test_a_sink_that_fails_costs_its_records_and_nothing_else(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sink = Held(error)
    sink.may_write.set()
    with caplog.at_level(logging.ERROR, "tradewind.serve"):
        recorder = Recorder(sink, 10)
        recorder.put(1)
        recorder.put(2)
        recorder.close(60)
    assert recorder.dropped == 2 + 3
    assert sink.is_closed
    assert "number" in caplog.text
