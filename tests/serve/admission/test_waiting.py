import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.properties import relaxed

from tradewind.errors import EngineError
from tradewind.runners import Runner
from tradewind.serve.admission import Admission
from tradewind.serve.admission.schedule import Schedule
from tradewind.serve.batching import BatchingRules, Compute, Threads
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.refusals import Reason, Refusal
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec

SIGNATURE = Signature(
    (TensorSpec("x", Datatype.FP64, ("N", None)),), (TensorSpec("y", Datatype.FP64, ("N", None)),)
)
BAD = -1.0
USUAL = BatchingRules()


@final
class Gate(Runner):
    """Adds one to what it is given, once it is let through; does not take BAD."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.batches: list[int] = []

    @property
    def signature(self) -> Signature:
        return SIGNATURE

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self.batches.append(len(inputs["x"]))
        assert self.open.wait(30)
        time.sleep(0.0002)  # else it would be computed on the event loop
        if (inputs["x"] == BAD).any():
            raise EngineError("x", "no bad number", "one")
        return {"y": inputs["x"] + 1}

    def close(self) -> None:
        pass


async def forever() -> None:
    await asyncio.Event().wait()


def request(
    value: float = 0.0,
    rows: int = 1,
    width: int = 2,
    timeout_s: float | None = None,
    gone: Callable[[], Awaitable[None]] = forever,
    priority: int = 0,
    client: str = "",
    size_bytes: int = 100,
) -> Request:
    now = asyncio.get_running_loop().time()  # of the same clock as perf_counter
    inputs = {"x": np.full((rows, width), value)}
    arrival = Arrival(now, gone, client)
    return Request("", inputs, (), {}, size_bytes, timeout_s, arrival, priority)


Scenario = Callable[[Gate, Admission], Coroutine[Any, Any, None]]


def run(
    scenario: Scenario,
    concurrency: int = 1,
    max_queue: int = 2,
    rules: BatchingRules = USUAL,
    max_queue_bytes: int = 10**6,
) -> None:
    async def whole() -> None:
        gate = Gate()
        threads = Threads(concurrency, "test")
        compute = Compute(gate, threads, "m", is_joining=rules.enabled)
        admit = Admission("m", compute, concurrency, max_queue, 30.0, rules, max_queue_bytes)
        try:
            await scenario(gate, admit)
        finally:
            gate.open.set()
            threads.close()
        assert (admit.running, admit.waiting) == (0, 0)

    asyncio.run(asyncio.wait_for(whole(), 60))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def sent(admit: Admission, *requests: Request) -> list["asyncio.Task[Response]"]:
    tasks = [asyncio.create_task(admit(one)) for one in requests]
    await settle()
    return tasks


async def refusal(task: "asyncio.Task[Response]") -> Refusal:
    with pytest.raises(Refusal) as found:
        await task
    return found.value


def test_no_more_batches_than_the_concurrency_are_computed_at_once() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        tasks = await sent(admit, *(request() for _ in range(7)))
        assert (admit.running, admit.waiting) == (2, 5)
        gate.open.set()
        await asyncio.gather(*tasks)

    run(scenario, concurrency=2, max_queue=10)


def test_a_full_line_refuses_with_a_time_to_come_back() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        tasks = await sent(admit, *(request() for _ in range(3)))
        with pytest.raises(Refusal, match="fewer than 2 requests waiting") as found:
            await admit(request())
        assert found.value.reason is Reason.QUEUE_FULL
        assert found.value.status == 429
        assert found.value.retry_after_s >= 1
        gate.open.set()
        await asyncio.gather(*tasks)

    run(scenario)


def test_a_line_that_holds_too_many_bytes_is_full() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        tasks = await sent(admit, *(request(size_bytes=1000) for _ in range(4)))
        assert (await refusal(tasks[3])).reason is Reason.QUEUE_FULL
        gate.open.set()
        await asyncio.gather(*tasks[:3])

    run(scenario, max_queue=100, max_queue_bytes=2500)


def test_a_deadline_ends_the_wait() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        first, late = await sent(admit, request(), request(timeout_s=0.02))
        assert (await refusal(late)).reason is Reason.DEADLINE
        assert admit.waiting == 0
        gate.open.set()
        await first

    run(scenario)


def test_a_latency_target_is_a_deadline_for_those_who_name_none() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        first, late = await sent(admit, request(), request())
        assert (await refusal(late)).reason is Reason.DEADLINE
        (patient,) = await sent(admit, request(timeout_s=29.0))
        gate.open.set()
        await asyncio.gather(first, patient)

    run(scenario, rules=BatchingRules(latency_target_ms=20))


def test_a_client_that_hangs_up_leaves_the_line() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        hung_up = asyncio.Event()

        async def gone() -> None:
            await hung_up.wait()

        first, second = await sent(admit, request(), request(gone=gone))
        assert admit.waiting == 1
        hung_up.set()
        assert (await refusal(second)).reason is Reason.CLIENT_GONE
        assert admit.waiting == 0
        gate.open.set()
        await first

    run(scenario)


def test_a_cancelled_request_frees_its_place() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        first, second = await sent(admit, request(), request())
        second.cancel()
        await settle()
        assert admit.waiting == 0
        (third,) = await sent(admit, request())
        first.cancel()  # computed to the end: no engine can be interrupted
        await settle()
        assert (admit.running, admit.waiting) == (1, 1)
        gate.open.set()
        await third
        await asyncio.wait({first, second})

    run(scenario)


def test_an_urgent_request_takes_the_place_of_one_that_is_not() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        first, one, two = await sent(admit, *(request() for _ in range(3)))
        (urgent,) = await sent(admit, request(priority=1))
        found = await refusal(two)
        assert found.reason is Reason.QUEUE_FULL
        assert "more urgent" in str(found)
        gate.open.set()
        await asyncio.gather(first, one, urgent)

    run(scenario)


def test_requests_that_wait_are_computed_together() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        for _ in range(3):
            await admit(request())
        gate.open.clear()
        gate.batches.clear()
        tasks = await sent(admit, *(request(number) for number in range(3)))
        gate.open.set()
        found = await asyncio.gather(*tasks)
        assert [one.outputs["y"].tolist() for one in found] == [[[n + 1.0] * 2] for n in range(3)]
        assert [one.examples for one in found] == [1, 2, 2]
        assert admit.running == 0
        assert gate.batches == [1, 2, 1, 1]  # the first batch is computed alone as well

    run(scenario, max_queue=100)


def test_nothing_is_computed_together_when_that_is_switched_off() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        for _ in range(3):
            await admit(request())
        await asyncio.gather(*await sent(admit, *(request() for _ in range(20))))
        assert set(gate.batches) == {1}

    run(scenario, max_queue=100, rules=BatchingRules(enabled=False))


def test_one_bad_request_does_not_fail_its_company() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        for _ in range(3):
            await admit(request())
        tasks = await sent(admit, *(request(BAD if n == 5 else n) for n in range(12)))
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found.pop(5), EngineError)
        assert all(isinstance(one, Response) for one in found)

    run(scenario, max_queue=100)


def test_a_failure_frees_the_slot() -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        for _ in range(3):
            with pytest.raises(EngineError):
                await admit(request(BAD))

    run(scenario)


@relaxed
@given(
    st.lists(
        st.tuples(
            st.integers(1, 5),  # rows
            st.integers(1, 3),  # width: another one is another shape
            st.integers(0, 4),  # priority
            st.sampled_from("ab"),
            st.booleans(),  # whether it is cancelled
            st.booleans(),  # whether the loop goes round before the next one
        ),
        max_size=40,
    ),
    st.integers(1, 3),
)
def test_every_result_reaches_its_caller(
    plan: list[tuple[int, int, int, str, bool, bool]], concurrency: int
) -> None:
    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        tasks = []
        for number, (rows, width, priority, client, _, has_pause) in enumerate(plan):
            one = request(number, rows, width, priority=priority, client=client)
            tasks.append(asyncio.create_task(admit(one)))
            if has_pause:
                await asyncio.sleep(0)
        for task, (*_, is_cancelled, _) in zip(tasks, plan, strict=True):
            if is_cancelled:
                task.cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for number, (result, (rows, width, *_)) in enumerate(zip(found, plan, strict=True)):
            if isinstance(result, asyncio.CancelledError):
                continue
            assert isinstance(result, Response)
            np.testing.assert_array_equal(result.outputs["y"], np.full((rows, width), number + 1.0))
        for _ in range(10_000):  # what was cancelled is computed to the end
            if not admit.running:
                break
            await asyncio.sleep(0.001)

    run(scenario, concurrency, max_queue=100)


def test_a_free_slot_that_waits_for_company_takes_the_first_even_if_nobody_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses = iter([0.005, 0.005])
    monkeypatch.setattr(Schedule, "_pause_s", lambda *_: next(pauses, 0.0))

    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        [task] = await sent(admit, request(1.0, timeout_s=20.0))
        assert admit.waiting == 1
        assert (await task).outputs["y"].tolist() == [[2.0, 2.0]]
        with pytest.raises(StopIteration):
            next(pauses)

    run(scenario)


def test_clients_that_come_back_at_once_are_all_answered(random: np.random.Generator) -> None:
    async def client(admit: Admission, number: int) -> None:
        for turn in range(100):
            response = await admit(request(float(number + turn), client=f"{number}"))
            assert response.outputs["y"].tolist() == [[number + turn + 1.0] * 2]
            if random.random() < 0.3:  # most come back together, some later
                await asyncio.sleep(random.random() * 0.001)

    async def scenario(gate: Gate, admit: Admission) -> None:
        gate.open.set()
        await asyncio.gather(*(client(admit, number) for number in range(12)))

    run(scenario, concurrency=2, max_queue=100)
