"""Asking a runner about many examples, by one caller or several."""

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from tests.cases import CASES, DENSE

from tradewind.engines import OnnxRuntime
from tradewind.errors import EngineError
from tradewind.measure import Accuracy, Within, collect, responses
from tradewind.runners import Runner
from tradewind.tensors import Array, Signature, Tensors


class Slow(Runner):
    """Returns what it is given after a moment, and counts who asks at the same time."""

    def __init__(self, delays_s: Array, *, fails_at: int = -1) -> None:
        self.together = 0
        self.asked: list[int] = []
        self._delays_s = delays_s
        self._fails_at = fails_at
        self._inside = 0
        self._lock = threading.Lock()

    @property
    def signature(self) -> Signature:
        return DENSE.model.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        number = int(inputs["x"][0])
        with self._lock:
            self.asked.append(number)
            self._inside += 1
            self.together = max(self.together, self._inside)
        time.sleep(float(self._delays_s[number]))
        with self._lock:
            self._inside -= 1
        if number == self._fails_at:
            raise EngineError("slow", "an answer", "none")
        return {"y": inputs["x"]}

    def close(self) -> None:
        pass


def numbers(count: int) -> Iterator[Tensors]:
    """Yield batches of one example, which is its number."""
    for number in range(count):
        yield {"x": np.array([number])}


@pytest.mark.parametrize("callers", [1, 2, 5])
def test_answers_come_in_order_whoever_ends_first(
    callers: int, random: np.random.Generator
) -> None:
    runner = Slow(random.uniform(0, 0.004, 60) * (random.random(60) < 0.5))
    found = [int(one["y"][0]) for one in responses(runner, numbers(60), None, callers)]
    assert found == list(range(60))
    assert runner.together <= callers


def test_several_callers_ask_at_the_same_time() -> None:
    runner = Slow(np.full(12, 0.02))
    list(responses(runner, numbers(12), None, 3))
    assert runner.together == 3


def test_after_the_last_batch_nothing_further_is_begun() -> None:
    runner, read = Slow(np.full(50, 0.01)), 0

    def until_told() -> Iterator[Tensors]:
        nonlocal read
        for batch in numbers(50):
            if len(runner.asked) >= 10:
                return
            read += 1
            yield batch

    found = list(responses(runner, until_told(), None, 2))
    assert len(found) == read == len(runner.asked) <= 12  # no more than the callers are ahead


def test_what_goes_wrong_in_one_caller_is_raised() -> None:
    runner = Slow(np.zeros(30), fails_at=17)
    with pytest.raises(EngineError, match="slow: expected an answer"):
        list(responses(runner, numbers(30), None, 2))


def _batches(inputs: Tensors, size: int) -> Iterator[Tensors]:
    count = len(next(iter(inputs.values())))
    for at in range(0, count, size):
        yield {name: array[at : at + size] for name, array in inputs.items()}


def test_answers_come_in_order_whatever_the_batch_size(random: np.random.Generator) -> None:
    inputs = DENSE.draw(random, 23)
    with OnnxRuntime().compile(DENSE.model) as runner:
        whole = collect(runner, [inputs], Accuracy())
        assert len(whole) == 23
        for size, callers in ((1, 1), (1, 3), (4, 2), (22, 2), (50, 2)):
            found = collect(runner, _batches(inputs, size), Accuracy(), callers=callers)
            assert found.tolist() == whole.tolist()


def test_a_batch_that_the_graph_does_not_take_is_filled_up(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.fixed == 4)
    inputs = case.draw(random, 10)
    with OnnxRuntime().compile(case.model) as runner:
        answers = collect(runner, _batches(inputs, 4), Within(1), padded=4, callers=2)
    reference = np.concatenate(
        [
            case.reference({"x": np.repeat(row[None], 4, axis=0)})["logits"][:1]
            for row in inputs["x"]
        ]
    )
    assert answers.shape == (10, 5)
    assert answers == pytest.approx(reference, abs=1e-4)
