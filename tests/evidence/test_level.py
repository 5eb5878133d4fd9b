"""How often the exact test rejects: never more than alpha, and often when it should."""

import math
import time
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from tradewind.evidence import PairedCounts, drop_p_value, is_non_inferior


@cache
def most_worse_rejected(
    n: int, max_drop: float, confidence: float, most_better: int
) -> npt.NDArray[np.int64]:
    """For each number of better examples, the largest number of worse ones that is certified."""
    largest, found = -1, []
    for better in range(most_better + 1):
        while largest + 1 + better <= n and is_non_inferior(
            PairedCounts(n, largest + 1, better), max_drop, confidence
        ):
            largest += 1
        found.append(min(largest, n - better))
    return np.array(found)


def rejection_probability(
    n: int, max_drop: float, confidence: float, p_worse: float, p_better: float
) -> float:
    """The exact probability of a certificate, within 1e-9 for better examples left out."""
    most = min(n, int(stats.binom.isf(1e-10, n, p_better)) + 1)
    rejected = most_worse_rejected(n, max_drop, confidence, n if n <= 400 else 150)[: most + 1]
    better = np.arange(rejected.size)
    assert better.size > most, "the table of rejected outcomes is too short"
    among_rest = min(1.0, p_worse / (1.0 - p_better))
    success = stats.binom.cdf(rejected, n - better, among_rest)
    return float((stats.binom.pmf(better, n, p_better) * success).sum())


BOUNDARY_CASES = [
    (30, 0.1, 0.95),
    (100, 0.0, 0.95),
    (100, 0.05, 0.9),
    (100, 0.05, 0.95),
    (100, 0.3, 0.95),
    (300, 0.01, 0.9),
    (300, 0.02, 0.95),
    (300, 0.05, 0.99),
    (300, 0.05, 0.999),
]


@pytest.mark.parametrize(("n", "max_drop", "confidence"), BOUNDARY_CASES)
def test_level_holds_on_the_whole_boundary_of_the_null(
    n: int, max_drop: float, confidence: float
) -> None:
    # even in sqrt(p), as finely as the level can change: 400 points
    grid = np.linspace(0.0, math.sqrt((1.0 - max_drop) / 2.0) * 0.9999, 400) ** 2
    levels = [rejection_probability(n, max_drop, confidence, max_drop + p, p) for p in grid]
    print(f"n={n} max_drop={max_drop}: level {max(levels):.4f} of {1 - confidence:.4f}")
    assert max(levels) <= 1.0 - confidence + 1e-9


@pytest.mark.parametrize(("n", "max_drop"), [(500, 0.01), (2000, 0.01), (2000, 0.005)])
def test_level_holds_where_disagreements_are_few(n: int, max_drop: float) -> None:
    grid = np.linspace(0.0, math.sqrt(60 / n), 200) ** 2
    levels = [rejection_probability(n, max_drop, 0.95, max_drop + p, p) for p in grid]
    print(f"n={n} max_drop={max_drop}: level {max(levels):.4f} of 0.05")
    assert max(levels) <= 0.05 + 1e-9
    assert max(levels) >= 0.04, "the test gives away more than a fifth of its level"


@pytest.mark.parametrize(("n", "max_drop"), [(100, 0.05), (300, 0.02)])
def test_level_is_lower_inside_the_null_than_on_its_boundary(n: int, max_drop: float) -> None:
    for p_better in np.linspace(0.0, 0.4, 30):
        edge = rejection_probability(n, max_drop, 0.95, max_drop + p_better, p_better)
        for beyond in (0.001, 0.01, 0.05, 0.3):
            p_worse = min(max_drop + p_better + beyond, 1.0 - p_better)
            assert rejection_probability(n, max_drop, 0.95, p_worse, p_better) <= edge + 1e-12


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.1, 0.2, 0.5])
def test_p_value_is_valid_at_levels_it_is_not_tuned_to(alpha: float) -> None:
    n, max_drop = 60, 0.1
    worse, better = np.divmod(np.arange((n + 1) ** 2), n + 1)
    possible = worse + better <= n
    outcomes = np.stack([worse, better, n - worse - better], axis=1)[possible]
    p_values = np.array([_p_value(n, int(b), int(c), max_drop) for b, c, _ in outcomes])
    rejected = outcomes[p_values <= alpha]
    for p in np.linspace(0.0, 0.6699, 60) ** 2:
        probabilities = [max_drop + p, p, 1.0 - max_drop - 2.0 * p]
        assert stats.multinomial.pmf(rejected, n, probabilities).sum() <= alpha + 1e-9


@cache
def _p_value(n: int, worse: int, better: int, max_drop: float) -> float:
    return drop_p_value(PairedCounts(n, worse, better), max_drop)


@pytest.mark.parametrize(
    ("n", "p_worse", "p_better"), [(500, 0.0105, 0.0005), (1000, 0.03, 0.02), (5000, 0.011, 0.001)]
)
def test_level_holds_in_simulation(
    n: int, p_worse: float, p_better: float, random: np.random.Generator
) -> None:
    runs = 20_000
    drawn = random.multinomial(n, [p_worse, p_better, 1.0 - p_worse - p_better], size=runs)
    outcomes, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
    certified = [is_non_inferior(PairedCounts(n, b, c), 0.01, 0.95) for b, c in outcomes.tolist()]
    share = float(times[certified].sum()) / runs
    print(f"n={n} p_worse={p_worse} p_better={p_better}: certified {share:.4f}")
    # four standard errors of a share of 0.05 in 20,000 runs: a false alarm in 30,000
    assert share <= 0.05 + 4.0 * math.sqrt(0.05 * 0.95 / runs)


def test_normal_approximation_certifies_twice_as_often_as_it_may() -> None:
    n, max_drop, p_worse, p_better = 500, 0.01, 0.0105, 0.0005
    worse, better = np.meshgrid(np.arange(60), np.arange(60), indexing="ij")
    drop = (worse - better) / n
    error = np.sqrt(np.maximum((worse + better) / n - drop**2, 0.0) / n)
    certified = max_drop - drop >= stats.norm.ppf(0.95) * error
    outcomes = np.stack([worse, better, n - worse - better], axis=-1)[certified]
    level = float(stats.multinomial.pmf(outcomes, n, [p_worse, p_better, 0.989]).sum())
    exact = rejection_probability(n, max_drop, 0.95, p_worse, p_better)
    print(f"level of 0.05: Wald {level:.4f}, exact test {exact:.4f}")
    assert level > 0.1
    assert exact <= 0.05


@pytest.mark.parametrize(
    ("disagreement", "drop", "max_drop", "n", "least_power"),
    [
        (0.02, 0.002, 0.01, 2000, 0.74),
        (0.01, 0.002, 0.01, 1000, 0.64),
        (0.005, 0.001, 0.005, 2000, 0.62),
    ],
)
def test_power_reaches_the_figures_of_a_test_with_known_nuisance_range(
    disagreement: float, drop: float, max_drop: float, n: int, least_power: float
) -> None:
    p_worse, p_better = (disagreement + drop) / 2.0, (disagreement - drop) / 2.0
    power = rejection_probability(n, max_drop, 0.95, p_worse, p_better)
    print(f"disagreement={disagreement} drop={drop} n={n}: power {power:.3f}")
    assert power >= least_power


def test_p_value_takes_less_than_a_second_on_many_disagreements() -> None:
    started = time.perf_counter()
    drop_p_value(PairedCounts(n=50_000, worse=2600, better=2300), 0.01)
    assert time.perf_counter() - started < 1.0
