import numpy as np
import pytest
from scipy import stats

from tradewind.measure import Ratio, paired_ratio
from tradewind.tensors import Array

ROUNDS = (6, 12, 30, 60)
REPEATS = 3_000


def _noise(random: np.random.Generator, rounds: int) -> Array:
    """Return the time of each of two turns a round, on a machine with neighbours.

    Both turns of a round share a slow state that lasts over many rounds and a bad moment that
    only one of them meets, Pareto with a shape of 1.2: its variance is infinite.
    """
    state = np.cumsum(random.standard_normal(rounds)) * 0.2
    moments = random.pareto(1.2, (rounds, 2))
    # the second turn of a round is always somewhat slower: the caches are another's
    return np.asarray(np.exp(state)[:, None] * (1 + moments) * np.array([1.0, 1.1]))


def _shuffled(random: np.random.Generator, times: Array, speed: float) -> tuple[Array, Array]:
    """Return what two programs took whose order is drawn anew in every round."""
    first = random.integers(2, size=len(times))
    rows = np.arange(len(times))
    return times[rows, first], times[rows, 1 - first] / speed


@pytest.mark.parametrize("rounds", ROUNDS)
def test_equal_programs_are_told_apart_no_more_often_than_promised(
    rounds: int, random: np.random.Generator
) -> None:
    better = worse = 0
    for _ in range(REPEATS):
        ratio = paired_ratio(*_shuffled(random, _noise(random, rounds), 1.0))
        better += ratio.is_better
        worse += ratio.high < 1
    # 2.5% each; five standard errors of a share of 3,000 are passed once in millions
    limit = 0.025 + 5 * np.sqrt(0.025 * 0.975 / REPEATS)
    assert better / REPEATS < limit
    assert worse / REPEATS < limit


@pytest.mark.parametrize("rounds", ROUNDS)
def test_the_interval_holds_the_true_median_ratio(rounds: int, random: np.random.Generator) -> None:
    held = 0
    for _ in range(REPEATS):
        ratio = paired_ratio(*_shuffled(random, _noise(random, rounds), 1.7))
        held += ratio.low <= 1.7 <= ratio.high
    assert held / REPEATS > 0.95 - 5 * np.sqrt(0.05 * 0.95 / REPEATS)


def test_a_clear_difference_is_seen_in_a_few_rounds(random: np.random.Generator) -> None:
    times = 1 + 0.01 * random.random((8, 2))
    ratio = paired_ratio(times[:, 0], times[:, 1] / 2)
    assert ratio.is_better
    assert 1.9 < ratio.low <= ratio.ratio <= ratio.high < 2.1


def test_the_ends_are_the_order_statistics_of_the_sign_test(random: np.random.Generator) -> None:
    for rounds in range(1, 80):
        baseline, candidate = random.random((2, rounds)) + 0.1
        ratios = np.sort(baseline / candidate)
        outside = 0
        while stats.binom.cdf(outside, rounds, 0.5) <= 0.025:
            outside += 1
        found = paired_ratio(baseline, candidate)
        if outside == 0:
            assert (found.low, found.high) == (0.0, float("inf"))
        else:
            assert (found.low, found.high) == (ratios[outside - 1], ratios[rounds - outside])
        assert found.ratio == pytest.approx(float(np.median(ratios)))


def test_five_rounds_are_too_few_for_95_percent_and_six_are_not() -> None:
    assert not paired_ratio(np.full(5, 9.0), np.ones(5)).is_better
    assert paired_ratio(np.full(6, 9.0), np.ones(6)) == Ratio(9.0, 9.0, 9.0)


def test_more_confidence_makes_a_wider_interval(random: np.random.Generator) -> None:
    baseline, candidate = random.random((2, 50)) + 0.1
    narrow = paired_ratio(baseline, candidate, 0.5)
    wide = paired_ratio(baseline, candidate, 0.999)
    assert wide.low < narrow.low < narrow.high < wide.high
