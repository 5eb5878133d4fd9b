import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from tradewind.serve.admission.waiting import Admission
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.refusals import Reason, Refusal

DONE = Response({}, 0.0, 0.01)


async def forever() -> None:
    await asyncio.Event().wait()


def request(
    timeout_s: float | None = None, gone: Callable[[], Awaitable[None]] = forever
) -> Request:
    now = asyncio.get_running_loop().time()  # of the same clock as perf_counter
    return Request("", {}, (), {}, 0, timeout_s, Arrival(now, gone))


class Gate:
    """An answer that waits until it is let through."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.open = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.open.wait()
        finally:
            self.inside -= 1
        return DONE


def admission(gate: Gate, concurrency: int = 1, max_queue: int = 2) -> Admission:
    return Admission("m", gate, concurrency, max_queue, timeout_s=10.0)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_than_the_concurrency_are_answered_at_once() -> None:
    async def scenario() -> None:
        gate = Gate()
        admit = admission(gate, concurrency=2, max_queue=10)
        tasks = [asyncio.create_task(admit(request())) for _ in range(7)]
        await settle()
        assert (admit.running, admit.waiting, gate.inside) == (2, 5, 2)
        gate.open.set()
        await asyncio.gather(*tasks)
        assert (admit.running, admit.waiting, gate.most) == (0, 0, 2)

    run(scenario())


def test_a_full_queue_refuses_with_a_time_to_come_back() -> None:
    async def scenario() -> None:
        gate = Gate()
        admit = admission(gate)
        tasks = [asyncio.create_task(admit(request())) for _ in range(3)]
        await settle()
        with pytest.raises(Refusal, match="fewer than 2 requests waiting") as refusal:
            await admit(request())
        assert refusal.value.reason is Reason.QUEUE_FULL
        assert refusal.value.status == 429
        assert refusal.value.retry_after_s >= 1
        gate.open.set()
        await asyncio.gather(*tasks)

    run(scenario())


def test_a_deadline_ends_the_wait() -> None:
    async def scenario() -> None:
        gate = Gate()
        admit = admission(gate)
        first = asyncio.create_task(admit(request()))
        await settle()
        with pytest.raises(Refusal) as refusal:
            await admit(request(timeout_s=0.02))
        assert refusal.value.reason is Reason.DEADLINE
        assert admit.waiting == 0
        gate.open.set()
        await first
        assert admit.running == 0

    run(scenario())


def test_a_wait_that_cannot_meet_the_deadline_is_refused_at_once() -> None:
    async def scenario() -> None:
        gate = Gate()
        admit = admission(gate)
        gate.open.set()
        for _ in range(50):
            await admit(request())  # now a request is known to take about 10 ms
        gate.open.clear()
        first = asyncio.create_task(admit(request()))
        await settle()
        late = asyncio.create_task(admit(request(timeout_s=0.001)))
        await settle()
        assert late.done()
        with pytest.raises(Refusal, match=r"a wait of about 0\.01"):
            await late
        gate.open.set()
        await first

    run(scenario())


def test_a_client_that_hangs_up_leaves_the_queue() -> None:
    async def scenario() -> None:
        gate, hung_up = Gate(), asyncio.Event()
        admit = admission(gate)
        first = asyncio.create_task(admit(request()))
        await settle()

        async def gone() -> None:
            await hung_up.wait()

        second = asyncio.create_task(admit(request(gone=gone)))
        await settle()
        assert admit.waiting == 1
        hung_up.set()
        with pytest.raises(Refusal) as refusal:
            await second
        assert refusal.value.reason is Reason.CLIENT_GONE
        assert admit.waiting == 0
        gate.open.set()
        await first

    run(scenario())


@pytest.mark.parametrize("is_handed_a_slot", [False, True])
def test_a_cancelled_request_passes_its_slot_on(is_handed_a_slot: bool) -> None:
    async def scenario() -> None:
        gate = Gate()
        admit = admission(gate)
        first = asyncio.create_task(admit(request()))
        await settle()
        second = asyncio.create_task(admit(request()))
        third = asyncio.create_task(admit(request()))
        await settle()
        if is_handed_a_slot:
            gate.open.set()
            await first
        second.cancel()
        gate.open.set()
        await asyncio.gather(first, third)
        await asyncio.wait({second})
        assert (admit.running, admit.waiting) == (0, 0)

    run(scenario())


def test_a_failure_frees_the_slot() -> None:
    async def scenario() -> None:
        async def fail(request: Request) -> Response:
            raise KeyError("x")

        admit = Admission("m", fail, 1, 1, 10.0)
        for _ in range(3):
            with pytest.raises(KeyError):
                await admit(request())
        assert admit.running == 0

    run(scenario())
