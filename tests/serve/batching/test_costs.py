import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serve.properties import relaxed

from tradewind.serve.batching.costs import Costs, Curve, ladder


def learned(base_s: float, each_s: float, sizes: tuple[int, ...], times: int = 20) -> Curve:
    curve = Curve(ladder(64))
    for size in sizes:
        for _ in range(times):
            curve.learn(size, base_s + each_s * size)
    return curve


ALL = ladder(64)


def test_the_ladder_holds_powers_of_two_what_lies_between_and_what_is_preferred() -> None:
    assert ladder(64) == (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
    assert ladder(5, (5, 7)) == (1, 2, 3, 4, 5)
    assert ladder(1) == (1,)


def test_nothing_is_known_at_first() -> None:
    assert Curve(ALL).time_s(4) is None
    assert Curve(ALL).choose(100, 1.0) == 1


@relaxed
@given(st.floats(0.0001, 0.1), st.floats(0.00001, 0.01), st.integers(1, 64))
def test_a_straight_line_is_learned(base_s: float, each_s: float, size: int) -> None:
    curve = learned(base_s, each_s, (1, 4, 16, 64))
    assert curve.time_s(size) == pytest.approx(base_s + each_s * size, rel=0.01)


def test_sizes_are_tried_in_steps_that_at_most_double() -> None:
    curve = Curve(ALL)
    sizes = []
    for _ in range(40):
        size = curve.choose(64, 10.0)
        sizes.append(size)
        curve.learn(size, 0.01 + 0.0001 * size)
    assert max(sizes) == 64
    assert all(size <= 2 * max(sizes[:place], default=1) for place, size in enumerate(sizes))


def test_the_smallest_of_nearly_equal_rates_is_chosen() -> None:
    assert learned(0.0, 0.01, ALL).choose(64, 10.0) == 1
    # 64 rows: 64 / 70 of the rate at no base; 97% of it is reached with 48
    assert learned(0.006, 0.001, ALL).choose(64, 10.0) == 48
    assert learned(0.006, 0.001, ALL).choose(5, 10.0) == 4


def test_a_batch_keeps_to_the_limit_unless_one_example_does_not() -> None:
    curve = learned(0.01, 0.001, ALL)
    assert curve.choose(64, 0.03) <= 20
    assert curve.choose(64, 0.001) == 1
    assert curve.full(0.03) <= 20


def test_a_size_with_code_of_its_own_is_found() -> None:
    curve = learned(0.0, 0.01, ALL)
    for _ in range(100):
        curve.learn(8, 0.04)  # half of what the line says
    assert curve.choose(64, 10.0) == 8
    assert curve.choose(7, 10.0) < 8


def test_the_first_time_of_a_size_counts_little() -> None:
    curve = learned(0.01, 0.001, (1, 2, 4))
    curve.learn(8, 5.0)  # the engine prepares itself
    curve.learn(8, 0.018)
    curve.learn(8, 0.018)
    found = curve.time_s(8)
    assert found is not None
    assert found < 0.03


def test_a_model_that_becomes_slow_is_noticed() -> None:
    curve = learned(0.01, 0.001, (1, 2, 4))
    for _ in range(100):
        curve.learn(4, 1.4)
    assert curve.time_s(4) == pytest.approx(1.4, rel=0.25)


@pytest.mark.parametrize(("times", "most"), [(1, 1), (2, 2), (100, 17)])
def test_what_was_told_is_soon_worked_out_again(times: int, most: int) -> None:
    curve = learned(0.0, 0.01, ALL, times)
    sizes = (1, 8, 11, 100)
    told = [curve.time_s(size) for size in sizes]
    full = curve.full(10.0)
    taken = 0
    while [curve.time_s(size) for size in sizes] == told:
        curve.learn(8, 0.2)
        taken += 1
    assert taken <= most
    for size in ALL:  # now an example costs nothing beside others
        for _ in range(200):
            curve.learn(size, 0.1)
    assert full == 1
    assert curve.full(10.0) == 64


def test_a_size_that_was_unlucky_gets_another_chance() -> None:
    curve = learned(0.01, 0.0001, ALL)
    for _ in range(30):
        curve.learn(64, 1.0)  # while the machine was busy with something else
    sizes = []
    for _ in range(5000):
        size = curve.choose(64, 10.0)
        sizes.append(size)
        curve.learn(size, 0.01 + 0.0001 * size)
    assert sizes[0] == 48
    assert sizes[-1] == 64


@relaxed
@given(st.lists(st.tuples(st.integers(1, 200), st.floats(1e-6, 10.0)), max_size=200))
def test_any_times_leave_a_curve_that_answers(seen: list[tuple[int, float]]) -> None:
    curve = Curve(ALL)
    for size, seconds in seen:
        curve.learn(size, seconds)
        assert 1 <= curve.choose(64, 0.05) <= 64
        assert 1 <= curve.full(0.05) <= 64
        for asked in (1, 5, 64, 1000):
            found = curve.time_s(asked)
            assert found is not None
            assert np.isfinite(found)
            assert found > 0


def test_shapes_that_nobody_asks_for_are_forgotten() -> None:
    costs = Costs(ALL)
    costs.of(((0,),)).learn(1, 0.5)
    for number in range(1000):
        costs.of(((number,),))
        costs.of(((0,),))
    assert costs.of(((0,),)).time_s(1) == 0.5
    for number in range(1000):
        costs.of(((number + 1,),))
    assert costs.of(((0,),)).time_s(1) is None
