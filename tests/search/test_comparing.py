"""Quick timings in moments that are not quiet."""

import time
from typing import final

import numpy as np
import pytest
from tests.search.stage import baseline, job

from tradewind.engines import OnnxRuntime
from tradewind.measure import Timing
from tradewind.measure.timing import Turn
from tradewind.runners import Runner
from tradewind.search.comparing import Comparison
from tradewind.search.probing import Inputs, make_inputs
from tradewind.tensors import Array, Signature, Tensors


def _timings(factor: float) -> list[Timing]:
    """Return a look in which the baseline under load took `factor` times what it usually does."""
    original = baseline()
    usual_s = original.example_s * original.load.batch_size
    walls = (1.0, 1.0, factor * usual_s, 1.0)
    return [Timing([Turn(np.array([wall_s]), wall_s, wall_s)]) for wall_s in walls]


@pytest.mark.parametrize(
    ("factors", "taken", "looks"),
    [
        ((1.2, 1.0), 0, 1),  # about as usual
        ((2.0, 1.1), 1, 2),
        ((0.5, 1.1), 1, 2),  # what comes after a pause is no rule either
        ((1.5, 3.0), 0, 2),  # the calmer of two disturbed ones
    ],
)
def test_a_disturbed_look_is_repeated_once(
    factors: tuple[float, ...], taken: int, looks: int
) -> None:
    work = job()
    with OnnxRuntime().compile(work.model) as runner:
        comparison = Comparison(work, Inputs({}), baseline(), runner)
        found = [_timings(factor) for factor in factors]
        limits, every = list[float](), iter(found)

        def measure(limit_s: float) -> list[Timing]:
            limits.append(limit_s)
            return next(every)

        assert comparison._calmly(measure) is found[taken]
    assert len(limits) == looks
    assert all(limit_s > 0 for limit_s in limits)


@final
class _Slower(Runner):
    """Answers as another runner does, after a pause."""

    def __init__(self, inner: Runner, pause_s: float) -> None:
        self._inner = inner
        self._pause_s = pause_s

    @property
    def signature(self) -> Signature:
        return self._inner.signature

    def __call__(self, inputs: Tensors) -> dict[str, Array]:
        until = time.perf_counter() + self._pause_s
        while time.perf_counter() < until:
            pass
        return self._inner(inputs)

    def close(self) -> None: ...


def test_what_is_far_behind_the_best_is_so_at_a_glance() -> None:
    work = job()
    inputs = make_inputs(work.dataset.take, work.timed(), None)
    with OnnxRuntime().compile(work.model) as inner:
        usual, slower = _Slower(inner, 0.002), _Slower(inner, 0.0024)  # 1.2 times as much
        comparison = Comparison(work, inputs, baseline(), usual)
        load = baseline().load
        assert not comparison._is_far_behind(slower, load, best=1.0)
        assert comparison._is_far_behind(slower, load, best=0.4)
