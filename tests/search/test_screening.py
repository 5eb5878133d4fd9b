"""How long looks at variants are taken to need."""

import pytest
from tests.search.stage import Clock, job

from tradewind.engines import OnnxRuntime
from tradewind.search.candidates import Graph
from tradewind.search.screening import GRACE, Screen


@pytest.mark.parametrize(
    ("looks_s", "next_s"),
    [
        ([], 0.0),
        ([20.0], 20.0),
        ([3.0, 20.0], 20.0),
        ([3.0, 20.0, 2.0], 3.0),  # one was disturbed
        ([3.0, 20.0, 2.0, 15.0], 15.0),  # two were not
    ],
)
def test_one_disturbed_look_does_not_end_the_search(
    looks_s: list[float], next_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    work = job(clock=clock)
    left = iter(looks_s)

    def look(*_: object) -> None:
        clock.now += next(left)

    monkeypatch.setattr(Screen, "_look", look)
    screen = Screen(work, 0.5)
    screen.baseline.runner.close()
    for _ in looks_s:
        screen.look(Graph((), work.model, ""), [OnnxRuntime()])
    assert screen.look_s == next_s
    end = work.deadline.at(0.5 + GRACE)
    clock.now = end - next_s - 0.1
    assert screen.has_time == (clock.now < work.deadline.at(0.5))
    clock.now = end - next_s
    assert not screen.has_time
