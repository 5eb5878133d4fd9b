"""Quick timings in moments that are not quiet."""

import numpy as np
import pytest
from tests.search.stage import baseline, job

from tradewind.engines import OnnxRuntime
from tradewind.measure import Timing
from tradewind.measure.timing import Turn
from tradewind.search import comparing
from tradewind.search.comparing import Comparison
from tradewind.search.probing import Inputs, make_inputs


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


def test_what_is_far_behind_the_best_is_so_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    work = job()
    looks = [Timing([Turn(np.array([wall_s]), wall_s, wall_s)]) for wall_s in (1.0, 1.2)]
    monkeypatch.setattr(comparing, "probe", lambda *_, **__: looks)
    with OnnxRuntime().compile(work.model) as runner:
        inputs = make_inputs(work.dataset.take, work.timed(), None)
        comparison = Comparison(work, inputs, baseline(), runner)
        assert not comparison._is_far_behind(runner, baseline().load, best=1.0)
        assert comparison._is_far_behind(runner, baseline().load, best=0.4)
