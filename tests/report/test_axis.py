"""From values to places."""

import pytest

from tradewind.report.axis import Axis, cost_axis, round_up


def test_costs_begin_at_zero() -> None:
    assert cost_axis([5.0, 20.0], 0, 100).low == 0


def test_costs_that_differ_very_much_are_on_a_logarithmic_axis() -> None:
    axis = cost_axis([1.0, 1000.0], 0, 100)
    assert axis.is_log
    assert axis.at(1000.0) - axis.at(100.0) == pytest.approx(axis.at(10.0) - axis.at(1.0))


@pytest.mark.parametrize("costs", [[0.0], [0.0, 0.0], [0.0, 1e12], [1e-9, 1e12]])
def test_odd_costs_have_places(costs: list[float]) -> None:
    axis = cost_axis(costs, 10, 90)
    assert all(10 <= axis.at(cost) <= 90 for cost in costs)


def test_a_value_outside_is_at_the_nearer_end() -> None:
    axis = Axis(0, 1, 100, 0)
    assert (axis.at(2), axis.at(-1)) == (0, 100)


def test_ticks_are_round_and_on_the_axis() -> None:
    assert Axis(0, 26.3, 0, 1).ticks() == [0, 10, 20]
    assert Axis(0.7, 30, 0, 1, is_log=True).ticks() == pytest.approx([1, 2, 5, 10, 20])


@pytest.mark.parametrize(("value", "rounded"), [(0.3, 0.5), (2.2, 2.5), (10, 10), (60, 100)])
def test_a_step_is_rounded_up(value: float, rounded: float) -> None:
    assert round_up(value) == pytest.approx(rounded)
