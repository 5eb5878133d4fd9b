import math

import numpy as np
import numpy.typing as npt
import pytest

from tradewind.errors import SettingError
from tradewind.evidence import BettingTest


def drawn_differences(
    p_worse: float, p_better: float, n: int, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    chance = random.random(n)
    return np.where(chance < p_worse, 1.0, np.where(chance > 1.0 - p_better, -1.0, 0.0))


def share_rejected(
    rates: tuple[float, float], max_drop: float, n: int, runs: int, random: np.random.Generator
) -> float:
    """The share of runs that reject at any moment up to n, the best time to stop."""
    rejected = 0
    for _ in range(runs):
        test = BettingTest(max_drop, expected_examples=n)
        test.update(drawn_differences(*rates, n, random))
        rejected += test.rejected(0.95)
    return rejected / runs


@pytest.mark.parametrize(
    ("p_worse", "p_better", "max_drop", "n"),
    [
        (0.015, 0.005, 0.01, 2000),
        (0.0105, 0.0005, 0.01, 1000),
        (0.3, 0.2, 0.1, 500),
        (0.05, 0.05, 0.0, 1000),
    ],
)
def test_level_holds_under_the_best_time_to_stop(
    p_worse: float, p_better: float, max_drop: float, n: int, random: np.random.Generator
) -> None:
    runs = 4000
    share = share_rejected((p_worse, p_better), max_drop, n, runs, random)
    print(f"max_drop={max_drop} n={n}: rejected {share:.4f}")
    # four standard errors of a share of 0.05 in 4,000 runs: a false alarm in 30,000
    assert share <= 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / runs)


def test_level_holds_for_losses_between_zero_and_one(random: np.random.Generator) -> None:
    runs, rejected = 3000, 0
    for _ in range(runs):
        test = BettingTest(0.05, expected_examples=300)
        test.update(random.beta(2.1, 1.9, 600) - random.beta(1.9, 2.1, 600))
        rejected += test.rejected(0.95)
    # the mean difference is exactly 0.05, the margin
    assert rejected / runs <= 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.parametrize(
    ("disagreement", "drop", "max_drop", "n", "expected"),
    [
        (0.02, 0.002, 0.01, 2000, 0.61),
        (0.02, 0.002, 0.01, 5000, 0.96),
        (0.01, 0.002, 0.01, 1000, 0.53),
        (0.005, 0.001, 0.005, 2000, 0.54),
    ],
)
def test_power_reaches_that_of_the_published_bets(
    disagreement: float,
    drop: float,
    max_drop: float,
    n: int,
    expected: float,
    random: np.random.Generator,
) -> None:
    runs = 1500
    rates = ((disagreement + drop) / 2, (disagreement - drop) / 2)
    share = share_rejected(rates, max_drop, n, runs, random)
    print(f"disagreement={disagreement} n={n}: rejected {share:.3f}, expected {expected}")
    # both figures are simulated, each within 0.013; four standard errors of their difference
    assert share >= expected - 0.075


def test_wealth_is_the_product_of_the_bets_whatever_the_batches(
    random: np.random.Generator,
) -> None:
    differences = random.uniform(-1.0, 1.0, 200)
    at_once, one_by_one, in_batches = (BettingTest(0.1, expected_examples=64) for _ in range(3))
    at_once.update(differences)
    for difference in differences:
        one_by_one.update(difference)
    for batch in np.array_split(differences, 7):
        in_batches.update(batch)
    for other in (one_by_one, in_batches):
        assert other.n == 200
        # only the order of the additions differs
        assert other.e_value == pytest.approx(at_once.e_value, rel=1e-9)
        assert other.p_value == pytest.approx(at_once.p_value, rel=1e-9)


def test_bets_do_not_depend_on_what_they_are_on(random: np.random.Generator) -> None:
    past = random.uniform(-1.0, 1.0, 50)
    wealth = []
    for last in (-1.0, 0.0, 1.0):
        test = BettingTest(0.2)
        test.update([*past, last])
        wealth.append(test.e_value)
    # linear in the last difference just when the bet on it is the same
    assert wealth[1] == pytest.approx((wealth[0] + wealth[2]) / 2.0, rel=1e-9)


def test_p_value_keeps_the_highest_wealth() -> None:
    test = BettingTest(0.1, expected_examples=100)
    test.update(np.zeros(400))
    lowest = test.p_value
    test.update(np.ones(50))
    assert test.p_value == lowest
    assert test.e_value < 1.0 / lowest
    assert test.rejected(0.95)


def test_no_examples_change_nothing() -> None:
    test = BettingTest(0.1)
    test.update([])
    assert (test.n, test.e_value, test.p_value) == (0, 1.0, 1.0)


def test_very_long_runs_stay_finite() -> None:
    test = BettingTest(0.5, expected_examples=10)
    test.update(-np.ones(100_000))
    assert math.isfinite(test.e_value)
    assert test.p_value == 0.0


@pytest.mark.parametrize("differences", [[0.0, 1.5], [float("nan")], -1.01])
def test_differences_outside_their_range_are_refused_before_any_bet(
    differences: npt.ArrayLike,
) -> None:
    test = BettingTest(0.1)
    with pytest.raises(SettingError, match=r"\[-1, 1\]"):
        test.update(differences)
    assert test.n == 0


@pytest.mark.parametrize(
    ("max_drop", "expected_examples", "confidence"),
    [(-0.1, 10, 0.95), (1.0, 10, 0.95), (0.1, 0, 0.95), (0.1, 10, 1.0)],
)
def test_settings_outside_their_range_are_refused(
    max_drop: float, expected_examples: int, confidence: float
) -> None:
    with pytest.raises(SettingError):
        BettingTest(max_drop, expected_examples, confidence)
