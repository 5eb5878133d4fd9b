import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, final

import numpy as np
import onnx
import pytest
from tests.serve.recurrent import COUNTER_STATES, GRU_STATES, SIZE, compiled, counter, gru, stepped

from tradewind.errors import EngineError, RequestError, SettingError
from tradewind.runners import Runner
from tradewind.serve.admission import Admission
from tradewind.serve.batching import BatchingRules, Compute, Threads
from tradewind.serve.messages import Arrival, Request, Response
from tradewind.serve.refusals import Reason, Refusal
from tradewind.serve.sequences import Recurrence, Sequences, State
from tradewind.serve.sequences.sequenced import Sequenced
from tradewind.tensors import Array, Signature, Tensors

BAD = -99.0


@final
class Watched(Runner):
    """Asks another runner, slowly enough for batches to form, and remembers their sizes."""

    def __init__(self, inner: Runner, delay_s: float) -> None:
        self._inner = inner
        self._delay_s = delay_s
        self.rows: list[int] = []
        self.open = threading.Event()
        self.open.set()

    @property
    def signature(self) -> Signature:
        return self._inner.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self.rows.append(len(inputs["x"]))
        assert self.open.wait(30)
        time.sleep(self._delay_s)
        if (inputs["x"] == BAD).any():
            raise EngineError("x", "no bad number", "one")
        return self._inner(inputs)

    def close(self) -> None:
        self._inner.close()


class Clock:
    """A time that stands still."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def forever() -> None:
    await asyncio.Event().wait()


def request(
    rows: Any,
    sequence: int | str | None,
    *,
    start: bool = False,
    end: bool = False,
    timeout_s: float | None = None,
    gone: Callable[[], Awaitable[None]] = forever,
    client: str = "",
) -> Request:
    parameters: dict[str, Any] = {} if sequence is None else {"sequence_id": sequence}
    parameters |= {"sequence_start": start, "sequence_end": end}
    arrival = Arrival(time.perf_counter(), gone, client)
    array = np.asarray(rows, np.float32)
    return Request("", {"x": array}, (), parameters, 100, timeout_s, arrival)


Scenario = Callable[[Sequenced, Watched], Coroutine[Any, Any, None]]


def run(
    scenario: Scenario,
    proto: onnx.ModelProto,
    states: Sequence[State],
    *,
    delay_s: float = 0.0,
    limits: Sequences | None = None,
    clock: Callable[[], float] = time.monotonic,
    is_apart: bool = False,
) -> None:
    async def whole() -> None:
        watched, threads = Watched(compiled(proto), delay_s), Threads(1, "test")
        recurrence = Recurrence(watched.signature, states)
        compute = Compute(recurrence.runner(watched), threads, "m")
        admit = Admission("m", compute, 1, 10_000, 30.0, BatchingRules(), 10**9)
        answer = Sequenced(
            admit, recurrence, limits or Sequences(), "m", 30.0, is_apart=is_apart, clock=clock
        )
        try:
            await scenario(answer, watched)
        finally:
            watched.open.set()
            answer.close()
            threads.close()
            watched.close()

    asyncio.run(asyncio.wait_for(whole(), 60))


def lengths(random: np.random.Generator, total: int) -> list[int]:
    """Cut a number into random parts."""
    cuts = np.flatnonzero(random.random(total - 1) < 0.6) + 1
    return [int(one) for one in np.diff([0, *cuts, total])]


@pytest.mark.parametrize("delay_s", [0.0, 0.002])
@pytest.mark.parametrize("kind", ["gru", "counter"])
def test_interleaved_sequences_get_what_the_model_computes_alone(
    kind: str, delay_s: float, random: np.random.Generator
) -> None:
    """Of steps that were computed in company, additions may have another order: 1e-5."""
    proto = gru(random) if kind == "gru" else counter()
    states = GRU_STATES if kind == "gru" else COUNTER_STATES
    size = SIZE if kind == "gru" else 2
    given = {
        number: random.integers(-9, 9, (int(random.integers(2, 9)), size)).astype(np.float32)
        for number in range(1, 13)
    }
    plans = {number: lengths(random, len(rows)) for number, rows in given.items()}
    pauses = {number: random.random(len(plan)) / 1e3 for number, plan in plans.items()}

    async def client(answer: Sequenced, number: int) -> dict[str, Array]:
        told: list[Response] = []
        position = 0
        for turn, count in enumerate(plans[number]):
            rows = given[number][position : position + count]
            position += count
            is_last = position == len(given[number])
            told.append(await answer(request(rows, number, start=turn == 0, end=is_last)))
            await asyncio.sleep(pauses[number][turn])
        names = told[0].outputs
        return {name: np.concatenate([one.outputs[name] for one in told]) for name in names}

    async def scenario(answer: Sequenced, watched: Watched) -> None:
        found = await asyncio.gather(*(client(answer, number) for number in given))
        assert (answer.live, answer.waiting) == (0, 0)
        if delay_s:
            assert max(watched.rows) > 1, "steps of different sequences were never joined"
        for rows, outputs in zip(given.values(), found, strict=True):
            alone = list(stepped(proto, states, rows))
            assert set(outputs) == ({"y"} if kind == "gru" else {"y", "n"})
            for name, array in outputs.items():
                wanted = np.concatenate([one[name] for one in alone])
                np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-5)

    run(scenario, proto, states, delay_s=delay_s)


def test_requests_of_a_sequence_that_come_together_are_computed_in_their_order() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        tasks = [
            asyncio.create_task(answer(request([[2.0**step, 0]], "a", start=step == 0)))
            for step in range(12)
        ]
        answers = await asyncio.gather(*tasks)
        assert [one.outputs["n"].item() for one in answers] == list(range(1, 13))
        assert [one.outputs["y"][0, 0] for one in answers] == [
            2.0 ** (step + 1) - 0.5 for step in range(12)
        ]

    run(scenario, counter(), COUNTER_STATES, delay_s=0.001)


async def steps(answer: Sequenced, *requests: Request) -> list[int]:
    found = [(await answer(one)).outputs["n"] for one in requests]
    return [int(one[-1, 0]) for one in found]


def test_a_sequence_begins_again_when_it_is_told_to() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        row = [[1, 1]]
        again = [request(row, 7, start=True), request(row, 7), request(row, 7, start=True)]
        assert await steps(answer, *again, request(row, 7)) == [1, 2, 1, 2]
        assert (answer.live, answer.live_bytes) == (1, 2 * 4 + 8)
        # a number is another id than its digits
        assert await steps(answer, request(row, "7", start=True), request(row, 7)) == [1, 3]

    run(scenario, counter(), COUNTER_STATES)


def test_what_has_not_begun_is_refused() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        row = [[1, 1]]
        await answer(request(row, 7, start=True, end=True))
        for wanted in (7, 8, "8"):
            with pytest.raises(Refusal, match="sequence_start") as caught:
                await answer(request(row, wanted))
            assert caught.value.reason is Reason.UNKNOWN_SEQUENCE
        for wrong in (None, 0, "", -1, 2**64, "x" * 257, 1.5, True):
            with pytest.raises(RequestError, match=r"parameters\.sequence_id: expected"):
                await answer(request(row, wrong, start=True))  # type: ignore[arg-type]
        assert answer.live == 0

    run(scenario, counter(), COUNTER_STATES)


def test_a_request_without_steps_ends_a_sequence() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        await answer(request([[1, 1]], 7, start=True))
        told = await answer(request(np.zeros((0, 2)), 7, end=True))
        assert {name: array.shape for name, array in told.outputs.items()} == {
            "y": (0, 2),
            "n": (0, 1),
        }
        assert answer.live == 0

    run(scenario, counter(), COUNTER_STATES)


def test_no_more_sequences_begin_than_are_remembered() -> None:
    clock = Clock()

    async def scenario(answer: Sequenced, _: Watched) -> None:
        row = [[1, 1]]
        await answer(request(row, 1, start=True))
        clock.now_s = 4
        await answer(request(row, 2, start=True))
        with pytest.raises(Refusal, match="fewer than 2 sequences") as caught:
            await answer(request(row, 3, start=True))
        assert (caught.value.reason, caught.value.retry_after_s) == (Reason.TOO_MANY_SEQUENCES, 6)
        assert await steps(answer, request(row, 2, start=True), request(row, 1)) == [1, 2]
        clock.now_s = 13.9  # 1 and 2 were asked at 4
        assert answer.live == 2
        assert await steps(answer, request(row, 1)) == [3]
        clock.now_s = 14
        assert answer.live == 1
        assert await steps(answer, request(row, 3, start=True)) == [1]
        with pytest.raises(Refusal, match="after 10 s without a request"):
            await answer(request(row, 2))

    run(scenario, counter(), COUNTER_STATES, limits=Sequences(2, 10), clock=clock)


def test_idle_sequences_are_forgotten_when_nobody_asks_any_more() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        await answer(request([[1, 1]], 7, start=True))
        limit_s = time.monotonic() + 30
        while answer._table._live:
            assert time.monotonic() < limit_s
            await asyncio.sleep(0.01)

    run(scenario, counter(), COUNTER_STATES, limits=Sequences(idle_s=0.05))


def test_what_fails_leaves_a_sequence_where_it_was() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        row = [[1, 1]]
        with pytest.raises(EngineError):
            await answer(request([[BAD, 1]], 7, start=True))
        assert answer.live == 0
        assert await steps(answer, request(row, 7, start=True)) == [1]
        with pytest.raises(EngineError):
            await answer(request([[1, 1], [1, 1], [BAD, 1]], 7, end=True))
        assert await steps(answer, request(row, 7)) == [2]

    run(scenario, counter(), COUNTER_STATES)


def test_whoever_followed_a_beginning_that_failed_learns_so() -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        first = asyncio.create_task(answer(request([[BAD, 1]], 7, start=True)))
        await asyncio.sleep(0)
        second = asyncio.create_task(answer(request([[1, 1]], 7)))
        found = await asyncio.gather(first, second, return_exceptions=True)
        assert isinstance(found[0], EngineError)
        assert isinstance(found[1], Refusal)
        assert found[1].reason is Reason.UNKNOWN_SEQUENCE
        assert answer.live == 0

    run(scenario, counter(), COUNTER_STATES, delay_s=0.01)


def test_nobody_waits_for_an_earlier_request_beyond_the_deadline() -> None:
    async def scenario(answer: Sequenced, watched: Watched) -> None:
        async def gone() -> None:
            await hangs_up.wait()

        hangs_up = asyncio.Event()
        watched.open.clear()
        first = asyncio.create_task(answer(request([[1, 1]], 7, start=True)))
        await asyncio.sleep(0)
        left = asyncio.create_task(answer(request([[1, 1]], 7, gone=gone)))
        cancelled = asyncio.create_task(answer(request([[1, 1]], 7)))
        last = asyncio.create_task(answer(request([[1, 1]], 7)))
        await asyncio.sleep(0)
        assert answer.waiting == 3
        cancelled.cancel()
        hangs_up.set()
        late = asyncio.create_task(answer(request([[1, 1]], 7, timeout_s=0.02)))
        for task, reason in ((late, Reason.DEADLINE), (left, Reason.CLIENT_GONE)):
            with pytest.raises(Refusal) as caught:
                await task
            assert caught.value.reason is reason
        watched.open.set()
        told = [(await task).outputs["n"].item() for task in (first, last)]
        assert (told, answer.waiting) == ([1, 2], 0)

    run(scenario, counter(), COUNTER_STATES, delay_s=0.001)


@pytest.mark.parametrize("is_apart", [False, True])
def test_a_client_with_a_key_cannot_reach_the_sequences_of_others(is_apart: bool) -> None:
    async def scenario(answer: Sequenced, _: Watched) -> None:
        await answer(request([[1, 1]], 7, start=True, client="one"))
        asked = answer(request([[1, 1]], 7, client="another"))
        if is_apart:
            with pytest.raises(Refusal, match="sequence 7"):
                await asked
        else:
            assert (await asked).outputs["n"].item() == 2

    run(scenario, counter(), COUNTER_STATES, is_apart=is_apart)


def test_limits_that_mean_nothing_are_refused() -> None:
    with pytest.raises(SettingError, match="--max-sequences"):
        Sequences(max_live=0)
    with pytest.raises(SettingError, match="--sequence-idle-s"):
        Sequences(idle_s=0)
