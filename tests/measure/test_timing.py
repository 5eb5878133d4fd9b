import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, final

import numpy as np
import pytest

from tradewind.measure import Ratio, Task, Timing, calling, interleave, speedup, throughput_ratio
from tradewind.measure.timing import Turn
from tradewind.runners import Runner
from tradewind.tensors import Array, Signature, Tensors

PAST = float("-inf")
"""A deadline that has passed already."""

NEVER = float("inf")


class Workload:
    """Writes down in which order it is called."""

    def __init__(self, count: int) -> None:
        self.calls: list[int] = []
        self._count = count

    def tasks(self) -> list[Task]:
        return [Task(self._call(index)) for index in range(self._count)]

    def _call(self, index: int) -> Callable[[], None]:
        return lambda: self.calls.append(index)

    def order(self) -> list[int]:
        """Return the tasks by turn; one turn is two calls or more in a row."""
        turns = [self.calls[0]]
        # a turn of no length is one call to warm up and one that counts
        for index in range(2, len(self.calls), 2):
            assert self.calls[index] == self.calls[index + 1]
            turns.append(self.calls[index])
        return turns


def _order(seed: int) -> list[int]:
    load = Workload(4)
    interleave(load.tasks(), seed=seed, turn_s=0, max_rounds=8, until=NEVER)
    return load.order()


def test_each_round_has_each_task_once(random: np.random.Generator) -> None:
    order = _order(int(random.integers(2**31)))
    rounds = [order[at : at + 4] for at in range(0, len(order), 4)]
    assert len(rounds) == 8
    assert all(sorted(one) == [0, 1, 2, 3] for one in rounds)


def test_the_order_follows_from_the_seed_and_differs_between_rounds(
    random: np.random.Generator,
) -> None:
    seed = int(random.integers(2**31))
    assert _order(seed) == _order(seed)
    # eight rounds of four tasks come out alike once in 24**7
    assert _order(seed) != _order(seed + 1)
    assert _order(seed)[:4] * 8 != _order(seed)


def test_every_task_has_one_turn_a_round() -> None:
    load = Workload(3)
    timings = interleave(load.tasks(), seed=0, turn_s=0, max_rounds=7, until=NEVER)
    assert [len(timing.turns) for timing in timings] == [7, 7, 7]


def test_the_least_number_of_rounds_is_run_when_the_time_is_up() -> None:
    load = Workload(2)
    timings = interleave(load.tasks(), seed=0, turn_s=0, max_rounds=50, until=PAST, min_rounds=9)
    assert [len(timing.turns) for timing in timings] == [9, 9]


def test_no_round_is_begun_after_the_deadline() -> None:
    task = Task(lambda: time.sleep(0.01))
    until = time.monotonic() + 0.3
    (timing,) = interleave([task], seed=0, turn_s=0, max_rounds=10_000, until=until)
    assert 6 <= len(timing.turns) < 100
    assert time.monotonic() < until + 5


def test_a_turn_lasts_as_long_as_asked_for_and_counts_its_calls() -> None:
    task = Task(lambda: time.sleep(0.002))
    (timing,) = interleave([task], seed=0, turn_s=0.05, max_rounds=1, until=NEVER)
    turn = timing.turns[0]
    assert turn.wall_s >= 0.05
    assert 2 <= turn.calls <= 25
    assert turn.seconds.min() >= 0.002
    assert turn.seconds.sum() <= turn.wall_s


def test_concurrent_calls_overlap_and_are_all_counted() -> None:
    together = threading.Barrier(3, timeout=30)
    calls: list[int] = []

    def call() -> None:
        # the call that warms up comes alone
        if calls:
            together.wait()
        calls.append(1)

    (timing,) = interleave([Task(call, 3)], seed=0, turn_s=0, max_rounds=1, until=NEVER)
    assert timing.turns[0].calls == 3
    assert len(calls) == 4


class _Interrupted(ThreadPoolExecutor):
    """Ctrl-C comes when some of the threads wait for the others."""

    def submit(self, *arguments: Any, **options: Any) -> "Future[Any]":
        if self._threads:
            raise KeyboardInterrupt
        return super().submit(*arguments, **options)


def test_ctrl_c_between_the_threads_of_a_turn_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewind.measure.timing.ThreadPoolExecutor", _Interrupted)
    ended = list[BaseException]()

    def measure() -> None:
        try:
            interleave([Task(lambda: None, 2)], seed=0, turn_s=0, max_rounds=1, until=NEVER)
        except KeyboardInterrupt as error:
            ended.append(error)

    thread = threading.Thread(target=measure, daemon=True)
    thread.start()
    thread.join(30)
    assert len(ended) == 1


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_error_in_a_call_reaches_the_caller(concurrency: int) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        if len(calls) > 1:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        interleave([Task(call, concurrency)], seed=0, turn_s=0, max_rounds=1, until=NEVER)


def test_a_call_twice_as_long_is_half_as_fast() -> None:
    slow, fast = (Timing([Turn(np.full(3, each), 3 * each, each)] * 8) for each in (0.02, 0.01))
    assert speedup(slow, fast) == Ratio(2.0, 2.0, 2.0)
    assert throughput_ratio(slow, fast) == Ratio(2.0, 2.0, 2.0)


def test_the_energy_of_a_turn_is_what_the_counter_went_forward_by() -> None:
    reading = iter(range(100))
    tasks = [Task(lambda: None)] * 2
    timings = interleave(
        tasks, seed=0, turn_s=0, max_rounds=3, until=NEVER, joules=lambda: float(next(reading))
    )
    assert [turn.joules for timing in timings for turn in timing.turns] == [1.0] * 6
    assert timings[0].joules_per_call is not None
    [unread] = interleave(tasks[:1], seed=0, turn_s=0, max_rounds=3, until=NEVER)
    assert unread.joules_per_call is None


def test_equal_programs_are_not_told_apart_on_this_machine() -> None:
    values = np.random.default_rng(0).random((200, 200))
    tasks = [Task(lambda: values @ values) for _ in range(2)]
    timings = interleave(tasks, seed=1, turn_s=0.002, max_rounds=20, until=NEVER)
    ratio = speedup(timings[0], timings[1], confidence=0.9999)
    assert ratio.low <= 1 <= ratio.high


def _timing(*turns: tuple[list[float], float, float]) -> Timing:
    return Timing([Turn(np.array(seconds), wall, cpu) for seconds, wall, cpu in turns])


def test_latency_is_a_percentile_over_all_calls() -> None:
    timing = _timing(([0.001, 0.003], 0.004, 0.008), ([0.002, 0.004], 0.006, 0.012))
    assert timing.latency_ms(50) == pytest.approx(2.5)
    assert timing.latency_ms(100) == pytest.approx(4)
    assert timing.medians_s == pytest.approx([0.002, 0.003])
    assert timing.wall_per_call_s == pytest.approx([0.002, 0.003])
    assert timing.cpu_per_call_s == pytest.approx(0.005)


def test_throughput_counts_the_work_in_a_call() -> None:
    one = _timing(*[([0.01], 0.01, 0.01)] * 6)
    batch = _timing(*[([0.02], 0.02, 0.02)] * 6)
    # eight examples in twice the time of one: four times the throughput
    assert throughput_ratio(one, batch, work=8).ratio == pytest.approx(4)


def test_a_program_that_is_slow_now_and_then_is_compared_by_its_mean() -> None:
    steady = Timing([Turn(np.full(10, 2.0), 20.0, 20.0) for _ in range(20)])
    # nine calls of 1 and one of 6: a median of 1, a mean of 1.5
    uneven = Timing([Turn(np.array([1.0] * 9 + [6.0]), 15.0, 15.0) for _ in range(20)])
    assert speedup(steady, uneven).ratio == pytest.approx(2.0)
    assert speedup(steady, uneven, varies=True).ratio == pytest.approx(2.0 / 1.5)


def test_calls_go_through_all_batches_again_and_again() -> None:
    asked: list[float] = []
    batches = [{"x": np.array([value])} for value in (1.0, 2.0, 3.0)]
    with _Recording(asked) as runner:
        call = calling(runner, *batches)
        for _ in range(7):
            call()
        assert asked == [1, 2, 3, 1, 2, 3, 1]
        calling(runner, batches[1])()
    assert asked[-1] == 2


@final
class _Recording(Runner):
    """Writes down what it is asked."""

    def __init__(self, asked: list[float]) -> None:
        self._asked = asked

    @property
    def signature(self) -> Signature:
        return Signature((), ())

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        self._asked.append(float(inputs["x"][0]))
        return {}

    def close(self) -> None: ...
