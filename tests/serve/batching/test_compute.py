import asyncio
import threading
import time
from typing import final

import pytest

from tradewind.runners import Runner
from tradewind.serve.batching.compute import Compute
from tradewind.serve.batching.threads import Threads
from tradewind.serve.messages import Arrival, Request
from tradewind.tensors import Array, Signature, Tensors


@final
class Spy(Runner):
    """Remembers on which threads it was called."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.threads: list[int] = []

    @property
    def signature(self) -> Signature:
        return Signature((), ())

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self.threads.append(threading.get_ident())
        time.sleep(self.delay_s)
        return {}

    def close(self) -> None:
        pass


async def nobody() -> None:
    raise NotImplementedError


def request(size_bytes: int = 100) -> Request:
    return Request("", {}, (), {}, size_bytes, None, Arrival(time.perf_counter(), nobody))


async def ask(spy: Spy, sizes: list[int]) -> list[bool]:
    """Return for each request whether it was computed on the event loop."""
    threads = Threads(1, "test")
    compute = Compute(spy, threads)
    for size in sizes:
        await compute(request(size))
    threads.close()
    return [ident == threading.get_ident() for ident in spy.threads]


def test_a_quick_model_moves_to_the_event_loop() -> None:
    found = asyncio.run(ask(Spy(), [100] * 50))
    assert not found[0]
    assert found[-1]


def test_a_slow_model_stays_on_its_threads() -> None:
    assert not any(asyncio.run(ask(Spy(delay_s=0.001), [100] * 20)))


def test_a_request_of_another_size_starts_on_a_thread() -> None:
    found = asyncio.run(ask(Spy(), [100] * 50 + [10_000]))
    assert not found[-1]


def test_a_model_that_becomes_slow_leaves_the_event_loop() -> None:
    async def scenario() -> list[bool]:
        spy = Spy()
        threads = Threads(1, "test")
        compute = Compute(spy, threads)
        for _ in range(50):
            await compute(request())
        spy.delay_s = 0.001
        spy.threads.clear()
        for _ in range(250):
            await compute(request())
        threads.close()
        return [ident == threading.get_ident() for ident in spy.threads]

    assert not asyncio.run(scenario())[-1]


def test_an_error_on_a_thread_reaches_whoever_waits() -> None:
    async def scenario() -> None:
        def fail() -> None:
            raise KeyError("x")

        threads = Threads(1, "test")
        with pytest.raises(KeyError):
            await threads.run(fail)
        assert await threads.run(lambda: 7) == 7
        threads.close()

    asyncio.run(scenario())
