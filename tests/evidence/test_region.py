import numpy as np
import pytest
from scipy import stats

from tradewind.evidence.nuisance import highest_probability
from tradewind.evidence.region import FavourableRegion, approximate_limit


@pytest.mark.parametrize("quantile", [0.0, 1.645, 3.72])
def test_order_rises_with_worse_examples(quantile: float) -> None:
    for better in range(60):
        limits = [approximate_limit(worse, better, quantile) for worse in range(60)]
        assert np.all(np.diff(limits) >= 1.0)


@pytest.mark.parametrize("quantile", [0.0, 1.645, 3.72])
def test_order_falls_by_a_half_at_least_with_each_better_example(quantile: float) -> None:
    for worse in range(60):
        limits = [approximate_limit(worse, better, quantile) for better in range(60)]
        assert np.all(np.diff(limits) <= -0.5)


@pytest.mark.parametrize("n", [1, 9, 40])
def test_probability_of_a_region_equals_the_sum_over_its_outcomes(
    n: int, random: np.random.Generator
) -> None:
    worse, better = np.divmod(np.arange((n + 1) ** 2), n + 1)
    possible = worse + better <= n
    worse, better = worse[possible], better[possible]
    order = np.array([approximate_limit(b, c, 1.645) for b, c in zip(worse, better, strict=True)])
    for _ in range(20):
        p = random.dirichlet([0.5, 0.5, 0.5])
        limit = float(random.choice(order))
        outcomes = np.stack([worse, better, n - worse - better], axis=1)[order <= limit + 1e-9]
        expected = float(stats.multinomial.pmf(outcomes, n, p).sum())
        region = FavourableRegion(n, limit, 1.645)
        found = float(region.probability(p[:1], p[1:2])[0])
        # never below, and above by at most what is added for rounding
        assert expected - 1e-12 <= found <= expected + 1e-9


def test_probability_of_a_region_in_a_large_sample_equals_a_sum_the_other_way_round() -> None:
    n, p_worse, p_better = 50_000, 0.05, 0.045
    limit = approximate_limit(2500, 2250, 1.645)
    region = FavourableRegion(n, limit, 1.645)
    better = np.arange(1900, 2600)
    worse = np.array([_most_worse(int(c), limit) for c in better])
    given = stats.binom.cdf(worse, n - better, p_worse / (1.0 - p_better))
    expected = float((stats.binom.pmf(better, n, p_better) * given).sum())
    found = float(region.probability(np.array([p_worse]), np.array([p_better]))[0])
    # binomial masses of n = 50,000 carry a relative rounding error near 1e-9
    assert found == pytest.approx(expected, abs=1e-8)


def _most_worse(better: int, limit: float) -> int:
    worse = 0
    while approximate_limit(worse + 1, better, 1.645) <= limit:
        worse += 1
    return worse


@pytest.mark.parametrize(
    ("n", "max_drop", "low", "high"),
    [
        (20, 0.1, 0.0, 0.45),
        (300, 0.02, 0.0, 0.49),
        (300, -0.2, 0.2, 0.6),
        (5000, 0.0, 0.0, 0.01),
        (50_000, 0.01, 0.04, 0.06),
    ],
)
def test_highest_probability_is_never_below_any_point_of_the_line(
    n: int, max_drop: float, low: float, high: float, random: np.random.Generator
) -> None:
    error = 5e-6
    for _ in range(3):
        worse = random.binomial(n, max(0.0, low + max_drop) / 2 + high / 2)
        better = random.binomial(n - worse, (low + high) / 2)
        region = FavourableRegion(n, approximate_limit(worse, better, 1.645), 1.645)
        bound = highest_probability(region, max_drop, low, high, error)
        points = random.uniform(np.sqrt(low), np.sqrt(high), 498) ** 2
        grid = np.sort(np.append(points, (low, high)))  # the largest is often at an end
        seen = max(float(region.probability(max_drop + p, p).max()) for p in np.split(grid, 50))
        assert bound >= seen - 1e-12
        # what 500 random points miss is far below 1e-3 of a smooth curve
        assert bound <= seen * 1.01 + 2.0 * error
