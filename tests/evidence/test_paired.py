import numpy as np
import pytest
from scipy import stats

from tradewind.errors import SettingError
from tradewind.evidence import PairedCounts, drop_p_value, drop_upper_bound, is_non_inferior

ALPHA = 0.05
# numerical slack of a p-value on the safe side: interpolation alpha * 1e-4, readings 1e-6
SLACK = 1e-5


def brute_force_p_value(counts: PairedCounts, max_drop: float) -> float:
    """Enumerate all outcomes on a fine grid of p_c; misses at most the gaps of the grid."""
    quantile = float(stats.norm.ppf(1.0 - ALPHA))
    n = counts.n
    worse, better = np.divmod(np.arange((n + 1) ** 2), n + 1)
    possible = worse + better <= n
    worse, better = worse[possible], better[possible]
    order = worse - better + quantile * np.sqrt(worse + better + quantile**2)
    seen = (worse == counts.worse) & (better == counts.better)
    favourable = order <= order[seen] + 1e-9
    missed = ALPHA / 1000.0
    low = max(0.0, _limits(counts.better, n, missed)[0])
    high = min(_limits(counts.worse, n, missed)[1] - max_drop, (1.0 - max_drop) / 2.0)
    if low > high:
        return missed
    outcomes = np.stack([worse, better, n - worse - better], axis=1)[favourable]
    grid = np.linspace(np.sqrt(low), np.sqrt(high), 400) ** 2
    tails = [
        stats.multinomial.pmf(outcomes, n, [max_drop + p, p, max(0.0, 1 - max_drop - 2 * p)]).sum()
        for p in np.clip(grid, low, high)
    ]
    return min(1.0, missed + float(max(tails)))


def _limits(k: int, n: int, missed: float) -> tuple[float, float]:
    """Clopper-Pearson limits by scipy, missed / 2 on either side."""
    interval = stats.binomtest(k, n).proportion_ci(1.0 - missed, method="exact")
    return float(interval.low), float(interval.high)


@pytest.mark.parametrize("max_drop", [0.0, 0.03, 0.1, 0.4])
@pytest.mark.parametrize("n", [1, 7, 30])
def test_p_value_equals_a_brute_force_enumeration(
    n: int, max_drop: float, random: np.random.Generator
) -> None:
    for _ in range(6):
        worse = int(random.integers(0, n + 1))
        better = int(random.integers(0, n - worse + 1))
        counts = PairedCounts(n, worse, better)
        exact = brute_force_p_value(counts, max_drop)
        ours = drop_p_value(counts, max_drop)
        # the grid of 400 points misses a maximum by a relative 1e-3 at these n
        assert exact - 1e-9 <= ours <= exact * 1.001 + SLACK, counts


@pytest.mark.parametrize("n", [20, 300, 5000])
def test_p_value_never_falls_when_an_example_gets_worse(
    n: int, random: np.random.Generator
) -> None:
    for _ in range(20):
        worse, better = random.multinomial(n - 1, [0.03, 0.02, 0.95])[:2].tolist()
        before = drop_p_value(PairedCounts(n, worse, better), 0.02)
        after = drop_p_value(PairedCounts(n, worse + 1, better), 0.02)
        assert after >= before - SLACK


@pytest.mark.parametrize("n", [20, 300, 5000])
def test_p_value_never_rises_when_an_example_gets_better(
    n: int, random: np.random.Generator
) -> None:
    for _ in range(20):
        worse, better = random.multinomial(n - 1, [0.03, 0.02, 0.95])[:2].tolist()
        before = drop_p_value(PairedCounts(n, worse, better), 0.02)
        after = drop_p_value(PairedCounts(n, worse, better + 1), 0.02)
        assert after <= before + SLACK


@pytest.mark.parametrize(("n", "worse", "better"), [(1000, 6, 4), (200, 5, 9), (60, 0, 3)])
def test_p_value_never_rises_with_the_margin(n: int, worse: int, better: int) -> None:
    counts = PairedCounts(n, worse, better)
    p_values = np.array([drop_p_value(counts, d) for d in np.linspace(0.0, 0.2, 300)])
    assert np.all(np.diff(p_values) <= SLACK)


def test_p_value_of_no_disagreement_is_the_chance_of_no_drop() -> None:
    expected = 0.99**300 + ALPHA / 1000.0
    assert drop_p_value(PairedCounts(300, 0, 0), 0.01) == pytest.approx(expected, abs=SLACK)


def test_p_value_of_a_zero_margin_is_a_one_sided_sign_test_made_unconditional() -> None:
    counts = PairedCounts(n=500, worse=5, better=25)
    sign_test = stats.binomtest(5, 30, alternative="less").pvalue
    assert sign_test / 2.0 < drop_p_value(counts, 0.0, confidence=0.9999) < 2.0 * sign_test


def test_p_value_of_a_huge_sample_is_finite() -> None:
    counts = PairedCounts(n=10**8, worse=300_000, better=200_000)
    assert 0.0 < drop_p_value(counts, 0.0011) < ALPHA
    assert drop_p_value(counts, 0.0009) > ALPHA


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_upper_bound_is_the_margin_at_which_the_test_starts_to_reject(
    confidence: float, random: np.random.Generator
) -> None:
    for _ in range(10):
        n = int(random.integers(50, 3000))
        worse, better = random.multinomial(n, [0.04, 0.03, 0.93])[:2].tolist()
        counts = PairedCounts(n, worse, better)
        bound = drop_upper_bound(counts, confidence)
        width = bound - counts.drop
        assert is_non_inferior(counts, max(bound, 0.0), confidence)
        # the search resolves 1e-4 of a bracket that is at most ten times this width
        just_below = bound - 0.01 * width
        assert just_below < 0.0 or not is_non_inferior(counts, just_below, confidence)


def test_upper_bound_of_a_much_better_variant_is_negative() -> None:
    assert -0.2 < drop_upper_bound(PairedCounts(1000, 0, 200), 0.95) < -0.15


def test_upper_bound_of_one_lost_example_is_one() -> None:
    assert drop_upper_bound(PairedCounts(1, 1, 0), 0.95) == 1.0


@pytest.mark.parametrize(
    ("n", "p_worse", "p_better", "runs"),
    [(300, 0.05, 0.03, 1000), (500, 0.0105, 0.0005, 3000), (2000, 0.02, 0.03, 250)],
)
def test_upper_bound_covers_the_true_drop_as_often_as_promised(
    n: int, p_worse: float, p_better: float, runs: int, random: np.random.Generator
) -> None:
    drawn = random.multinomial(n, [p_worse, p_better, 1.0 - p_worse - p_better], size=runs)
    outcomes, times = np.unique(drawn[:, :2], axis=0, return_counts=True)
    missed = sum(
        count
        for (worse, better), count in zip(outcomes.tolist(), times.tolist(), strict=True)
        if drop_upper_bound(PairedCounts(n, worse, better), 0.9) < p_worse - p_better
    )
    # four standard errors of a share of 0.1: a false alarm in 30,000
    assert missed / runs <= 0.1 + 4.0 * np.sqrt(0.1 * 0.9 / runs)


def test_counts_from_correct_answers_count_each_direction() -> None:
    original = np.array([True, True, True, False, False, True])
    variant = np.array([True, False, False, True, False, True])
    counts = PairedCounts.from_correct(original, variant)
    assert counts == PairedCounts(n=6, worse=2, better=1)
    assert counts.drop == pytest.approx(1 / 6)
    assert counts.disagreement == pytest.approx(3 / 6)


@pytest.mark.parametrize(
    ("n", "worse", "better", "where"),
    [(0, 0, 0, "n"), (10, -1, 0, "worse"), (10, 11, 0, "worse"), (10, 6, 5, "better")],
)
def test_counts_that_cannot_be_are_refused(n: int, worse: int, better: int, where: str) -> None:
    with pytest.raises(SettingError) as refused:
        PairedCounts(n, worse, better)
    assert refused.value.where == where


def test_correct_answers_of_unequal_length_are_refused() -> None:
    with pytest.raises(SettingError, match=r"variant: expected bool\[3\], got bool\[2\]"):
        PairedCounts.from_correct(np.ones(3, dtype=np.bool_), np.ones(2, dtype=np.bool_))


def test_correct_answers_of_another_type_are_refused() -> None:
    labels = np.array([0.0, 1.0]) > 2.0
    with pytest.raises(SettingError, match="original"):
        PairedCounts.from_correct(labels.astype(np.float64), labels)


def test_no_correct_answers_are_refused() -> None:
    with pytest.raises(SettingError, match="1 or more"):
        PairedCounts.from_correct(np.ones(0, dtype=np.bool_), np.ones(0, dtype=np.bool_))


@pytest.mark.parametrize("max_drop", [-0.01, 1.0, float("nan")])
def test_a_margin_outside_its_range_is_refused(max_drop: float) -> None:
    with pytest.raises(SettingError, match="max_drop"):
        drop_p_value(PairedCounts(10, 1, 1), max_drop)


@pytest.mark.parametrize("confidence", [0.0, 0.49, 0.99999, 1.0, 95.0, float("nan")])
def test_a_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(SettingError, match="confidence"):
        drop_upper_bound(PairedCounts(10, 1, 1), confidence)
