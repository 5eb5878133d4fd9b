"""Quick timings look at the ways of running that a machine has."""

import threading
import time
from typing import final

import numpy as np
import pytest

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.runners import Runner
from tradewind.search.probing import LOAD_TURN_S, Inputs, best_load, callers_of, loaded
from tradewind.search.settings import SearchSettings
from tradewind.tensors import Array, Datatype, Signature, Tensors, TensorSpec


@final
class Counting(Runner):
    """Waits a moment for each call; notes how large it was and how many there were at once."""

    def __init__(self, moment_s: float = 0.005) -> None:
        self._moment_s = moment_s
        self.seen: list[tuple[int, int]] = []
        self._inside = 0
        self._lock = threading.Lock()

    @property
    def signature(self) -> Signature:
        spec = TensorSpec("x", Datatype.FP32, ("N", 1))
        return Signature((spec,), (spec,))

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        with self._lock:
            self._inside += 1
            self.seen.append((len(inputs["x"]), self._inside))
        time.sleep(self._moment_s)
        with self._lock:
            self._inside -= 1
        return dict(inputs)

    def close(self) -> None:
        pass


INPUTS = Inputs({size: (({"x": np.zeros((size, 1), np.float32)}),) for size in (1, 8, 32)})


def test_a_caller_comes_for_each_computation_that_runs_side_by_side() -> None:
    assert callers_of(OpenVINO(streams=4), 8) == (4,)
    assert callers_of(OnnxRuntime(threads=1), 8) == (8,)
    assert callers_of(OnnxRuntime(), 8) == (1, 8)
    assert callers_of(OnnxRuntime(), 1) == (1,)


def test_the_batch_size_is_looked_for_with_as_many_callers_as_come_later() -> None:
    runner = Counting()
    found = best_load(runner, INPUTS, (3,), 0.05, 0)
    assert found.load.concurrency == 3
    assert max(at_once for size, at_once in runner.seen if size == 1) > 1


def test_other_numbers_of_callers_are_tried_in_the_end() -> None:
    runner = Counting()
    found = best_load(runner, INPUTS, (1, 3), 0.05, 0)
    together = {size for size, at_once in runner.seen if at_once > 1}
    assert together == {found.load.batch_size}


@pytest.mark.parametrize(
    ("call_s", "callers", "usual_s", "turn_s"),
    [
        (0.0001, 1, 0.1, 0.012),  # calls enough, and time for the machine to settle
        (0.0001, 2, 0.1, 0.024),
        (0.001, 1, 0.1, 0.05),  # fifty calls
        (0.02, 1, 0.1, 0.1),
        (0.015, 2, 0.01, 0.09),  # each caller comes round
        (0.1, 2, 0.01, LOAD_TURN_S),
    ],
)
def test_a_turn_is_as_long_as_the_calls_need(
    call_s: float, callers: int, usual_s: float, turn_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = iter([0.0, call_s])  # before the call that is timed, and after it
    monkeypatch.setattr("tradewind.search.probing.time.perf_counter", lambda: next(readings))
    task = loaded(Counting(0.0), INPUTS.by_size[1], callers, usual_s)
    assert task.turn_s == pytest.approx(turn_s)


def test_a_short_search_is_less_patient() -> None:
    assert SearchSettings(3600).patience == SearchSettings(120).patience == 1
    assert SearchSettings(60).patience == 0.5
    assert 0.3 < SearchSettings(5).patience < 0.4
